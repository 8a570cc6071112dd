"""Coverage maps: points inside, intersection, union; pure numpy on ranges of order-29 cells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from mocpy import MOC

from vo_photoz.errors import CoverageError
from vo_photoz.flow import BoolArray, Coverage, FloatArray

DEEPEST = 29
"""Order of the cells in which ranges are counted, the deepest of MOC 2.0."""


def from_mocpy(moc: Any, origin: str = "") -> Coverage:
    """Coverage of a spatial `mocpy.MOC`.

    Raises
    ------
    CoverageError
        Raised if the map is not a spatial MOC.
    """
    if not isinstance(moc, MOC):
        raise CoverageError(
            f"{origin or 'The coverage map'} is not a spatial MOC.",
            advice="Give a MOC of space alone (not space-time).",
        )
    ranges = np.asarray(moc.to_depth29_ranges, dtype=np.uint64).astype(np.int64).reshape(-1, 2)
    return Coverage(ranges, int(moc.max_order), origin)


def to_mocpy(coverage: Coverage) -> Any:
    """`mocpy.MOC` of a coverage, at the resolution of the coverage."""
    ranges = coverage.ranges.astype(np.uint64)
    return MOC.from_depth29_ranges(coverage.max_order, ranges)


def contains(coverage: Coverage, ra: FloatArray, dec: FloatArray) -> BoolArray:
    """Whether positions are covered.

    Parameters
    ----------
    coverage : Coverage
        The map.
    ra, dec : float array, shape (n,)
        ICRS degrees; NaN is never covered.

    Returns
    -------
    bool array, shape (n,)
    """
    from vo_photoz.sky.moc_filter import MocFilter  # noqa: PLC0415 - numba only where pixels are computed

    return MocFilter(coverage)(ra, dec)


def intersection(maps: Sequence[Coverage]) -> Coverage:
    """What all maps cover, for example all bands of a survey."""
    return _combine(maps, "intersection")


def union(maps: Sequence[Coverage]) -> Coverage:
    """What any of the maps covers, for example several fields."""
    return _combine(maps, "union")


def _combine(maps: Sequence[Coverage], how: str) -> Coverage:
    if not maps:
        raise CoverageError("There is no coverage map to combine.")
    moc = reduce(lambda one, other: getattr(one, how)(other), map(to_mocpy, maps))
    origins = list(dict.fromkeys(one.origin for one in maps if one.origin))
    return from_mocpy(moc, f" {how} ".join(origins))
