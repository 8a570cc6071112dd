"""The sky noise of stamps, measured where the source is not."""

from __future__ import annotations

import numpy as np

from vo_photoz.flow import Float32Array, FloatArray

BORDER_PIXELS = 4


def sky_noise(pixels: Float32Array) -> FloatArray:
    """Standard deviation of the sky in each band, from the borders of the stamps, neighbours included.

    Parameters
    ----------
    pixels : float32 array, shape (n, band, y, x)
        Stamps with the source in the middle; NaN does not count.

    Returns
    -------
    float array, shape (band,)
        1.4826 times the median absolute deviation; in the unit of the pixels.
    """
    border = np.ones(pixels.shape[-2:], dtype=bool)
    border[BORDER_PIXELS:-BORDER_PIXELS, BORDER_PIXELS:-BORDER_PIXELS] = False
    values = np.moveaxis(pixels[..., border], 1, 0).reshape(pixels.shape[1], -1)
    centre = np.nanmedian(values, axis=1, keepdims=True)
    return np.asarray(1.4826 * np.nanmedian(np.abs(values - centre), axis=1), dtype=np.float64)
