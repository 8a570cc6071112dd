"""Colours of the sources in stamps, from fluxes in a small aperture."""

from __future__ import annotations

import numpy as np

from vo_photoz.datasets.sky import sky_noise
from vo_photoz.flow import BoolArray, Float32Array, FloatArray

APERTURE_PIXELS = 3.0


def colours(pixels: Float32Array, softening: FloatArray) -> FloatArray:
    """Colours and one magnitude of stamps, shape (n, band).

    Asinh magnitudes (Lupton et al. 1999, AJ 118, 1406) in an aperture of 3 pixels radius: differences of
    bands that follow one another, and the last magnitude but one; for ugriz u-g, g-r, r-i, i-z and i. The
    zero point of the magnitude is that of the unit of the pixels.

    Parameters
    ----------
    pixels : float32 array, shape (n, band, y, x)
        Stamps with the source in the middle. A missing pixel in the aperture makes its row NaN.
    softening : float array, shape (band,)
        From `aperture_noise`.
    """
    flux = pixels[..., _aperture(pixels.shape[-1])].sum(-1, dtype=np.float64)
    magnitude = -2.5 / np.log(10) * (np.arcsinh(flux / (2 * softening)) + np.log(softening))
    return np.concatenate([magnitude[:, :-1] - magnitude[:, 1:], magnitude[:, -2:][:, :1]], axis=1)


def aperture_noise(pixels: Float32Array) -> FloatArray:
    """Noise of the aperture flux in each band, as if pixels were independent, shape (band,)."""
    return sky_noise(pixels) * float(np.sqrt(_aperture(pixels.shape[-1]).sum()))


def _aperture(side: int) -> BoolArray:
    offset = np.arange(side) - (side - 1) / 2
    inside: BoolArray = np.hypot(offset[:, None], offset[None, :]) <= APERTURE_PIXELS
    return inside
