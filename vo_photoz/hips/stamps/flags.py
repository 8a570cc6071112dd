"""Flags of stamps, from their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from vo_photoz.flow import BoolArray, Flag, FlagArray, Float32Array
from vo_photoz.sky.pixels import kernel


def flags_of(pixels: Float32Array, failed: BoolArray) -> FlagArray:
    """Flags of stamps: from their pixels (n, band, y, x), and whether a tile could not be had (n,)."""
    flags = np.zeros(len(pixels), dtype=np.int16)
    flags[~has_values(pixels)] |= Flag.BAND_MISSING
    flags[_has_gaps(pixels.reshape(len(pixels), -1))] |= Flag.PIXELS_MASKED
    flags[failed] |= Flag.PIXELS_UNAVAILABLE
    return flags


def central_part(size: int) -> slice:
    """The middle quarter of a side (at least two pixels), where the source is."""
    half = max(1, size // 8)
    return slice(max(0, size // 2 - half), size // 2 + half)


def has_values(pixels: Float32Array) -> BoolArray:
    """Whether every band has a finite pixel in the middle of the stamp, shape (n,)."""
    rows, columns = central_part(pixels.shape[2]), central_part(pixels.shape[3])
    seen = np.isfinite(pixels[:, :, rows, columns]).any(axis=(2, 3))
    return np.asarray(np.all(seen, axis=1), dtype=bool)


@kernel
def _has_gaps(pixels: Any) -> Any:
    """Whether any pixel (n, p) is not finite, shape (n,)."""
    found = np.empty(len(pixels), dtype=np.bool_)
    for n in range(len(pixels)):
        total = 0
        for p in range(pixels.shape[1]):
            total += pixels[n, p] - pixels[n, p] != 0.0
        found[n] = total > 0
    return found
