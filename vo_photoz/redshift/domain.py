"""The training domain of a model: which sources look like those that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from vo_photoz.datasets.sky import sky_noise
from vo_photoz.errors import ModelError
from vo_photoz.flow import BoolArray, Float32Array, FloatArray
from vo_photoz.redshift.domain_features import GROUPS, domain_features

FILE = "domain.npz"
NEIGHBOURS = 5
OUTSIDE = 0.01
"""Share of the training objects that count as outside."""
MOST_OBJECTS = 8000
"""Training objects that are kept: a query costs 20 microseconds."""
COMMON_NOISE, OWN_NOISE = 0.7, 0.05
"""Tolerances of the noise, standard deviations in ln: of all bands together, for images of other depth or
pixels, and of each band."""
SMALLEST_AXIS = 1e-4
"""Of the variances along the axes of a group, in units of the largest."""


@dataclass(frozen=True)
class Group:
    """Where training objects lie in one group of features.

    Parameters
    ----------
    centre : float array, shape (m,)
        Mean of the features.
    whitening : float array, shape (m, m)
        Makes the features uncorrelated, with standard deviation 1.
    points : float32 array, shape (n, m)
        Whitened features of training objects.
    radius : float
        Distance of the fifth nearest of them beyond which a source is outside.
    """

    centre: FloatArray
    whitening: FloatArray
    points: Float32Array
    radius: float

    @cached_property
    def tree(self) -> cKDTree:
        """For searches among the points."""
        return cKDTree(self.points)

    def distance(self, features: Float32Array) -> FloatArray:
        """Distance of the fifth nearest training object, shape (n,); infinite where features are missing."""
        white = ((features - self.centre) @ self.whitening).astype(np.float32)
        good = np.isfinite(white).all(1)
        out = np.full(len(white), np.inf)
        if good.any():
            k = min(NEIGHBOURS, len(self.points))
            # The exact distance matters up to the radius alone; beyond it is infinite.
            found, _ = self.tree.query(white[good], k=[k], distance_upper_bound=1.001 * self.radius)
            out[good] = found[:, 0]
        return out


@dataclass(frozen=True)
class Domain:
    """Where training objects lie in light, noise and shape; see `domain_features`.

    A source is outside when in any of these groups its fifth nearest training object is farther away than
    for most training objects themselves: one in a hundred of them is outside.

    Parameters
    ----------
    softening : float array, shape (band,)
        Noise of a pixel that is usual in the training, in the unit of the stamps.
    groups : dict
        By name.
    """

    softening: FloatArray
    groups: Mapping[str, Group]

    def outside(self, pixels: Float32Array) -> BoolArray:
        """Whether sources are unlike all training objects, shape (n,); stamps without a value are.

        Parameters
        ----------
        pixels : float32 array, shape (n, band, y, x)
            Stamps as the model eats them.
        """
        return np.asarray(np.any(list(self.outside_by_group(pixels).values()), axis=0))

    def outside_by_group(self, pixels: Float32Array) -> dict[str, BoolArray]:
        """As `outside`, for each group."""
        found = domain_features(pixels, self.softening)
        return {name: group.distance(found[name]) > group.radius for name, group in self.groups.items()}

    def save(self, path: Path) -> None:
        """Write the domain."""
        parts = {
            f"{name}_{part}": getattr(group, part)
            for name, group in self.groups.items()
            for part in ("centre", "whitening", "points", "radius")
        }
        np.savez_compressed(path, softening=self.softening, **parts)


def domain_of(pixels: Float32Array, softening: FloatArray | None = None) -> Domain:
    """Learn the domain from training stamps (n, band, y, x), real and simulated ones together.

    Parameters
    ----------
    pixels : float32 array
        Every row counts the same: repeat what is rare and matters.
    softening : float array, shape (band,), or None
        Noise of a pixel; None measures it.

    Raises
    ------
    ModelError
        Raised if fewer than 10 stamps can be measured.
    """
    soft = sky_noise(pixels) if softening is None else np.asarray(softening, dtype=np.float64)
    soft = np.where((soft > 0) & np.isfinite(soft), soft, 1.0)
    found = domain_features(pixels, soft)
    good = np.flatnonzero(np.all([np.isfinite(found[name]).all(1) for name in GROUPS], axis=0))
    if len(good) < 2 * NEIGHBOURS:
        raise ModelError(
            f"The training domain cannot be told from {len(good)} stamps.", advice="Train with more objects."
        )
    kept = np.random.default_rng(1).permutation(good)[:MOST_OBJECTS]
    groups = {name: _group(found[name][kept], name) for name in GROUPS}
    own = {name: _own_distances(group) for name, group in groups.items()}
    cut = _common_cut(own)
    return Domain(
        soft,
        {
            name: Group(one.centre, one.whitening, one.points, float(np.quantile(own[name], 1 - cut)))
            for name, one in groups.items()
        },
    )


def load_domain(path: Path) -> Domain:
    """Read what `Domain.save` wrote.

    Raises
    ------
    ModelError
        Raised if the file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in GROUPS if f"{name}_radius" in file]
            if not names:
                raise ModelError(
                    f"{path} was written by an earlier version of this program.",
                    advice="Train the model again, or get a newer one.",
                )
            groups = {
                name: Group(
                    file[f"{name}_centre"],
                    file[f"{name}_whitening"],
                    file[f"{name}_points"],
                    float(file[f"{name}_radius"]),
                )
                for name in names
            }
            return Domain(file["softening"], groups)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path} cannot be read: {error}.", advice="Get the model again.") from None


def _group(features: Float32Array, name: str) -> Group:
    """A group whose radius is still to be found."""
    values = features.astype(np.float64)
    spread = np.atleast_2d(np.cov(values.T))
    if name == "noise":
        spread = spread + COMMON_NOISE**2 + OWN_NOISE**2 * np.eye(len(spread))
    variance, axes = np.linalg.eigh(spread)
    whitening = axes / np.sqrt(np.maximum(variance, max(SMALLEST_AXIS * variance.max(), 1e-12)))
    centre = values.mean(0)
    return Group(centre, whitening, ((values - centre) @ whitening).astype(np.float32), np.inf)


def _own_distances(group: Group) -> FloatArray:
    """Distance of the fifth nearest other object for each object."""
    k = min(NEIGHBOURS, len(group.points) - 1) + 1  # each object is its own first neighbour
    found, _ = group.tree.query(group.points, k=[k])
    return np.asarray(found[:, 0], dtype=np.float64)


def _common_cut(own: Mapping[str, FloatArray]) -> float:
    """The share to cut off in every group so that one object in a hundred is outside in any."""
    low, high = 0.0, OUTSIDE
    for _ in range(30):
        middle = 0.5 * (low + high)
        out = np.any([one > np.quantile(one, 1 - middle) for one in own.values()], axis=0)
        low, high = (middle, high) if out.mean() <= OUTSIDE else (low, middle)
    return low
