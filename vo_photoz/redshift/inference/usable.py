"""Which stamps networks can be shown, in training and in prediction."""

from __future__ import annotations

import numpy as np

from vo_photoz.flow import BoolArray, Float32Array

CORE_PIXELS = 6


def usable(pixels: Float32Array) -> BoolArray:
    """Whether stamps (n, band, y, x) can be predicted from: no missing pixel among the 6 x 6 in the middle.

    Pixels that are missing elsewhere are taken for empty sky.
    """
    rows, columns = (max((side - CORE_PIXELS) // 2, 0) for side in pixels.shape[-2:])
    core = pixels[..., rows : pixels.shape[-2] - rows, columns : pixels.shape[-1] - columns]
    return np.asarray(np.isfinite(core).all((1, 2, 3)))
