"""Scores in bins: of the predicted redshift, of the magnitude, of the signal, of the dust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.judged import Judged
from vo_photoz.analysis.metrics import Scores, scores_of
from vo_photoz.flow import FloatArray

FEWEST = 20
"""Objects that a bin must have."""
MOST_BINS = 10


@dataclass(frozen=True)
class Quantity:
    """Something known of every object, by which scores are binned.

    Parameters
    ----------
    name : str
        Key in reports.
    title : str
        Words for axes, with the unit.
    values : float array, shape (n,)
        NaN where it is not known.
    """

    name: str
    title: str
    values: FloatArray


@dataclass(frozen=True)
class Bin:
    """Scores of all estimators for the objects of a bin.

    Parameters
    ----------
    low, high : float
        Its limits; the upper one belongs to the next bin, but for the last.
    median : float
        Of the quantity.
    scores : dict
        `Scores` by estimator.
    """

    low: float
    high: float
    median: float
    scores: dict[str, Scores]

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a file."""
        scores = {name: one.as_dict() for name, one in self.scores.items()}
        return {"low": self.low, "high": self.high, "median": self.median, "scores": scores}


def binned(quantity: Quantity, judged: Mapping[str, Judged], first: str) -> list[Bin]:
    """Scores in bins with about equally many objects.

    Parameters
    ----------
    quantity : Quantity
        Of n objects.
    judged : mapping
        `Judged` of the same objects by estimator.
    first : str
        The estimator whose objects count.

    Returns
    -------
    list of Bin
        At most ten; empty if there are too few objects, or they all have the same value.
    """
    known = np.isfinite(quantity.values) & judged[first].counted
    edges = edges_of(quantity.values[known])
    found = []
    for number, (low, high) in enumerate(pairwise(edges)):
        last = number == len(edges) - 2
        inside = (
            known
            & (quantity.values >= low)
            & ((quantity.values <= high) if last else (quantity.values < high))
        )
        if inside.sum() < 2:
            continue
        parts = {name: one.take(inside) for name, one in judged.items()}
        scores = {name: scores_of(one) for name, one in parts.items() if one.counted.any()}
        found.append(Bin(float(low), float(high), float(np.median(quantity.values[inside])), scores))
    return found


def edges_of(values: FloatArray) -> FloatArray:
    """Edges of bins with equally many objects, each with 20 or more; one value gives no bins."""
    count = min(MOST_BINS, len(values) // FEWEST)
    if count < 1:
        return np.empty(0)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)))
    return edges if len(edges) > 1 else np.empty(0)


def reliability(pit: FloatArray, levels: NDArray[np.float64]) -> FloatArray:
    """Share of objects inside the central interval of each level: the calibration curve."""
    ordered = np.sort(2 * np.abs(pit - 0.5))
    return np.asarray(np.searchsorted(ordered, levels, side="right") / max(len(pit), 1), dtype=np.float64)
