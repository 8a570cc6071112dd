"""Neighbours among millions of positions: the shorter list in zones of declination, the longer one searched.

The method is that of Gray et al. (2007, "The Zones Algorithm", MSR-TR-2006-52): within a zone the neighbours
of a position lie in a short range of right ascension. What is found here are candidates, a little farther
than the radius; the caller decides by the exact separation. Importing this file imports numba.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.sky.pixels import kernel

IntArray = NDArray[np.int64]

SOURCES_A_ZONE = 300
"""On the mean; fewer make the search by right ascension short, more make it rare."""
PIECE = 1_000_000
"""Positions that are searched for at a time."""


class Zones:
    """A list of positions, prepared to be searched.

    Parameters
    ----------
    ra, dec : float64 array, shape (n,)
        Degrees, finite.
    radius : float
        Largest separation, degrees.
    """

    def __init__(self, ra: FloatArray, dec: FloatArray, radius: float) -> None:
        self._radius = radius
        self._height = max(180.0 / max(1.0, len(ra) / SOURCES_A_ZONE), radius, 1e-3)
        wrapped = ra % 360.0
        zone = ((dec + 90.0) / self._height).astype(np.int64)
        self._order = np.lexsort((wrapped, zone)).astype(np.int64)
        self._ra = np.ascontiguousarray(wrapped[self._order])
        self._dec = np.ascontiguousarray(dec[self._order], dtype=np.float64)
        count = int(180.0 / self._height) + 2
        self._starts = np.searchsorted(zone[self._order], np.arange(count + 1)).astype(np.int64)

    def near(self, ra: FloatArray, dec: FloatArray) -> tuple[IntArray, IntArray]:
        """Candidates: elements of the positions asked for, and of those in the list.

        Parameters
        ----------
        ra, dec : float64 array, shape (m,)
            Degrees, finite.
        """
        given, found = [], []
        for start in range(0, len(ra), PIECE):
            x = np.ascontiguousarray(ra[start : start + PIECE] % 360.0, dtype=np.float64)
            y = np.ascontiguousarray(dec[start : start + PIECE], dtype=np.float64)
            total = _search(
                x, y, self._ra, self._dec, self._starts, self._height, self._radius, _NOTHING, _NOTHING
            )
            one, other = np.empty(total, np.int64), np.empty(total, np.int64)
            if total:
                _search(x, y, self._ra, self._dec, self._starts, self._height, self._radius, one, other)
            given.append(one + start)
            found.append(self._order[other])
        if not given:
            return _NOTHING, _NOTHING
        return np.concatenate(given), np.concatenate(found)


_NOTHING: IntArray = np.zeros(0, np.int64)


def candidates(
    ra1: FloatArray, dec1: FloatArray, ra2: FloatArray, dec2: FloatArray, radius_arcsec: float
) -> tuple[IntArray, IntArray]:
    """Elements of two lists that are as near as the radius, or a little farther; in any order.

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : float64 array, shapes (n,) and (m,)
        Degrees, finite.
    radius_arcsec : float
        Largest separation.
    """
    radius = radius_arcsec / 3600 * (1 + 1e-9) + 1e-9
    if len(ra1) <= len(ra2):
        second, first = Zones(ra1, dec1, radius).near(ra2, dec2)
        return first, second
    return Zones(ra2, dec2, radius).near(ra1, dec1)


@kernel
def _search(
    ra: Any,
    dec: Any,
    list_ra: Any,
    list_dec: Any,
    starts: Any,
    height: Any,
    radius: Any,
    one: Any,
    other: Any,
) -> int:
    """Count the candidates, and write them down where there is room."""
    total = 0
    write = len(one) > 0
    limit = math.sin(math.radians(radius) / 2) ** 2 * (1 + 1e-9) + 1e-24
    for i in range(len(ra)):
        width = _width(dec[i], radius)
        cos_dec = math.cos(math.radians(dec[i]))
        low = max(0, int((dec[i] - radius + 90.0) / height))
        high = min(len(starts) - 2, int((dec[i] + radius + 90.0) / height))
        for zone in range(low, high + 1):
            # Up to three stretches of right ascension: the range, and what of it lies across 0 h.
            for turn in (-360.0, 0.0, 360.0):
                west = ra[i] + turn - width
                east = ra[i] + turn + width
                if east < 0.0 or west > 360.0:
                    continue
                # At the poles the stretches overlap: each neighbour belongs to the middle one alone.
                if turn != 0.0 and width >= 180.0:
                    continue
                at = _first(list_ra, starts[zone], starts[zone + 1], west)
                while at < starts[zone + 1] and list_ra[at] <= east:
                    ddec = math.sin(math.radians(list_dec[at] - dec[i]) / 2)
                    dra = math.sin(math.radians(list_ra[at] - ra[i]) / 2)
                    cross = cos_dec * math.cos(math.radians(list_dec[at])) * dra * dra
                    if ddec * ddec + cross <= limit:
                        if write:
                            one[total] = i
                            other[total] = at
                        total += 1
                    at += 1
    return total


@kernel
def _width(dec: float, radius: float) -> float:
    """Largest difference in right ascension of what is near a position, degrees; 360 at the poles."""
    if abs(dec) + radius >= 89.999:
        return 360.0
    ratio = math.sin(math.radians(radius)) / math.cos(math.radians(dec))
    if ratio >= 1.0:
        return 360.0
    return math.degrees(math.asin(ratio)) * (1 + 1e-9) + 1e-9


@kernel
def _first(values: Any, low: int, high: int, wanted: float) -> int:
    """First place in a sorted stretch whose value is not below the wanted one."""
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low
