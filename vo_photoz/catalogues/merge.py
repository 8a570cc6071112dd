"""Several catalogues of the same sky as one list of objects: who wins, and whose redshifts contradict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import BoolArray, FloatArray
from vo_photoz.sky.pairs import within

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Merged:
    """The outcome of a merge, one value a row.

    Parameters
    ----------
    winner : int64 array, shape (n,)
        The row that stands for this object; its own number where it was kept.
    separation : float64 array, shape (n,)
        Arcsec to the winner; 0 where the row was kept.
    conflict : bool array, shape (n,)
        True for rows that were not kept and whose redshift contradicts that of their winner.
    """

    winner: IntArray
    separation: FloatArray
    conflict: BoolArray

    @property
    def kept(self) -> BoolArray:
        """Rows that stand for an object."""
        kept: BoolArray = self.winner == np.arange(len(self.winner))
        return kept


def merge(
    ra: FloatArray,
    dec: FloatArray,
    z: FloatArray,
    error: FloatArray,
    rank: IntArray,
    *,
    radius_arcsec: float,
    conflict: float,
) -> Merged:
    """Remove duplicates on the sky.

    Rows are taken by rank, then by the error of the redshift, then as they stand. Each is kept unless a row
    kept before lies within the radius; so no two rows that are kept are closer than the radius, and a chain
    of neighbours never swallows objects farther away than that.

    Parameters
    ----------
    ra, dec : float64 array, shape (n,)
        ICRS degrees, finite.
    z, error : float64 array, shape (n,)
        Redshift and its error; NaN where it is not known, which counts as the largest.
    rank : int64 array, shape (n,)
        Of the catalogue: the smallest wins.
    radius_arcsec : float
        Rows that are closer are the same object.
    conflict : float
        Redshifts contradict each other when abs(dz) / (1 + z) is larger; z is that of the winner.
    """
    n = len(ra)
    order = np.lexsort((np.arange(n), np.nan_to_num(error, nan=np.inf), rank))
    turn = np.empty(n, dtype=np.int64)
    turn[order] = np.arange(n)
    first, second, separation = within(ra, dec, ra, dec, radius_arcsec)
    ahead = turn[first] < turn[second]  # each pair once, the better row first; no row with itself
    first, second, separation = first[ahead], second[ahead], separation[ahead]
    sequence = np.lexsort((turn[second], turn[first]))
    winner, far = _claims(n, first[sequence], second[sequence], separation[sequence])
    with np.errstate(invalid="ignore"):
        apart = np.abs(z - z[winner]) / (1 + z[winner]) > conflict
    return Merged(winner, far, (winner != np.arange(n)) & apart)


def _claims(n: int, first: IntArray, second: IntArray, separation: FloatArray) -> tuple[IntArray, FloatArray]:
    """Winner of each row, and the distance to it; pairs come in the order in which rows take their turn."""
    winner, far = np.arange(n, dtype=np.int64), np.zeros(n)
    for better, worse, apart in zip(first.tolist(), second.tolist(), separation.tolist(), strict=True):
        if winner[better] == better and winner[worse] == worse:
            winner[worse], far[worse] = better, apart
    return winner, far
