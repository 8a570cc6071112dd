"""Classes of sources and their probabilities: pure numpy.

Classes live in the components of a mixture: each Gaussian belongs to one class, and the probability of a
class is the sum of the weights of its Gaussians.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_photoz.errors import ModelError, TableError
from vo_photoz.flow import FloatArray, MixturePDF

STAR = "STAR"
GALAXY = "GALAXY"
QSO = "QSO"
CLASSES = (STAR, GALAXY, QSO)
UNKNOWN = -1


def class_probabilities(
    pdf: MixturePDF, component_classes: Sequence[str], classes: Sequence[str]
) -> FloatArray:
    """Probability of every class, shape (n, c); NaN in rows without a prediction.

    Parameters
    ----------
    pdf : MixturePDF
        n mixtures of k Gaussians; the weights of a row sum to 1.
    component_classes : sequence of str, length k
        Class of every Gaussian.
    classes : sequence of str, length c
        Classes wanted, in this order.

    Raises
    ------
    ModelError
        Raised if the numbers of Gaussians and of their classes differ.
    """
    weight = np.asarray(pdf.weight, dtype=np.float64)
    if weight.shape[1] != len(component_classes):
        raise ModelError(
            f"Mixtures of {weight.shape[1]} Gaussians came with classes for {len(component_classes)}.",
            advice="Get the model again: its card does not fit its networks.",
        )
    owner = np.asarray(component_classes)[:, None] == np.asarray(classes)[None, :]
    found: FloatArray = np.stack([weight[:, mine].sum(1) for mine in owner.T], axis=1)
    found[np.isnan(weight).any(1)] = np.nan
    return found


def class_indices(kind: ArrayLike | None, classes: Sequence[str], n: int | None = None) -> NDArray[np.intp]:
    """Number of the class of every object, -1 where it is empty or None, shape (n,).

    Parameters
    ----------
    kind : str array, shape (n,), or None
        Names of the classes; None if no object of ``n`` has one.
    classes : sequence of str
        Classes of the network, in its order.
    n : int, optional
        Number of objects where ``kind`` is None.

    Raises
    ------
    TableError
        Raised if an object has a class that the network does not tell apart.
    """
    if kind is None:
        return np.full(n or 0, UNKNOWN, dtype=np.intp)
    names = ["" if one is None else str(one) for one in np.asarray(kind, dtype=object)]
    known = {"": UNKNOWN, **{one: number for number, one in enumerate(classes)}}
    strange = sorted(set(names) - set(known))
    if strange:
        raise TableError(
            f"Some objects have the class {strange[0]!r}; the network knows {', '.join(classes) or 'none'}.",
            advice="Classes are written STAR, GALAXY and QSO; leave unknown ones empty.",
        )
    return np.array([known[one] for one in names], dtype=np.intp)


def labels(z: ArrayLike, kind: ArrayLike | None = None, classes: Sequence[str] = ()) -> NDArray[np.float32]:
    """What the losses take for the truth, float32 (n, 2): redshift, and number of the class or -1.

    Raises
    ------
    TableError
        Raised if an object has a class that the network does not tell apart.
    """
    found = np.asarray(z, dtype=np.float32)
    index = class_indices(kind if classes else None, classes, len(found))
    return np.stack([found, index.astype(np.float32)], axis=1)
