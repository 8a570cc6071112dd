"""Which of many positions a coverage map covers: one compiled loop from angles to yes or no.

The cell of a position follows from Gorski et al. (2005, ApJ 622, 759), at the order of the map alone. The
ranges of the map are a sorted list of edges: a cell is covered when an odd number of edges lies at or below
it. A table of large cells tells most answers at once, and bounds the search for the others.

Importing this file imports numba.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import BoolArray, Coverage, FloatArray
from vo_photoz.sky.pixels import interleave, kernel

_DEEPEST = 29
_COARSE = 6
"""Order of the large cells: 49152 of them."""
_SQRT3 = math.sqrt(3.0)


class MocFilter:
    """A coverage map, prepared for many positions.

    Parameters
    ----------
    coverage : Coverage
        The map.
    """

    def __init__(self, coverage: Coverage) -> None:
        ranges = coverage.ranges.astype(np.int64)
        self._order = _order_of(ranges)
        self._edges = np.ascontiguousarray((ranges >> (2 * (_DEEPEST - self._order))).ravel())
        coarse = min(_COARSE, self._order)
        self._shift = 2 * (self._order - coarse)
        cells = np.arange(12 * 4**coarse, dtype=np.int64) << self._shift
        self._first = np.searchsorted(self._edges, cells, "right").astype(np.int32)
        last = np.searchsorted(self._edges, cells + (1 << self._shift), "left").astype(np.int32)
        self._last = np.maximum(self._first, last)

    def __call__(self, ra: FloatArray, dec: FloatArray) -> BoolArray:
        """Whether positions are covered.

        Parameters
        ----------
        ra, dec : float array, shape (n,)
            ICRS degrees; NaN, and a declination beyond the poles, is never covered.

        Returns
        -------
        bool array, shape (n,)
        """
        inside = np.zeros(len(ra), dtype=bool)
        if len(self._edges):
            lon, lat = (np.ascontiguousarray(angle, dtype=np.float64) for angle in (ra, dec))
            _inside(lon, lat, self._order, self._shift, self._edges, self._first, self._last, inside)
        return inside


def _order_of(ranges: NDArray[np.int64]) -> int:
    """Smallest order whose cells the ranges consist of."""
    bits = int(np.bitwise_or.reduce(ranges, axis=None)) if len(ranges) else 0
    zeros = (bits & -bits).bit_length() - 1 if bits else 2 * _DEEPEST
    return max(0, _DEEPEST - zeros // 2)


@kernel
def _cell(lon: float, lat: float, order: int) -> int:
    """Nested cell of a position in degrees."""
    nside = 1 << order
    quarter = lon / 90.0
    quarter -= 4.0 * math.floor(quarter / 4.0)
    if quarter >= 4.0:
        quarter = 0.0
    angle = math.radians(lat)
    z = math.sin(angle)
    if abs(z) <= 2.0 / 3.0:
        rising, falling = 0.5 + quarter - 0.75 * z, 0.5 + quarter + 0.75 * z
        i, j = int(rising), int(falling)
        x, y = falling - j, 1.0 - (rising - i)
        face = (i & 3) | 4 if i == j else (i if i < j else j + 8)
    else:
        k = min(int(quarter), 3)
        part = quarter - k
        reach = _SQRT3 * math.cos(angle) / math.sqrt(1.0 + abs(z))
        if z > 0:
            face, x, y = k, 1.0 - (1.0 - part) * reach, 1.0 - part * reach
        else:
            face, x, y = k + 8, part * reach, (1.0 - part) * reach
    ix = min(max(int(x * nside), 0), nside - 1)
    iy = min(max(int(y * nside), 0), nside - 1)
    return int((face << (2 * order)) + interleave(ix, iy))


@kernel
def _inside(
    ra: Any, dec: Any, order: int, shift: int, edges: Any, first: Any, last: Any, inside: BoolArray
) -> None:
    for row in range(ra.size):
        lon, lat = ra[row], dec[row]
        if not (math.isfinite(lon) and abs(lat) <= 90.0):
            continue
        cell = _cell(lon, lat, order)
        low, high = first[cell >> shift], last[cell >> shift]
        while low < high:
            middle = (low + high) >> 1
            if edges[middle] <= cell:
                low = middle + 1
            else:
                high = middle
        inside[row] = low & 1
