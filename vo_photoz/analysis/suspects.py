"""Objects whose label looks wrong: the density says that the known redshift, or class, is hardly possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.judged import Judged
from vo_photoz.flow import FloatArray

HARDLY = 0.05
"""Probability near the known redshift, or of the known class, below which a label is suspected."""


@dataclass(frozen=True)
class Suspect:
    """One object.

    Parameters
    ----------
    number : int
        Place among the judged objects.
    near : float
        Probability within 0.15 (1 + z) of the known redshift.
    of_class : float or None
        Probability of the known class; None without classes.
    backed : bool
        Whether a second estimator agrees with the model, and not with the label.
    """

    number: int
    near: float
    of_class: float | None
    backed: bool


def find_suspects(
    model: Judged,
    second: Judged,
    share: FloatArray | None = None,
    kind: NDArray[np.str_] | None = None,
    classes: Sequence[str] = (),
) -> list[Suspect]:
    """Objects with a label that is hardly possible, the least possible first.

    A label is wrong, or the model is: a look at the stamps, or a second spectrum, tells which. Where a second
    estimator that works otherwise agrees with the model, the label is the more doubtful.

    Parameters
    ----------
    model, second : Judged
        The model, and the second estimator, of the same n objects.
    share : float array, shape (n, class), or None
        Probabilities of the classes.
    kind : str array, shape (n,), or None
        Known classes, empty where they are not known.
    classes : sequence of str
        Columns of ``share``.
    """
    of_class = _of_class(share, kind, classes, len(model))
    least = np.fmin(np.where(model.counted, model.near, np.nan), of_class)
    order = np.lexsort((-np.nan_to_num(model.crps), least))
    backed = _backed(model, second)
    return [
        Suspect(
            number=int(one),
            near=float(model.near[one]),
            of_class=None if np.isnan(of_class[one]) else float(of_class[one]),
            backed=bool(backed[one]),
        )
        for one in order
        if least[one] < HARDLY
    ]


def _of_class(
    share: FloatArray | None, kind: NDArray[np.str_] | None, classes: Sequence[str], n: int
) -> FloatArray:
    """Probability of the known class; NaN where there is none."""
    if share is None or kind is None:
        return np.full(n, np.nan)
    mine = kind[:, None] == np.asarray(classes)[None, :]
    return np.where(mine.any(1), (share * mine).sum(1), np.nan)


def _backed(model: Judged, second: Judged) -> NDArray[np.bool_]:
    agree = np.abs(model.median - second.median) < 0.15 * (1 + model.median)
    return np.asarray(agree & (np.abs(second.e) > 0.15))
