"""Scores of redshift densities against known redshifts.

Point estimates are medians of the densities; e = (z_phot - z) / (1 + z).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from vo_photoz.errors import TableError
from vo_photoz.flow import BoolArray, FloatArray, MixturePDF
from vo_photoz.redshift import mixture

OUTLIER = 0.15


@dataclass(frozen=True)
class Scores:
    """How good densities are.

    Parameters
    ----------
    n : int
        Objects with a known redshift and a density.
    crps : float
        Mean continuous ranked probability score, in redshift; smaller is better.
    crps_error : float
        Standard error of that mean.
    nll : float
        Mean of -ln p(z); smaller is better.
    rmse : float
        Root mean square of z_phot - z.
    bias : float
        Mean of e.
    nmad : float
        1.4826 median(abs(e - median(e))), a robust scatter.
    outliers : float
        Share of objects with abs(e) > 0.15.
    pit_ks : float
        Largest distance between the cumulative distribution of the PIT and a uniform one; 0 is perfect.
    coverage_68 : float
        Share of objects between the 16th and the 84th percentile; 0.68 is perfect.
    """

    n: int
    crps: float
    crps_error: float
    nll: float
    rmse: float
    bias: float
    nmad: float
    outliers: float
    pit_ks: float
    coverage_68: float

    def as_dict(self) -> dict[str, float]:
        """The scores by name."""
        return asdict(self)


def scores(pdf: MixturePDF, z: ArrayLike) -> Scores:
    """Score densities; rows without a density or without a redshift do not count.

    Parameters
    ----------
    pdf : MixturePDF
        Densities of n objects.
    z : array, shape (n,)
        Known redshifts.

    Raises
    ------
    TableError
        Raised if no row has both.
    """
    truth = np.asarray(z, dtype=np.float64)
    counted = _counted(pdf, truth)
    pdf, truth = pdf.take(np.flatnonzero(counted)), truth[counted]
    each = mixture.crps(pdf, truth)
    median = mixture.quantile(pdf, 0.5)
    e = (median - truth) / (1 + truth)
    chance = mixture.pit(pdf, truth)
    return Scores(
        n=len(truth),
        crps=float(each.mean()),
        crps_error=float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan"),
        nll=float(mixture.nll(pdf, truth).mean()),
        rmse=float(np.sqrt(np.mean((median - truth) ** 2))),
        bias=float(e.mean()),
        nmad=nmad(e),
        outliers=float(np.mean(np.abs(e) > OUTLIER)),
        pit_ks=distance_from_uniform(chance),
        coverage_68=float(np.mean((chance >= 0.16) & (chance <= 0.84))),
    )


def nmad(e: FloatArray) -> float:
    """Normalised median absolute deviation: the standard deviation, if e is normal."""
    return float(1.4826 * np.median(np.abs(e - np.median(e))))


def distance_from_uniform(values: FloatArray) -> float:
    """Kolmogorov-Smirnov distance of numbers within 0..1 from the uniform distribution."""
    ordered = np.sort(values)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.max(steps[1:] - ordered), np.max(ordered - steps[:-1])))


def _counted(pdf: MixturePDF, z: FloatArray) -> BoolArray:
    if len(pdf) != len(z):
        raise TableError(f"There are {len(pdf)} densities but {len(z)} redshifts.")
    counted: BoolArray = np.isfinite(z) & np.isfinite(pdf.weight).all(1)
    if not counted.any():
        raise TableError("No object has both a redshift and a density, so there is nothing to score.")
    return counted
