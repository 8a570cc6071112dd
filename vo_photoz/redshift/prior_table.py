"""How redshifts and classes are distributed in a sky: the table that cards and files of priors hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, Field, model_validator

from vo_photoz.flow import FloatArray

ANY = ""
"""The class of objects of a model that tells no classes."""

STEP = 0.05


class PriorTable(BaseModel):
    """p(z, class) as a histogram.

    Parameters
    ----------
    edges : list of float
        Edges of the m bins of redshift, rising.
    mass : dict
        By class, the probability of each bin; all sum to 1. The one class of a model without classes is "".
        Stars have their mass in the bin of redshift 0.
    source : str
        Where it comes from.
    """

    edges: list[float] = Field(min_length=2)
    mass: dict[str, list[float]] = Field(min_length=1)
    source: str = ""

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        values = np.array(list(self.mass.values()), dtype=np.float64, ndmin=2)
        if values.shape[1] != len(self.edges) - 1:
            raise ValueError("every class needs one number a bin of redshift")
        if not (np.diff(self.edges) > 0).all():
            raise ValueError("the edges of the bins of redshift must rise")
        if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
            raise ValueError("the probabilities must be finite, not negative, and not all zero")
        if abs(values.sum() - 1) > 1e-3:  # as rounded in a card
            raise ValueError("the probabilities of all classes and redshifts must sum to 1")
        return self

    def share(self, kind: str) -> float:
        """Share of a class."""
        return float(sum(self.mass.get(kind, ())))

    def density(self, kind: str, z: ArrayLike) -> FloatArray:
        """p(z, class) at redshifts: straight lines between the middles of the bins, zero outside."""
        edges = np.asarray(self.edges)
        if kind not in self.mass:
            return np.zeros(np.shape(z))
        height = np.asarray(self.mass[kind]) / np.diff(edges)
        middle = np.concatenate([edges[:1], 0.5 * (edges[1:] + edges[:-1]), edges[-1:]])
        wanted = np.asarray(z, dtype=np.float64)
        return np.asarray(np.interp(wanted, middle, np.concatenate([height[:1], height, height[-1:]]), 0, 0))


def prior_of(
    z: ArrayLike,
    kind: Sequence[str] | NDArray[np.str_] | None = None,
    *,
    weight: ArrayLike | None = None,
    source: str = "",
) -> PriorTable:
    """The distribution of redshifts and classes of a set of objects.

    Parameters
    ----------
    z : array, shape (n,)
        Redshifts; objects without one do not count.
    kind : sequence of str, shape (n,), or None
        Classes; None if objects have none.
    weight : array, shape (n,), or None
        How much each object counts; None: all the same.
    source : str
        What they are.

    Raises
    ------
    ValueError
        Raised if no object has a redshift.
    """
    values = np.asarray(z, dtype=np.float64)
    kinds = np.full(len(values), ANY) if kind is None else np.asarray(kind)
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    good = np.isfinite(values) & (weights > 0)
    if not good.any():
        raise ValueError("no object has a redshift")
    values, kinds, weights = values[good], kinds[good], weights[good]
    first, last = np.floor(values.min() / STEP), np.floor(values.max() / STEP) + 1
    edges = np.arange(first, last + 1) * STEP
    mass = {
        str(one): _rounded(
            np.histogram(values[kinds == one], edges, weights=weights[kinds == one])[0], weights
        )
        for one in np.unique(kinds)
    }
    return PriorTable(edges=[round(float(edge), 6) for edge in edges], mass=mass, source=source)


def _rounded(counts: FloatArray, weights: FloatArray) -> list[float]:
    return [round(float(one), 9) for one in counts / weights.sum()]
