"""Paired bootstrap over cells of the sky: how far scores, and differences of scores, can be trusted.

Objects of one part of the sky share images, calibration and dust, so whole cells are drawn, not objects.
Both estimators are scored on the same draws: what is hard for both cancels in the difference.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.judged import Judged
from vo_photoz.analysis.metrics import OUTLIER, nmad
from vo_photoz.errors import TableError
from vo_photoz.flow import FloatArray

ROUNDS = 1000
FEWEST_CELLS = 8
"""With fewer cells than this, objects are drawn one by one."""

METRICS = ("crps", "nll", "cde_loss", "rmse", "bias", "nmad", "outliers", "coverage_68")


@dataclass(frozen=True)
class Difference:
    """One score of a model and of a rival on the same objects.

    Parameters
    ----------
    model, rival : float
        The two scores.
    difference : float
        Model minus rival.
    error : float
        Standard deviation of the difference over the draws.
    low, high : float
        95 % of the draws lie between these.
    model_error : float
        Standard deviation of the score of the model over the draws.
    """

    model: float
    rival: float
    difference: float
    error: float
    low: float
    high: float
    model_error: float


@dataclass(frozen=True)
class Comparison:
    """A model beside a rival.

    Parameters
    ----------
    n : int
        Objects that both have a density for.
    cells : int
        Cells of the sky that were drawn from; 0 if objects were drawn one by one.
    rounds : int
        Number of draws.
    metrics : dict
        `Difference` by the name of the score.
    crps_ratio, crps_ratio_error, crps_ratio_low, crps_ratio_high : float
        CRPS of the model over that of the rival, its standard deviation, the range of 95 % of the draws.
    """

    n: int
    cells: int
    rounds: int
    metrics: dict[str, Difference]
    crps_ratio: float
    crps_ratio_error: float
    crps_ratio_low: float
    crps_ratio_high: float

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self)


def compare(
    model: Judged, rival: Judged, cells: NDArray[np.integer[Any]], *, rounds: int = ROUNDS, seed: int = 1
) -> Comparison:
    """Compare two estimators on the same objects.

    Parameters
    ----------
    model, rival : Judged
        Of the same n objects; those that one of them has no density for do not count.
    cells : int array, shape (n,)
        Cell of the sky of each object.
    rounds : int
        Number of draws.
    seed : int
        Same seed, same draws.

    Raises
    ------
    TableError
        Raised if no object counts.
    """
    both = model.counted & rival.counted
    if not both.any():
        raise TableError("No object has a density of both estimators, so they cannot be compared.")
    one, other, cells = model.take(both), rival.take(both), cells[both]
    used = len(np.unique(cells))
    if used < FEWEST_CELLS:
        cells, used = np.arange(len(one)), 0
    draws = _draws(cells, rounds, seed)
    mine, its = _over_draws(one, draws), _over_draws(other, draws)
    whole = np.ones((1, len(np.unique(cells))), dtype=int), draws[1]
    here, there = _over_draws(one, whole), _over_draws(other, whole)
    metrics = {name: _difference(here[name][0], there[name][0], mine[name], its[name]) for name in METRICS}
    ratio = mine["crps"] / its["crps"]
    low, high = np.percentile(ratio, [2.5, 97.5])
    return Comparison(
        n=len(one),
        cells=used,
        rounds=rounds,
        metrics=metrics,
        crps_ratio=float(here["crps"][0] / there["crps"][0]),
        crps_ratio_error=float(ratio.std()),
        crps_ratio_low=float(low),
        crps_ratio_high=float(high),
    )


def _difference(here: float, there: float, mine: FloatArray, its: FloatArray) -> Difference:
    apart = mine - its
    low, high = np.percentile(apart, [2.5, 97.5])
    return Difference(
        model=float(here),
        rival=float(there),
        difference=float(here - there),
        error=float(apart.std()),
        low=float(low),
        high=float(high),
        model_error=float(mine.std()),
    )


def _draws(
    cells: NDArray[np.integer[Any]], rounds: int, seed: int
) -> tuple[NDArray[np.integer[Any]], NDArray[np.intp]]:
    """How often each cell is in each draw (rounds, cells), and the cell of each object counted from 0."""
    names, number = np.unique(cells, return_inverse=True)
    rng = np.random.default_rng(seed)
    return rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=rounds), number


def _over_draws(
    judged: Judged, draws: tuple[NDArray[np.integer[Any]], NDArray[np.intp]]
) -> dict[str, FloatArray]:
    """Every score in every draw."""
    times, number = draws
    e = judged.e
    columns = np.stack(
        [
            judged.crps,
            judged.nll,
            judged.cde,
            (judged.median - judged.z) ** 2,
            e,
            np.abs(e) > OUTLIER,
            np.abs(judged.pit - 0.5) <= 0.34,
            np.ones(len(e)),
        ]
    )
    sums = np.stack([np.bincount(number, column, minlength=times.shape[1]) for column in columns], axis=1)
    total = times @ sums
    mean = total[:, :-1] / total[:, -1:]
    names = ("crps", "nll", "cde_loss", "rmse", "bias", "outliers", "coverage_68")
    found: dict[str, FloatArray] = dict(zip(names, mean.T, strict=True))
    found["rmse"] = np.sqrt(found["rmse"])
    found["nmad"] = np.array([nmad(np.repeat(e, row[number])) for row in times])
    return found
