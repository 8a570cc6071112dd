"""Whether P(z > z_min) holds what it says: the fraction of far sources among those of equal probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import BoolArray, FloatArray

EDGES = np.array([0, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 1.0])
"""Of the bins of probability: finer at both ends, where most sources of a natural sky are."""
LEAST_EFFECTIVE = 8.0
"""Objects, in effect, below which a bin is joined with the next."""


@dataclass(frozen=True)
class ProbabilityBin:
    """Sources of about the same P(z > z_min).

    Parameters
    ----------
    low, high : float
        Edges of the probability.
    n : int
        Objects.
    effective : float
        As how many equally weighted objects they count, (sum w)^2 / sum w^2.
    share : float
        Of all sources of the sky that is imitated.
    predicted, found : float
        Weighted mean of the probabilities; weighted fraction of objects beyond z_min.
    found_low, found_high : float
        Interval of 68 % of that fraction (Wilson 1927, JASA 22, 209, with the effective number; reference
        entered by hand).
    """

    low: float
    high: float
    n: int
    effective: float
    share: float
    predicted: float
    found: float
    found_low: float
    found_high: float


@dataclass(frozen=True)
class HighRedshift:
    """Reliability of P(z > z_min).

    Parameters
    ----------
    z_min : float
        Redshift.
    n, beyond : int
        Objects, and those beyond z_min.
    predicted, found : float
        Share of sources beyond z_min: mean probability, and what is so.
    bins : list of ProbabilityBin
        By rising probability.
    """

    z_min: float
    n: int
    beyond: int
    predicted: float
    found: float
    bins: list[ProbabilityBin]


@dataclass(frozen=True)
class NaturalSky:
    """Reliability at natural densities.

    Parameters
    ----------
    several : list of HighRedshift
        For several z_min.
    covered : float
        Share of the sources of the sky, of the classes of the data set, in cells that hold an object.
    effective : float
        As how many equally weighted objects all count.
    classes : tuple of str
        Classes of the sky that are there.
    source : str
        Where the sky prior is from.
    """

    several: list[HighRedshift]
    covered: float
    effective: float
    classes: tuple[str, ...]
    source: str


def reliability(
    probability: FloatArray, beyond: BoolArray, weight: FloatArray, z_min: float
) -> HighRedshift | None:
    """Compare probabilities with what is so; None if no object counts.

    Parameters
    ----------
    probability : float array, shape (n,)
        P(z > z_min) of each object; NaN where there is none.
    beyond : bool array, shape (n,)
        Whether it is so.
    weight : float array, shape (n,)
        How many sources of the sky an object stands for; 0 leaves it out.
    z_min : float
        Redshift, for the record.
    """
    counted = np.isfinite(probability) & (weight > 0)
    if not counted.any():
        return None
    p, true, w = probability[counted], beyond[counted], weight[counted]
    bins = [_bin(*edges, p[rows], true[rows], w[rows], w.sum()) for edges, rows in _groups(p, w)]
    return HighRedshift(
        z_min,
        len(p),
        int(true.sum()),
        float(np.average(p, weights=w)),
        float(np.average(true, weights=w)),
        bins,
    )


def _groups(p: FloatArray, w: FloatArray) -> list[tuple[tuple[float, float], NDArray[np.intp]]]:
    """Edges and objects of the bins; one with too few is joined with the next, the last with that before."""
    place = np.clip(np.searchsorted(EDGES, p, side="right") - 1, 0, len(EDGES) - 2)
    found: list[tuple[tuple[float, float], NDArray[np.intp]]] = []
    low, waiting = 0, np.zeros(0, dtype=np.intp)
    for k in range(len(EDGES) - 1):
        waiting = np.concatenate([waiting, np.flatnonzero(place == k)])
        if _effective(w[waiting]) >= LEAST_EFFECTIVE:
            found.append(((float(EDGES[low]), float(EDGES[k + 1])), waiting))
            low, waiting = k + 1, waiting[:0]
    if len(waiting):
        edges, rows = found.pop() if found else ((0.0, 1.0), waiting[:0])
        found.append(((edges[0], 1.0), np.concatenate([rows, waiting])))
    return found


def _effective(w: FloatArray) -> float:
    return float(w.sum() ** 2 / (w**2).sum()) if len(w) else 0.0


def _bin(
    low: float, high: float, p: FloatArray, true: BoolArray, w: FloatArray, total: float
) -> ProbabilityBin:
    n, rate = _effective(w), float(np.average(true, weights=w))
    middle, half = (rate + 0.5 / n) / (1 + 1 / n), np.sqrt(rate * (1 - rate) / n + 0.25 / n**2) / (1 + 1 / n)
    return ProbabilityBin(
        low, high, len(p), n, float(w.sum() / total), float(np.average(p, weights=w)), rate,
        float(max(middle - half, 0)), float(min(middle + half, 1)),
    )  # fmt: skip
