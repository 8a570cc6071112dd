"""Kernels of the augmentation in numba: turn, convolve, move, dim and add noise in one pass over a stamp.

Importing this file imports numba.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import Float32Array

REACH = 3
"""Pixels that a tap reaches: 2 for the Gaussian, 1 for the move."""

kernel: Any = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=False)


@kernel
def resample(
    stamps: Float32Array,
    turn: NDArray[np.int64],
    move: Float32Array,
    blur: Float32Array,
    factor: Float32Array,
    noise: Float32Array,
    pool: Float32Array,
    place: NDArray[np.int64],
    out: Float32Array,
) -> None:
    """Stamps (n, band, y, x) turned, convolved, moved, scaled and with noise, into ``out``.

    ``turn`` (n,) is 0..7, ``move`` (n, band, 2) along y and x, ``blur``, ``factor`` and ``noise`` (n, band).
    The noise is a stretch of ``pool`` that begins at ``place`` (n, band). Beyond the edge the pixels of the
    edge repeat.
    """
    side = stamps.shape[-1]
    seen = np.empty((side, side), np.float32)
    across = np.empty((side, side), np.float32)
    taps = np.empty(2 * REACH + 1, np.float32)
    for n in range(stamps.shape[0]):
        for band in range(stamps.shape[1]):
            _turned(stamps[n, band].reshape(-1), side, turn[n], seen)
            if blur[n, band] > 0 or move[n, band, 0] != 0 or move[n, band, 1] != 0:
                _taps(blur[n, band], move[n, band, 1], taps)
                _along_rows(seen, taps, across)
                _taps(blur[n, band], move[n, band, 0], taps)
                _along_columns(across, taps, seen)
            _scaled(seen, factor[n, band], noise[n, band], pool[place[n, band] :], out[n, band])


@kernel
def _scaled(
    seen: Float32Array, factor: np.float32, noise: np.float32, pool: Float32Array, out: Float32Array
) -> None:
    """Flux times a factor, and noise."""
    side = seen.shape[0]
    for y in range(side):
        if noise == 0:
            for x in range(side):
                out[y, x] = factor * seen[y, x]
        else:
            for x in range(side):
                out[y, x] = factor * seen[y, x] + noise * pool[y * side + x]


@kernel
def _turned(image: Float32Array, side: int, number: int, seen: Float32Array) -> None:
    """`augment.orientation` of one image, whose pixels come in a row.

    Row and column of the pixel that goes to (y, x) are straight lines in y and x.
    """
    last, quarter = side - 1, number % 4
    row, row_y, row_x = (last if quarter >= 2 else 0), 0, 0
    column, column_y, column_x = (last if quarter in (1, 2) else 0), 0, 0
    if quarter % 2 == 0:
        row_y = 1 if quarter == 0 else -1
        column_x = row_y
    else:
        row_x = 1 if quarter == 1 else -1
        column_y = -row_x
    if number >= 4:
        column, column_y, column_x = last - column, -column_y, -column_x
    start, step_y, step_x = row * side + column, row_y * side + column_y, row_x * side + column_x
    for y in range(side):
        for x in range(side):
            seen[y, x] = image[start + y * step_y + x * step_x]


@kernel
def _taps(width: float, move: float, taps: Float32Array) -> None:
    """Weights of a Gaussian of standard deviation ``width``, moved by ``move`` within a pixel, linearly."""
    gaussian = np.zeros(5, np.float64)
    gaussian[2] = 1.0
    if width > 0:
        for k in range(5):
            gaussian[k] = math.exp(-0.5 * ((k - 2) / width) ** 2)
        gaussian /= gaussian.sum()
    taps[:] = 0
    step = 1 if move > 0 else -1
    for k in range(5):
        taps[k + 1] += (1 - abs(move)) * gaussian[k]
        taps[k + 1 + step] += abs(move) * gaussian[k]


@kernel
def _along_rows(image: Float32Array, taps: Float32Array, out: Float32Array) -> None:
    """Convolve along x: tap k takes the pixel k - REACH before."""
    side = image.shape[0]
    row = np.empty(side + 2 * REACH, np.float32)
    for y in range(side):
        row[:REACH] = image[y, 0]
        row[REACH : REACH + side] = image[y]
        row[REACH + side :] = image[y, side - 1]
        out[y] = 0
        for k in range(2 * REACH + 1):
            weight = taps[k]
            if weight != 0:
                for x in range(side):
                    out[y, x] += weight * row[x + 2 * REACH - k]


@kernel
def _along_columns(image: Float32Array, taps: Float32Array, out: Float32Array) -> None:
    """Convolve along y: rows are added whole."""
    side = image.shape[0]
    for y in range(side):
        out[y] = 0
        for k in range(2 * REACH + 1):
            weight = taps[k]
            if weight != 0:
                row = min(max(y + REACH - k, 0), side - 1)
                for x in range(side):
                    out[y, x] += weight * image[row, x]
