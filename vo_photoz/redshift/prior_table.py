"""How redshifts and classes are distributed in a sky: the table that cards and files of priors hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, Field, model_validator

from vo_photoz.flow import FloatArray

ANY = ""
"""The one class of objects without classes."""

STEP, MAGNITUDE_STEP = 0.05, 0.5


class PriorTable(BaseModel):
    """p(z, class), or p(z, class, magnitude), as a histogram.

    Parameters
    ----------
    edges : list of float
        Edges of the m bins of redshift, rising.
    mass : dict
        By class, the probability of each bin; all sum to 1. The one class of a model without classes is "".
        Stars have their mass in the bin of redshift 0. With magnitudes, the m numbers of the brightest bin
        come first, then those of the next.
    source : str
        Where it comes from.
    magnitude_edges : list of float
        Edges of the bins of magnitude (AB), rising; empty for a table without magnitudes.
    magnitude_band : str
        Band of the magnitudes.
    """

    edges: list[float] = Field(min_length=2)
    mass: dict[str, list[float]] = Field(min_length=1)
    source: str = ""
    magnitude_edges: list[float] = []
    magnitude_band: str = ""

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        bins = (len(self.edges) - 1) * max(len(self.magnitude_edges) - 1, 1)
        if any(len(one) != bins for one in self.mass.values()):
            raise ValueError("every class needs one number a bin of redshift and magnitude")
        if not (np.diff(self.edges) > 0).all() or not (np.diff(self.magnitude_edges) > 0).all():
            raise ValueError("the edges of the bins must rise")
        values = np.array(list(self.mass.values()), dtype=np.float64)
        if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
            raise ValueError("the probabilities must be finite, not negative, and not all zero")
        if abs(values.sum() - 1) > 1e-3:  # as rounded in a card
            raise ValueError("the probabilities of all classes and redshifts must sum to 1")
        return self

    @property
    def by_magnitude(self) -> bool:
        """Whether it knows magnitudes."""
        return len(self.magnitude_edges) > 1

    def share(self, kind: str) -> float:
        """Share of a class."""
        return float(sum(self.mass.get(kind, ())))

    def masses(self, kind: str) -> FloatArray:
        """Probability of the bins of a class, shape (magnitude, z); one row without magnitudes."""
        shape = (max(len(self.magnitude_edges) - 1, 1), len(self.edges) - 1)
        return np.reshape(self.mass.get(kind, np.zeros(shape)), shape).astype(np.float64)

    def marginal(self) -> PriorTable:
        """The same over all magnitudes."""
        mass = {kind: [float(one) for one in self.masses(kind).sum(0)] for kind in self.mass}
        return PriorTable(edges=self.edges, mass=mass, source=self.source)

    def density(self, kind: str, z: ArrayLike) -> FloatArray:
        """p(z, class) at redshifts: straight lines between the middles of the bins, zero outside."""
        edges = np.asarray(self.edges)
        height = self.masses(kind).sum(0) / np.diff(edges)
        middle = np.concatenate([edges[:1], 0.5 * (edges[1:] + edges[:-1]), edges[-1:]])
        wanted = np.asarray(z, dtype=np.float64)
        return np.asarray(np.interp(wanted, middle, np.concatenate([height[:1], height, height[-1:]]), 0, 0))


def prior_of(
    z: ArrayLike,
    kind: Sequence[str] | NDArray[np.str_] | None = None,
    *,
    weight: ArrayLike | None = None,
    magnitude: ArrayLike | None = None,
    band: str = "",
    smoothing: float = 0.0,
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
    magnitude : array, shape (n,), or None
        AB magnitudes in a band; None makes a table without magnitudes. Objects without one do not count.
    band : str
        Of the magnitudes.
    smoothing : float
        Standard deviation of a Gaussian in redshift, for few objects; in magnitude it is 0.5 then. Stars are
        not smoothed in redshift.
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
    bright = np.zeros(len(values)) if magnitude is None else np.asarray(magnitude, dtype=np.float64)
    good = np.isfinite(values) & (weights > 0) & np.isfinite(bright)
    if not good.any():
        raise ValueError("no object has a redshift")
    values, kinds, weights, bright = values[good], kinds[good], weights[good], bright[good]
    edges = _edges(values, STEP)
    magnitude_edges = np.array([-0.5, 0.5]) if magnitude is None else _edges(bright, MAGNITUDE_STEP)
    mass = {}
    for one in np.unique(kinds):
        mine = kinds == one
        counts = np.histogram2d(bright[mine], values[mine], (magnitude_edges, edges), weights=weights[mine])[
            0
        ]
        if smoothing > 0:
            width = 0 if one == "STAR" else smoothing / STEP
            from scipy.ndimage import gaussian_filter  # noqa: PLC0415 - slow, and not needed to read a table

            counts = gaussian_filter(counts, (1 if magnitude is not None else 0, width), mode="nearest")
        mass[str(one)] = counts.ravel()
    total = sum(float(one.sum()) for one in mass.values())
    return PriorTable(
        edges=[round(float(edge), 6) for edge in edges],
        mass={one: [round(float(value), 9) for value in counts / total] for one, counts in mass.items()},
        source=source,
        magnitude_edges=[] if magnitude is None else [round(float(edge), 6) for edge in magnitude_edges],
        magnitude_band=band,
    )


def overlap(low: FloatArray, high: FloatArray, edges: FloatArray) -> FloatArray:
    """Share of each bin from ``low`` to ``high`` that lies in each cell between edges, shape (bin, cell)."""
    inside = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    return np.asarray(np.maximum(inside, 0) / np.maximum(high - low, 1e-12)[:, None])


def _edges(values: FloatArray, step: float) -> FloatArray:
    first, last = np.floor(values.min() / step), np.floor(values.max() / step) + 1
    return np.asarray(np.arange(first, last + 1) * step, dtype=np.float64)
