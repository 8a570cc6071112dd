"""Pure geometry of the sphere: coverage maps and HEALPix kernels."""
