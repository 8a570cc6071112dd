"""Kernels that bring TAN images onto the pixels of HiPS tiles; imports numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vo_photoz.sky.pixels import deinterleave, direction_of, kernel


@kernel
def resample_onto_tile(
    tile: int,
    order: int,
    shift: int,
    image: Any,
    centre: Any,
    east: Any,
    north: Any,
    step: float,
    first: bool,
    total: Any,
    count: Any,
) -> None:
    """Bilinear values of a TAN image at the pixel centres of a HiPS tile.

    The half pixel outside the outermost pixel centres of the image takes the value of its edge.

    Parameters
    ----------
    tile, order, shift : int
        The tile, its order, and the logarithm (base 2) of its side.
    image : float array, shape (h, w)
        Pixels.
    centre, east, north : float array, shape (3,)
        Tangent frame of the image in the frame of the tile.
    step : float
        Side of an image pixel, radians.
    first : bool
        Keep what an earlier image has given; otherwise add to it.
    total : float64 array, shape (width, width)
        Sum of the values, in the order of the FITS rows.
    count : int array, shape (width, width)
        How many images gave a value.
    """
    width, nside = 1 << shift, 1 << (order + shift)
    height, columns = image.shape
    face, code = tile >> (2 * order), tile & ((1 << (2 * order)) - 1)
    x0, y0 = deinterleave(code) << shift, deinterleave(code >> 1) << shift
    for ix in range(width):
        for iy in range(width):
            row, column = width - 1 - ix, iy
            if first and count[row, column] > 0:
                continue
            vx, vy, vz = direction_of(face, x0 + ix + 0.5, y0 + iy + 0.5, nside)
            depth = (vx * centre[0] + vy * centre[1] + vz * centre[2]) * step
            if depth <= 0.0:
                continue
            x = 0.5 * (columns - 1) - (vx * east[0] + vy * east[1] + vz * east[2]) / depth
            y = 0.5 * (height - 1) + (vx * north[0] + vy * north[1] + vz * north[2]) / depth
            if x < -0.5 or y < -0.5 or x > columns - 0.5 or y > height - 0.5:
                continue
            x, y = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), height - 1.0)
            i, j = min(int(x), max(columns - 2, 0)), min(int(y), max(height - 2, 0))
            a, b = x - i, y - j
            value = 0.0
            for dj in range(2):
                for di in range(2):
                    part = (a if di else 1.0 - a) * (b if dj else 1.0 - b)
                    if part > 0.0:
                        value += part * image[j + dj, i + di]
            if not math.isnan(value):
                total[row, column] += value
                count[row, column] += 1


@kernel
def mark_empty(total: Any, count: Any) -> None:
    """Turn sums into means, NaN where nothing was summed."""
    for row in range(total.shape[0]):
        for column in range(total.shape[1]):
            total[row, column] = total[row, column] / count[row, column] if count[row, column] else np.nan
