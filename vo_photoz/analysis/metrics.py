"""Scores of redshift densities against known redshifts.

Point estimates are medians of the densities; e = (z_phot - z) / (1 + z).
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from vo_photoz.analysis.judged import Judged, judge
from vo_photoz.errors import TableError
from vo_photoz.flow import FloatArray, MixturePDF

OUTLIER = 0.15
LARGE_ERROR = 0.06
"""The smallest limit of an outlier as the LSST DESC counts them: max(0.06, 3 sigma_iqr)."""
IQR_OF_NORMAL = 1.349
PIT_TAIL = 1e-4
"""A PIT below this or above one minus this is an outlier (Schmidt et al. 2020, MNRAS 499, 1587)."""


@dataclass(frozen=True)
class Scores:
    """How good densities are.

    The definitions of ``sigma_iqr``, ``bias_median``, ``nmad``, ``outliers_desc``, ``cde_loss`` and the tests
    of the PIT are those of qp and RAIL (LSST DESC).

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
    bias, bias_median : float
        Mean and median of e.
    nmad : float
        1.4826 median(abs(e - median(e))), a robust scatter.
    sigma_iqr : float
        Interquartile range of e over 1.349, another robust scatter.
    outliers : float
        Share of objects with abs(e) > 0.15.
    outliers_3sigma : float
        Share of objects with abs(e) > 3 nmad.
    outliers_desc : float
        Share of objects with abs(e) > max(0.06, 3 sigma_iqr).
    cde_loss : float
        Mean of the integral of p squared minus 2 p(z); smaller is better.
    pit_ks, pit_ks_p : float
        Largest distance between the cumulative distribution of the PIT and a uniform one (0 is perfect), and
        the probability of a larger one by chance (Kolmogorov-Smirnov).
    pit_cvm, pit_cvm_p : float
        The same for the squared distance, summed over all objects (Cramer-von Mises).
    pit_ad : float
        Anderson-Darling statistic of the PIT against as many even values, normalised: below about 2 nothing
        is wrong, however many objects there are.
    pit_outliers : float
        Share of objects with a PIT below 0.0001 or above 0.9999.
    coverage_50, coverage_68, coverage_95 : float
        Share of objects between the percentiles 25 and 75, 16 and 84, 2.5 and 97.5.
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
    bias_median: float
    sigma_iqr: float
    outliers_3sigma: float
    outliers_desc: float
    cde_loss: float
    pit_ks_p: float
    pit_cvm: float
    pit_cvm_p: float
    pit_ad: float
    pit_outliers: float
    coverage_50: float
    coverage_95: float

    def as_dict(self) -> dict[str, float]:
        """The scores by name; what is no number (the error of one object) is left out."""
        return {name: value for name, value in asdict(self).items() if np.isfinite(value)}


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
    return scores_of(judge(pdf, z))


def scores_of(judged: Judged) -> Scores:
    """Scores of densities that were judged one by one.

    Raises
    ------
    TableError
        Raised if no row counts.
    """
    one = judged.take(judged.counted)
    if not len(one):
        raise TableError("No object has both a redshift and a density, so there is nothing to score.")
    e, n = one.e, len(one)
    scatter, width = nmad(e), sigma_iqr(e)
    return Scores(
        n=n,
        crps=float(one.crps.mean()),
        crps_error=float(one.crps.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan"),
        nll=float(one.nll.mean()),
        rmse=float(np.sqrt(np.mean((one.median - one.z) ** 2))),
        bias=float(e.mean()),
        bias_median=float(np.median(e)),
        nmad=scatter,
        sigma_iqr=width,
        outliers=float(np.mean(np.abs(e) > OUTLIER)),
        outliers_3sigma=float(np.mean(np.abs(e) > 3 * scatter)),
        outliers_desc=float(np.mean(np.abs(e) > max(LARGE_ERROR, 3 * width))),
        cde_loss=float(one.cde.mean()),
        **pit_tests(one.pit),
        coverage_50=coverage(one.pit, 0.5),
        coverage_68=coverage(one.pit, 0.68),
        coverage_95=coverage(one.pit, 0.95),
    )


def nmad(e: FloatArray) -> float:
    """Normalised median absolute deviation: the standard deviation, if e is normal."""
    return float(1.4826 * np.median(np.abs(e - np.median(e))))


def sigma_iqr(e: FloatArray) -> float:
    """Interquartile range over that of a normal distribution: the standard deviation, if e is normal."""
    low, high = np.percentile(e, [25, 75])
    return float((high - low) / IQR_OF_NORMAL)


def coverage(pit: FloatArray, level: float) -> float:
    """Share of objects inside the central interval that should hold ``level`` of them."""
    return float(np.mean(np.abs(pit - 0.5) <= level / 2))


def pit_tests(pit: FloatArray) -> dict[str, float]:
    """Tests of the PIT against a uniform distribution, by the names that they have in `Scores`."""
    ks = stats.kstest(pit, "uniform")
    found = {"pit_ks": ks.statistic, "pit_ks_p": ks.pvalue}
    found["pit_outliers"] = np.mean((pit < PIT_TAIL) | (pit > 1 - PIT_TAIL))
    found["pit_cvm"] = found["pit_cvm_p"] = found["pit_ad"] = np.nan
    if len(pit) > 1:  # one object has no distribution
        cvm = stats.cramervonmises(pit, "uniform")
        found["pit_cvm"], found["pit_cvm_p"] = cvm.statistic, cvm.pvalue
        found["pit_ad"] = _anderson_darling(pit)
    return {name: float(value) for name, value in found.items()}


def distance_from_uniform(values: FloatArray) -> float:
    """Kolmogorov-Smirnov distance of numbers within 0..1 from the uniform distribution."""
    return float(stats.kstest(values, "uniform").statistic)


def _anderson_darling(pit: FloatArray) -> float:
    """K-sample statistic against an even sample of equal size, as RAIL does it.

    The one-sample statistic would be infinite for a single object beyond the end of its density.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tables of critical values end somewhere; only the statistic counts
        return float(stats.anderson_ksamp([pit, np.linspace(0, 1, len(pit))]).statistic)
