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
    out: Float32Array,
) -> None:
    """Stamps (n, band, y, x) turned, convolved, moved and scaled, into ``out``, which holds unit noise.

    ``turn`` (n,) is 0..7, ``move`` (n, band, 2) along y and x, ``blur``, ``factor`` and ``noise`` (n, band).
    Beyond the edge the pixels of the edge repeat.
    """
    side = stamps.shape[-1]
    seen = np.empty((side, side), np.float32)
    across = np.empty((side, side), np.float32)
    taps = np.empty(2 * REACH + 1, np.float32)
    for n in range(stamps.shape[0]):
        for band in range(stamps.shape[1]):
            _turned(stamps[n, band], turn[n], seen)
            if blur[n, band] > 0 or move[n, band, 0] != 0 or move[n, band, 1] != 0:
                _taps(blur[n, band], move[n, band, 1], taps)
                _along_rows(seen, taps, across)
                _taps(blur[n, band], move[n, band, 0], taps)
                _along_columns(across, taps, seen)
            for y in range(side):
                for x in range(side):
                    out[n, band, y, x] = factor[n, band] * seen[y, x] + noise[n, band] * out[n, band, y, x]


@kernel
def _turned(image: Float32Array, number: int, seen: Float32Array) -> None:
    """`augment.orientation` of one image: where a pixel goes that a quarter turn takes from (y, x)."""
    last = image.shape[0] - 1
    quarter = number % 4
    for y in range(last + 1):
        for x in range(last + 1):
            if quarter == 0:
                row, column = y, x
            elif quarter == 1:
                row, column = x, last - y
            elif quarter == 2:
                row, column = last - y, last - x
            else:
                row, column = last - x, y
            seen[y, x] = image[row, last - column if number >= 4 else column]


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
    for y in range(side):
        for x in range(side):
            total = np.float32(0)
            for k in range(2 * REACH + 1):
                total += taps[k] * image[y, min(max(x + REACH - k, 0), side - 1)]
            out[y, x] = total


@kernel
def _along_columns(image: Float32Array, taps: Float32Array, out: Float32Array) -> None:
    """Convolve along y: rows are added whole."""
    side = image.shape[0]
    for y in range(side):
        out[y, :] = 0
        for k in range(2 * REACH + 1):
            row, weight = min(max(y + REACH - k, 0), side - 1), taps[k]
            for x in range(side):
                out[y, x] += weight * image[row, x]
