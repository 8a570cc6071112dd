"""Kernels that bring pixels of tiles into images and back, and the plans that they follow; numba."""
