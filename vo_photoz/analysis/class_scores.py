"""Scores of class probabilities against known classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray

TINY = 1e-6
"""Smallest probability before a logarithm: a class that an estimator excludes costs 13.8, not infinity."""


@dataclass(frozen=True)
class ClassScores:
    """How well classes are told apart; the class of an object is the one with the largest probability.

    Parameters
    ----------
    n : int
        Objects whose class is known.
    accuracy : float
        Share of objects with the right class.
    log_loss : float
        Mean of -ln of the probability of the right class; smaller is better.
    completeness, purity : dict
        By class: share of its objects that are found, share of those found that belong to it.
    confusion : list of list of int
        Objects by known class (rows) and class found (columns).
    """

    n: int
    accuracy: float
    log_loss: float
    completeness: dict[str, float]
    purity: dict[str, float]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self)


def class_scores(share: FloatArray, kind: NDArray[np.str_], classes: Sequence[str]) -> ClassScores | None:
    """Score class probabilities; objects without a known class or without probabilities do not count.

    Parameters
    ----------
    share : float array, shape (n, class)
        Probability of each class.
    kind : str array, shape (n,)
        Known class; empty where it is not known.
    classes : sequence of str
        Names of the columns.

    Returns
    -------
    ClassScores or None
        None if no object counts.
    """
    truth = (kind[:, None] == np.asarray(classes)[None, :]).argmax(1)
    good = np.isin(kind, classes) & np.isfinite(share).all(1)
    if not good.any():
        return None
    truth, share = truth[good], share[good]
    found = share.argmax(1)
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (truth, found), 1)
    right = share[np.arange(len(truth)), truth]
    of_class, as_class = confusion.sum(1), confusion.sum(0)
    return ClassScores(
        n=len(truth),
        accuracy=float(np.mean(found == truth)),
        log_loss=float(-np.log(np.maximum(right, TINY)).mean()),
        completeness=_shares(confusion.diagonal(), of_class, classes),
        purity=_shares(confusion.diagonal(), as_class, classes),
        confusion=confusion.tolist(),
    )


def _shares(right: NDArray[np.int_], of: NDArray[np.int_], classes: Sequence[str]) -> dict[str, float]:
    """Shares by class; a class without objects has none."""
    return {name: float(one / many) for name, one, many in zip(classes, right, of, strict=True) if many}
