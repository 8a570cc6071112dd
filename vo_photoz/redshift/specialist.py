"""A specialist in a model: networks that know one range of redshift better than the general ones do.

The general networks of a model have seen all redshifts, most of them simulated perhaps. A specialist was
fitted to one range, where there are real stamps; of sources outside it can say nothing. Together they say

    p(z | stamp) = P(outside | stamp) p_general(z | outside, stamp) + P(inside | stamp) p_special(z | stamp)

with P from the general networks. To learn what sources outside look like, these are shown more of them than
they will meet; Bayes' theorem turns the odds of below, inside and beyond into those that are assumed.

A specialist may have one of its own, for a part of its range, to which it is what general networks are to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, Field, model_validator

from vo_photoz.flow import Float32Array, FloatArray
from vo_photoz.redshift.prior_table import PriorTable, overlap

BELOW, INSIDE, BEYOND = 0, 1, 2


class Specialist(BaseModel):
    """What a card says of the specialist of a model.

    Parameters
    ----------
    members : int
        Number of its networks; in the order of their names they are the last of the model.
    components : int
        Their Gaussians, the last of a prediction.
    z_min, z_max : float
        Its range.
    assumed : (float, float, float)
        Shares of sources below, inside and beyond the range that densities assume.
    shown : (float, float, float)
        Shares of such sources in the training of the general networks.
    training : list of dict
        What its networks were trained on, as `card.Training` tells it of the general ones; one for each model
        that was joined.
    inner : Specialist or None
        Its own specialist, for a part of its range. Networks and Gaussians of both are counted in ``members``
        and ``components``; those of the inner one are the last.
    """

    members: int = Field(gt=0)
    components: int = Field(gt=0)
    z_min: float
    z_max: float
    assumed: tuple[float, float, float]
    shown: tuple[float, float, float]
    training: list[dict[str, Any]] = []
    inner: Specialist | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.z_min < self.z_max:
            raise ValueError("the range of a specialist must not be empty")
        if any(one <= 0 for one in (*self.assumed, *self.shown)):
            raise ValueError("shares below, inside and beyond the range of a specialist must be positive")
        if (one := self.inner) and not (
            self.z_min < one.z_min < one.z_max < self.z_max
            and one.components < self.components
            and one.members < self.members
        ):
            raise ValueError("the specialist of a specialist is a part of it")
        return self

    @property
    def innermost(self) -> Specialist:
        """The specialist that has none of its own: its range is what the model knows best."""
        return self.inner.innermost if self.inner else self

    def place(self, z: NDArray[Any]) -> NDArray[np.intp]:
        """0 for redshifts below its range, 1 inside, 2 beyond."""
        return np.asarray(np.digitize(z, [self.z_min, self.z_max]))


def gated(found: Float32Array, specialist: Specialist | None) -> Float32Array:
    """Densities of general networks and specialist together.

    Parameters
    ----------
    found : float32 array, shape (n, 3, k)
        Mixtures of all networks: weights, means and standard deviations; those of the specialist come last.
    specialist : Specialist or None
        None leaves them as they are.

    Returns
    -------
    float32 array, shape (n, 3, k)
        Gaussians of the general networks inside the range have no weight. Weights sum to 1.
    """
    if specialist is None:
        return found
    first = found.shape[-1] - specialist.components
    weight = found[:, 0].astype(np.float64)
    place = specialist.place(found[:, 1, :first])
    general = weight[:, :first] * np.divide(specialist.assumed, specialist.shown)[place]
    general /= general.sum(1, keepdims=True)
    inside = np.where(place == INSIDE, general, 0).sum(1, keepdims=True)
    out = found.copy()
    out[:, 0, first:] /= out[:, 0, first:].sum(1, keepdims=True)
    own = gated(out[:, :, first:], specialist.inner)[:, 0]
    out[:, 0, :first] = np.where(place == INSIDE, 0, general)
    out[:, 0, first:] = own * inside
    return out


def shares_of(edges: ArrayLike, mass: ArrayLike, z_min: float, z_max: float) -> tuple[float, float, float]:
    """Shares of the sources of a histogram below, inside and beyond a range.

    Parameters
    ----------
    edges, mass : array, shape (m + 1,), (m,)
        The histogram; sources of a bin lie anywhere in it.
    z_min, z_max : float
        The range.
    """
    ends, held = np.asarray(edges, dtype=np.float64), np.asarray(mass, dtype=np.float64)
    cells = np.array([-np.inf, z_min, z_max, np.inf])
    below, inside, beyond = held @ overlap(ends[:-1], ends[1:], cells) / held.sum()
    return float(below), float(inside), float(beyond)


def joined_prior(general: PriorTable, own: Sequence[PriorTable], specialist: Specialist) -> PriorTable:
    """The prior that joined densities assume: that of the specialist inside its range, else the general one.

    Parameters
    ----------
    general : PriorTable
        Of the general networks, of one kind of source.
    own : sequence of PriorTable
        Of the models of the specialist; all count the same. Magnitudes are left out unless all tables have
        them in one band.
    specialist : Specialist
        Its range, and the shares that are assumed.
    """
    tables = [general, *own]
    if len({one.magnitude_band for one in tables}) > 1:
        tables = [one.marginal() for one in tables]
    edges = np.unique(np.round(np.concatenate([one.edges for one in tables]), 6))
    bright = np.unique(np.round(np.concatenate([one.magnitude_edges for one in tables]), 6))
    place = specialist.place(0.5 * (edges[1:] + edges[:-1]))
    (kind,) = general.mass
    spread = [_spread(one, edges, bright) for one in tables]
    masses = np.zeros((max(len(bright) - 1, 1), len(edges) - 1))
    for which, share in enumerate(specialist.assumed):
        part = (sum(spread[1:]) if which == INSIDE else spread[0]) * (place == which)
        masses += share * part / max(float(part.sum()), 1e-12)
    masses /= masses.sum()
    return PriorTable(
        edges=[float(one) for one in edges],
        mass={kind: [round(float(one), 9) for one in masses.ravel()]},
        source="the training objects, with the shares outside the range of the specialist that are assumed",
        magnitude_edges=[float(one) for one in bright],
        magnitude_band=tables[0].magnitude_band,
    )


def _spread(table: PriorTable, edges: FloatArray, bright: FloatArray) -> FloatArray:
    """Masses of a table on finer bins; a bin is spread evenly over those in it."""
    (kind,) = table.mass
    z, magnitude = np.asarray(table.edges), np.asarray(table.magnitude_edges)
    finer = table.masses(kind) @ overlap(z[:-1], z[1:], edges)
    return overlap(magnitude[:-1], magnitude[1:], bright).T @ finer if table.by_magnitude else finer
