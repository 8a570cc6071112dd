"""The mathematics of Gaussian mixtures, in numpy and float64: densities, quantiles, modes, scores.

A `MixturePDF` lives on the whole real line: nothing is cut off at z = 0, so a mixture near zero may give some
probability to negative redshifts. Rows of NaN (no prediction) give NaN everywhere.

Redshifts ``z`` are a number, one value a row (n,), or several a row (n, j); the result has the shape (n,) or
(n, j).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, ndtr, ndtri

from vo_photoz.flow import FloatArray, MixturePDF

HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)


def pdf(m: MixturePDF, z: ArrayLike) -> FloatArray:
    """Probability density at redshift ``z``."""
    wanted, weight, mean, sigma = _broadcast(m, z)
    t = (wanted - mean) / sigma
    density: FloatArray = (weight * np.exp(-0.5 * t * t) / sigma).sum(-1) / np.sqrt(2 * np.pi)
    return density


def cdf(m: MixturePDF, z: ArrayLike) -> FloatArray:
    """Probability of a redshift up to ``z``."""
    wanted, weight, mean, sigma = _broadcast(m, z)
    total: FloatArray = (weight * ndtr((wanted - mean) / sigma)).sum(-1)
    return np.clip(total, 0.0, 1.0)


def pit(m: MixturePDF, z: ArrayLike) -> FloatArray:
    """Probability integral transform of the true redshifts: uniform on 0..1 for calibrated densities."""
    return cdf(m, z)


def prob_above(m: MixturePDF, z_min: ArrayLike) -> FloatArray:
    """Probability of a redshift above ``z_min``, accurate in the far tail too."""
    wanted, weight, mean, sigma = _broadcast(m, z_min)
    total: FloatArray = (weight * ndtr((mean - wanted) / sigma)).sum(-1)
    return np.clip(total, 0.0, 1.0)


def mean(m: MixturePDF) -> FloatArray:
    """Mean of every density, shape (n,)."""
    weight, centre, _ = _columns(m)
    total: FloatArray = (weight * centre).sum(-1)
    return total


def sigma(m: MixturePDF) -> FloatArray:
    """Standard deviation of every density, shape (n,)."""
    weight, centre, width = _columns(m)
    distance = centre - mean(m)[:, None]
    result: FloatArray = np.sqrt((weight * (width**2 + distance**2)).sum(-1))
    return result


def nll(m: MixturePDF, z: ArrayLike) -> FloatArray:
    """Negative log likelihood, -ln p(z)."""
    wanted, weight, centre, width = _broadcast(m, z)
    t = (wanted - centre) / width
    exponent = -0.5 * t * t - np.log(width) - HALF_LOG_TWO_PI
    return -np.asarray(logsumexp(exponent, b=weight, axis=-1))


def crps(m: MixturePDF, z: ArrayLike) -> FloatArray:
    """Continuous ranked probability score, in units of redshift; smaller is better.

    Closed form for Gaussian mixtures: Grimit et al. 2006, QJRMS 132, 2925, equations 4 and 5.
    """
    wanted, weight, centre, width = _broadcast(m, z)
    to_truth = (weight * _expected_distance(wanted - centre, width)).sum(-1)
    spread = _self_distance(m)
    result: FloatArray = to_truth - 0.5 * spread.reshape(spread.shape + (1,) * (to_truth.ndim - 1))
    return np.where(np.isnan(result), np.nan, np.maximum(result, 0.0))


def overlap(m: MixturePDF) -> FloatArray:
    """Integral of the squared density over all redshifts, shape (n,)."""
    weight, centre, width = _columns(m)
    total = np.zeros(len(m))
    for one in range(weight.shape[1]):
        both = np.hypot(width, width[:, one, None])
        t = (centre - centre[:, one, None]) / both
        total += weight[:, one] * (weight * np.exp(-0.5 * t * t) / both).sum(-1)
    result: FloatArray = total / np.sqrt(2 * np.pi)
    return result


def quantile(m: MixturePDF, q: ArrayLike) -> FloatArray:
    """Redshift below which the probability is ``q``.

    Parameters
    ----------
    m : MixturePDF
        n densities.
    q : float or float array, shape (j,)
        Probabilities, 0 < q < 1.

    Returns
    -------
    float array, shape (n,) or (n, j)
    """
    wanted = np.asarray(q, dtype=np.float64)
    if wanted.ndim:
        return np.stack([_quantile(m, float(one)) for one in wanted], axis=1)
    return _quantile(m, float(wanted))


def peak(m: MixturePDF, batch: int = 4096) -> FloatArray:
    """Redshift of the highest mode, shape (n,).

    From the mean of every component the density is climbed; the best candidates go on to their summits.
    """
    parts = [m.take(slice(start, start + batch)) for start in range(0, len(m), batch)]
    return np.concatenate([_peak(part) for part in parts]) if parts else np.empty(0)


@dataclass(frozen=True)
class Modes:
    """The modes of n densities, the most probable first; NaN where there are fewer.

    Parameters
    ----------
    z : float array, shape (n, most)
        Where the density is highest.
    probability : float array, shape (n, most)
        Between the valleys beside it.
    low, high : float array, shape (n, most)
        16th and 84th percentile of the density between these valleys.
    """

    z: FloatArray
    probability: FloatArray
    low: FloatArray
    high: FloatArray

    @property
    def count(self) -> NDArray[np.int16]:
        """Number of modes, shape (n,); 0 for rows without a density."""
        return np.asarray(np.isfinite(self.z).sum(1), dtype=np.int16)


def modes(m: MixturePDF, most: int = 5, *, least: float = 0.05, valley: float = 0.7) -> Modes:
    """The modes of every density: places of their own where the redshift may be.

    Parameters
    ----------
    m : MixturePDF
        n densities.
    most : int
        Modes that are told at most.
    least : float
        Smallest probability of a mode.
    valley : float
        Two summits are modes of their own where the density between them falls below this part of the lower.
    """
    from vo_photoz.redshift.mode_search import search  # noqa: PLC0415 - compiled; few need it

    weight, centre, width = _columns(m)
    return Modes(*search(weight, centre, width, most, least, valley))


def on_grid(m: MixturePDF, grid: ArrayLike) -> FloatArray:
    """Density of every row on one grid of redshifts, shape (n, len(grid))."""
    z = np.asarray(grid, dtype=np.float64)
    values = np.zeros((len(m), len(z)))
    for weight, centre, width in zip(*(column.T[:, :, None] for column in _columns(m)), strict=True):
        t = (z - centre) / width
        values += weight / (width * np.sqrt(2 * np.pi)) * np.exp(-0.5 * t * t)
    return values


def _quantile(m: MixturePDF, q: float) -> FloatArray:
    """Newton steps inside a bracket that every step narrows.

    The quantile of a mixture lies between the smallest and the largest quantile of its components.
    """
    weight, centre, width = _columns(m)
    ends = centre + width * ndtri(q)
    z = np.full(len(m), np.nan)
    rows = np.flatnonzero(np.isfinite(ends).all(-1) & np.isfinite(weight).all(-1))
    low, high = ends[rows].min(-1), ends[rows].max(-1)
    z[rows] = 0.5 * (low + high)
    for step in range(200):
        if not len(rows):
            break
        here, now = MixturePDF(weight[rows], centre[rows], width[rows]), z[rows]
        excess = cdf(here, now) - q
        low, high = np.where(excess <= 0, now, low), np.where(excess >= 0, now, high)
        guess = now - excess / np.maximum(pdf(here, now), 1e-300)
        # Every third step halves the bracket, for Newton alone may creep along a flat part.
        inside = (guess > low) & (guess < high) & (step % 3 != 2)
        z[rows] = np.where(inside, guess, 0.5 * (low + high))
        moving = np.abs(z[rows] - now) > 1e-13 * (1 + np.abs(now))
        rows, low, high = rows[moving], low[moving], high[moving]
    return z


def _columns(m: MixturePDF) -> tuple[FloatArray, FloatArray, FloatArray]:
    weight, centre, width = (np.asarray(a, dtype=np.float64) for a in (m.weight, m.mean, m.sigma))
    return weight, centre, width


def _broadcast(m: MixturePDF, z: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Redshifts with a last axis for the components, and components that fit them."""
    wanted = np.asarray(z, dtype=np.float64)
    if wanted.ndim == 0:
        wanted = np.full(len(m), wanted)
    columns = _columns(m)
    if wanted.ndim == 2:
        columns = (columns[0][:, None], columns[1][:, None], columns[2][:, None])
    return wanted[..., None], *columns


def _expected_distance(difference: FloatArray, width: FloatArray) -> FloatArray:
    """E|X| for X normal with this mean and standard deviation."""
    t = difference / width
    normal = np.exp(-0.5 * t * t) / np.sqrt(2 * np.pi)
    distance: FloatArray = 2 * width * normal + difference * (2 * ndtr(t) - 1)
    return distance


def _self_distance(m: MixturePDF) -> FloatArray:
    """E|X - X'| for two independent draws of every density, shape (n,)."""
    weight, centre, width = _columns(m)
    total = np.zeros(len(m))
    for one in range(weight.shape[1]):
        apart = _expected_distance(centre - centre[:, one, None], np.hypot(width, width[:, one, None]))
        total += weight[:, one] * (weight * apart).sum(-1)
    return total


def _peak(m: MixturePDF) -> FloatArray:
    """Climb from the mean of every component; the farther up, the fewer go on."""
    _, summits, _ = _columns(m)
    for steps, kept in ((2, 5), (8, 2), (300, 1)):
        summits = _climb(m, summits, steps)
        order = np.argsort(-np.nan_to_num(pdf(m, summits)), axis=1, kind="stable")
        summits = np.take_along_axis(summits, order[:, :kept], axis=1)
    return summits[:, 0]


def _climb(m: MixturePDF, z: FloatArray, steps: int) -> FloatArray:
    """Uphill steps from each ``z`` (n, j): the fixed point of a zero slope, which never goes downhill."""
    for _ in range(steps):
        wanted, weight, centre, width = _broadcast(m, z)
        pull = _responsibilities(wanted, weight, centre, width) / width**2
        new = (pull * centre).sum(-1) / pull.sum(-1)
        settled = np.abs(new - z) <= 1e-12 * (1 + np.abs(z))
        z = new
        if np.all(settled | np.isnan(new)):
            break
    return z


def _responsibilities(z: FloatArray, weight: FloatArray, centre: FloatArray, width: FloatArray) -> FloatArray:
    """Share of each component in the density at ``z``; sums to 1 over the last axis."""
    with np.errstate(divide="ignore"):
        log_part = np.log(weight) - 0.5 * ((z - centre) / width) ** 2 - np.log(width)
    part = np.exp(log_part - log_part.max(-1, keepdims=True))
    share: FloatArray = part / part.sum(-1, keepdims=True)
    return share
