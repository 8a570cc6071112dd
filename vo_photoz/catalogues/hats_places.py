"""The user's positions as the right side of a crossmatch in LSDB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vo_photoz.flow import FloatArray, Positions
from vo_photoz.sky.frames import unit_vectors
from vo_photoz.sky.pixels import cells_of

PART_ROWS = 50_000
"""Positions in a part of the sky, as LSDB deals with them."""
FINEST_PART = 8
"""Order of the smallest parts."""

FINEST_MARGIN = 10
"""Order of the cells around the parts whose positions count as margin. LSDB lists these cells one by one: at
the order that suits 1 arcsec, 16, a part of order 0 has 262,144 of them."""
SHARE_OF_A_CELL = 0.5
"""Width of a cell where it is narrowest, as a part of the root of its area; HEALPix cells come to 0.62."""

Rows = NDArray[np.int64]


def margin_order(radius_arcsec: float) -> int:
    """Order of the cells that make a margin of at least this width."""
    order = FINEST_MARGIN
    while order > 1 and SHARE_OF_A_CELL * np.degrees(np.sqrt(np.pi / 3)) * 3600 / 2**order < radius_arcsec:
        order -= 1
    return order


class Places:
    """Different positions of the user's rows, each once: many rows may share one.

    Parameters
    ----------
    ra, dec : float array, shape (m,)
        ICRS degrees.
    rows : int array, shape (n,)
        Rows that have a position, those of the first place first.
    starts : int array, shape (m + 1,)
        Where the rows of each place begin.
    """

    def __init__(self, ra: FloatArray, dec: FloatArray, rows: Rows, starts: Rows) -> None:
        self.ra, self.dec, self.rows, self.starts = ra, dec, rows, starts

    @classmethod
    def of(cls, positions: Positions) -> Places:
        """Places of those rows that have a position."""
        with np.errstate(invalid="ignore"):
            usable = positions.valid & np.isfinite(positions.ra) & (np.abs(positions.dec) <= 90)
        rows = np.flatnonzero(usable)
        both = np.column_stack([positions.ra[rows] % 360, positions.dec[rows]])
        different, which = np.unique(both, axis=0, return_inverse=True)
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(different) + 1))
        return cls(different[:, 0], different[:, 1], rows[order], starts)

    def __len__(self) -> int:
        return len(self.ra)

    def most_within(self, radius_arcsec: float) -> int:
        """How many places one source can have within the radius: no more than lie within twice of any."""
        vectors = unit_vectors(self.ra, self.dec)
        chord = 2 * np.sin(np.radians(min(radius_arcsec / 3600, 90)))
        counts = cKDTree(vectors).query_ball_point(vectors, chord * (1 + 1e-9) + 1e-12, return_length=True)
        return int(counts.max())

    def expanded(self, place: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the user's table for pairs of places: (rows, pair of each)."""
        counts = self.starts[place + 1] - self.starts[place]
        pair = np.repeat(np.arange(len(place)), counts)
        within = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.rows[self.starts[place][pair] + within].astype(np.int64), pair

    def part_rows(self, order: int) -> int:
        """Rows of a part; LSDB refuses a number that a cell of the finest order exceeds."""
        cells = cells_of(unit_vectors(self.ra, self.dec), order)
        return int(max(PART_ROWS, np.unique(cells, return_counts=True)[1].max()))
