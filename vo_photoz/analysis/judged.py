"""Densities judged one by one against known redshifts: what every score, bin and bootstrap is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_photoz.errors import TableError
from vo_photoz.flow import BoolArray, FloatArray, MixturePDF
from vo_photoz.redshift import mixture


@dataclass(frozen=True)
class Judged:
    """What is known of every object and of its density; all columns have the shape (n,).

    Rows without a density or without a known redshift are NaN and do not count.

    Parameters
    ----------
    z : float array
        Known redshift.
    median : float array
        Median of the density, the point estimate.
    sigma : float array
        Standard deviation of the density.
    crps, nll : float array
        Continuous ranked probability score; -ln p(z).
    cde : float array
        Integral of p squared, minus 2 p(z): the loss of conditional density estimation, up to a constant
        (Izbicki & Lee 2017, arXiv:1704.08095).
    pit : float array
        Probability of a redshift up to the known one; randomised for stars, see `randomised_pit`.
    near : float array
        Probability within 0.15 (1 + z) of the known redshift.
    """

    z: FloatArray
    median: FloatArray
    sigma: FloatArray
    crps: FloatArray
    nll: FloatArray
    cde: FloatArray
    pit: FloatArray
    near: FloatArray

    def __len__(self) -> int:
        return len(self.z)

    @property
    def e(self) -> FloatArray:
        """Error of the point estimate, (median - z) / (1 + z)."""
        return (self.median - self.z) / (1 + self.z)

    @property
    def counted(self) -> BoolArray:
        """Rows that have both a density and a redshift."""
        return np.isfinite(self.z) & np.isfinite(self.median)

    def take(self, rows: NDArray[Any]) -> Judged:
        """Some of the rows, by numbers or by a mask."""
        return Judged(*(getattr(self, one.name)[rows] for one in fields(self)))


NEAR = 0.15
"""Half width, in (1 + z), of what counts as the neighbourhood of the known redshift."""
POINT = 0.015
"""Half width of redshift 0: three times the smallest width of the networks, which is that of their stars."""


def judge(pdf: MixturePDF, z: ArrayLike) -> Judged:
    """Judge densities, one by one.

    Parameters
    ----------
    pdf : MixturePDF
        Densities of n objects.
    z : array, shape (n,)
        Known redshifts; NaN where none is known.

    Raises
    ------
    TableError
        Raised if there are not as many redshifts as densities.
    """
    truth = np.asarray(z, dtype=np.float64)
    if len(pdf) != len(truth):
        raise TableError(f"There are {len(pdf)} densities but {len(truth)} redshifts.")
    reach = NEAR * (1 + truth)
    with np.errstate(invalid="ignore"):
        return Judged(
            z=truth,
            median=mixture.quantile(pdf, 0.5),
            sigma=mixture.sigma(pdf),
            crps=mixture.crps(pdf, truth),
            nll=mixture.nll(pdf, truth),
            cde=mixture.overlap(pdf) - 2 * mixture.pdf(pdf, truth),
            pit=randomised_pit(pdf, truth),
            near=mixture.cdf(pdf, truth + reach) - mixture.cdf(pdf, truth - reach),
        )


def randomised_pit(pdf: MixturePDF, z: FloatArray) -> FloatArray:
    """PIT of known redshifts, shape (n,); for stars a random place inside the probability of being one.

    The redshift of a star is 0, a single point with a probability of its own: the distribution function
    jumps there, and its value after the jump would not be uniform even for a perfect density. A random
    number between the values before and after the jump is, as for counts (Czado, Gneiting & Held 2009,
    Biometrics 65, 1254; reference entered by hand). The same objects get the same numbers.
    """
    found = mixture.pit(pdf, z)
    star = np.flatnonzero(z == 0)
    if len(star):
        before, after = mixture.cdf(pdf.take(star), np.array([[-POINT, POINT]]).repeat(len(star), 0)).T
        found[star] = before + np.random.default_rng(0).random(len(star)) * (after - before)
    return found


def joined(parts: Sequence[Judged]) -> Judged:
    """Several judgements, one after the other: the folds of a cross-validation."""
    return Judged(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Judged)))
