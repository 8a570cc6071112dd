"""What cannot teach a network: objects without a label, stamps without light. Pure numpy.

The code released with the DCMDN paper drops stamps that are wholly zero or have a missing pixel anywhere.
Here a pixel may be missing at the edge, where it is taken for sky, and a stamp is dropped too when one band
alone is a filling, or its redshift is a stand-in for a missing one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_photoz.flow import BoolArray, Float32Array
from vo_photoz.redshift.classes import STAR
from vo_photoz.redshift.inference.usable import CORE_PIXELS, usable

LOWEST_Z, HIGHEST_Z = -0.1, 20.0
"""Redshifts outside stand for missing ones: -9999, -1, 99."""
REASONS = (
    "without a redshift",
    "with missing pixels in the middle",
    "with a band that is the same everywhere",
)
GOOD = -1


def faults(pixels: Float32Array, z: ArrayLike, kind: NDArray[np.str_] | None = None) -> NDArray[np.int8]:
    """The first reason against every object, a place in `REASONS`, or -1 for a good one; shape (n,).

    Parameters
    ----------
    pixels : float32 array, shape (n, band, y, x)
        Stamps; NaN where a pixel is missing.
    z : float array, shape (n,)
        Redshifts.
    kind : str array, shape (n,), optional
        Classes; a star needs no redshift.
    """
    found = np.full(len(pixels), GOOD, dtype=np.int8)
    wrong = (~labelled(z, kind), ~usable(pixels), constant(pixels))
    for reason in reversed(range(len(REASONS))):
        found[wrong[reason]] = reason
    return found


def labelled(z: ArrayLike, kind: NDArray[np.str_] | None = None) -> BoolArray:
    """Whether objects have a redshift, or are stars, whose redshift is zero; shape (n,)."""
    value = np.asarray(z, dtype=np.float64)
    known = (value >= LOWEST_Z) & (value <= HIGHEST_Z)
    return np.asarray(known if kind is None else known | (kind == STAR))


def constant(pixels: Float32Array) -> BoolArray:
    """Whether some band has one value in all its pixels, or in all of the 6 x 6 in the middle: a filling."""
    rows, columns = (max((side - CORE_PIXELS) // 2, 0) for side in pixels.shape[-2:])
    core = pixels[..., rows : pixels.shape[-2] - rows, columns : pixels.shape[-1] - columns]
    known = np.isfinite(core)
    low = np.where(known, core, np.inf).min((2, 3))
    high = np.where(known, core, -np.inf).max((2, 3))
    return np.asarray((low >= high).any(1))
