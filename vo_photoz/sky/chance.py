"""How many matches are chance: the same positions, shifted to where no partner of theirs can be."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from vo_photoz.flow import Coverage, FloatArray, Positions
from vo_photoz.sky.chunks import usable
from vo_photoz.sky.moc import contains

RADII = 30.0
"""Shift in radii: past the wings of a source, and still the same part of the sky."""
FARTHEST_ARCSEC, FEWEST_RADII = 3600.0, 5.0
DIRECTIONS, MOST_DIRECTIONS = 4, 24
FEWEST = 200
"""A short table is shifted in more directions, until there are so many positions."""
SEED = 20261122


@dataclass(frozen=True)
class Shifted:
    """Positions where only chance finds a partner.

    Parameters
    ----------
    positions : Positions
        The shifted positions.
    rows, of : int
        How many rows they were made of, and how many there were.
    shift_arcsec : float
        How far they lie from the true ones.
    directions : int
        In so many directions, evenly around.
    """

    positions: Positions
    rows: int
    of: int
    shift_arcsec: float
    directions: int

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Chance:
    """How often a position without a partner of its own is matched.

    Parameters
    ----------
    tried, matched : int
        Shifted positions, and how many of them had at least one partner.
    how : str
        How it was measured, in words.
    failed : str
        Empty, or why it could not be measured.
    """

    tried: int = 0
    matched: int = 0
    how: str = ""
    failed: str = ""

    @property
    def rate(self) -> float:
        """Share of the shifted positions that were matched; NaN when none was tried."""
        return self.matched / self.tried if self.tried else float("nan")

    @property
    def error(self) -> float:
        """Standard deviation of the rate: binomial, with one more of each kind so that it is never 0.

        The rule of Agresti and Coull (1998, The American Statistician 52, 119) for one standard deviation.
        """
        if not self.tried:
            return float("nan")
        n = self.tried + 1
        p = (self.matched + 0.5) / n
        return sqrt(p * (1 - p) / n)

    def expected(self, unmatched: int) -> float:
        """Rows that are matched by chance alone.

        Of the rows without a true partner, the share ``rate`` is matched by chance and the rest stays
        unmatched: from the number that stayed follows the number that did not.

        Parameters
        ----------
        unmatched : int
            Rows that were searched and have no partner.
        """
        return unmatched * self.rate / (1 - self.rate) if self.rate < 1 else float("nan")

    def told(self) -> str:
        """The rate and how it was measured, in words."""
        if self.failed:
            return f"not measured: {self.failed}"
        if not self.tried:
            return "not measured: no position was searched"
        return f"{self.rate:.3g} +- {self.error:.2g} ({self.how})"


def shifted(
    positions: Positions, radius_arcsec: float, *, most: int, coverage: Coverage | None = None
) -> Shifted:
    """Positions shifted by some tens of radii, in several directions.

    Parameters
    ----------
    positions : Positions
        ICRS.
    radius_arcsec : float
        Radius of the match.
    most : int
        Largest number of shifted positions; of longer tables some rows are taken, always the same.
    coverage : Coverage or None
        Shifted positions outside it are left out.
    """
    rows = np.flatnonzero(usable(positions))
    of = len(rows)
    directions = min(MOST_DIRECTIONS, max(DIRECTIONS, -(-FEWEST // max(of, 1))))
    directions = max(1, min(directions, most))
    if of * directions > most:
        rows = np.sort(np.random.default_rng(SEED).choice(rows, max(1, most // directions), replace=False))
    distance = max(min(RADII * radius_arcsec, FARTHEST_ARCSEC), FEWEST_RADII * radius_arcsec)
    bearings = np.repeat(45.0 + np.arange(directions) * 360.0 / directions, len(rows))
    ra, dec = offset(
        np.tile(positions.ra[rows], directions),
        np.tile(positions.dec[rows], directions),
        bearings,
        distance / 3600,
    )
    if coverage is not None:
        inside = contains(coverage, ra, dec)
        ra, dec = ra[inside], dec[inside]
    moved = Positions(ra, dec, np.ones(len(ra), dtype=bool), "shifted positions")
    return Shifted(moved, len(rows), of, distance, directions)


def measured(there: Shifted, matched: int) -> Chance:
    """Rate of shifted positions after so many of them were matched."""
    rows = "all rows" if there.rows == there.of else f"{there.rows} of {there.of} rows"
    how = (
        f"{matched} of {len(there)} positions matched: {rows} shifted by {there.shift_arcsec:g} arcsec "
        f"in {there.directions} directions"
    )
    return Chance(len(there), matched, how)


def offset(
    ra: FloatArray, dec: FloatArray, bearing: FloatArray, distance: float
) -> tuple[FloatArray, FloatArray]:
    """Positions at a distance along great circles, exact everywhere, the poles included.

    Parameters
    ----------
    ra, dec, bearing : float array, shape (n,)
        Degrees; bearings from north through east.
    distance : float
        Degrees.
    """
    a, d, b, s = np.radians(ra), np.radians(dec), np.radians(bearing), np.radians(distance)
    start = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    north = np.stack([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    east = np.stack([-np.sin(a), np.cos(a), np.zeros_like(a)])
    x, y, z = np.cos(s) * start + np.sin(s) * (np.cos(b) * north + np.sin(b) * east)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))
