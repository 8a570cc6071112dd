"""What is known of the objects of a data set: redshifts and classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.store import Dataset
from vo_photoz.flow import FloatArray
from vo_photoz.redshift.classes import CLASSES, STAR


@dataclass(frozen=True)
class Kinds:
    """Classes of a data set.

    Parameters
    ----------
    kind : str array, shape (n,)
        Class of every object, empty where it is not known.
    classes : tuple of str
        Classes that occur, in the usual order.
    """

    kind: NDArray[np.str_]
    classes: tuple[str, ...]


def redshifts(data: Dataset) -> FloatArray:
    """Known redshifts, NaN where there is none; stars are at 0 whatever a spectrum says of their motion."""
    rows = data.rows
    if rows.kind is None:
        return rows.z
    return np.where(rows.kind == STAR, 0.0, rows.z)


def kinds(data: Dataset) -> Kinds | None:
    """Classes of a data set; None unless there are two or more."""
    kind = data.rows.kind
    if kind is None:
        return None
    known = tuple(one for one in CLASSES if (kind == one).any())
    return Kinds(np.asarray(kind, dtype=np.str_), known) if len(known) > 1 else None
