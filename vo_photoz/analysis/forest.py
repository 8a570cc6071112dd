"""A random forest on photometric features, with densities from its leaves: a rival of the networks.

Every leaf keeps the redshifts of the training objects in it. The density of an object is that of the
redshifts in its leaves of all trees (quantile regression forests; Meinshausen 2006, JMLR 7, 983), thinned to
even quantiles, each a narrow Gaussian. Leaf size, features a split and width are those that score best on
objects that are not fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import FloatArray, MixturePDF, Progress, no_progress
from vo_photoz.redshift import mixture

GRID = tuple((leaf, share) for leaf in (1, 3, 8, 20) for share in (0.08, 0.15, 0.4))
"""Smallest leaves, and shares of the features that a split may choose from, that are tried."""
WIDTHS = (0.0015, 0.003, 0.006, 0.012, 0.02, 0.035, 0.06)
"""Standard deviations that are tried, in (1 + z)."""
STAR_SIGMA = 5e-3
"""Of training objects at redshift 0; the smallest width of the networks too."""
TREES, FEWER_TREES, SEARCH_TREES = 300, 120, 100
MANY = 30_000
"""With more training objects than this, fewer trees are grown: they would fill the memory."""
SEARCH_OBJECTS = 10_000
DRAWS = 4
"""Redshifts kept of a leaf."""
GAUSSIANS = 64
PART = 2048


@dataclass(frozen=True)
class Forest:
    """A fitted forest.

    Parameters
    ----------
    trees : RandomForestRegressor
        From scikit-learn.
    kept : list of float array
        For every tree: redshifts of training objects in each of its nodes, shape (node, draw).
    shares : list of float array
        For every tree: share of each class in each node, shape (node, class).
    width : float
        Standard deviation of a Gaussian, in (1 + z).
    options : dict
        What was chosen.
    """

    trees: Any
    kept: list[NDArray[np.float32]]
    shares: list[NDArray[np.float32]]
    width: float
    options: dict[str, float]

    def predict(self, features: FloatArray) -> MixturePDF:
        """Densities of objects, n rows of 64 Gaussians."""
        parts = [self._predict(features[start : start + PART]) for start in range(0, len(features), PART)]
        centre = np.concatenate(parts)
        return _mixture(centre, self.width)

    def class_probabilities(self, features: FloatArray) -> FloatArray:
        """Probability of every class, shape (n, class)."""
        found = np.zeros((len(features), self.shares[0].shape[1]))
        leaves = self.trees.apply(features)
        for tree, share in enumerate(self.shares):
            found += share[leaves[:, tree]]
        return found / len(self.shares)

    def _predict(self, features: FloatArray) -> FloatArray:
        leaves = self.trees.apply(features)
        sample = np.concatenate([kept[leaves[:, tree]] for tree, kept in enumerate(self.kept)], axis=1)
        sample.sort(axis=1)
        places = (np.arange(GAUSSIANS) + 0.5) / GAUSSIANS * sample.shape[1]
        return sample[:, places.astype(int)].astype(np.float64)


def fit_forest(
    features: FloatArray,
    z: FloatArray,
    stop: NDArray[np.bool_],
    *,
    kind: NDArray[np.intp] | None = None,
    classes: int = 0,
    grid: Sequence[tuple[int, float]] = GRID,
    seed: int = 1,
    jobs: int = -1,
    progress: Progress = no_progress,
) -> Forest:
    """Choose the options of a forest by objects that are left out, then fit all objects.

    Parameters
    ----------
    features : float array, shape (n, m)
        Of the training objects.
    z : float array, shape (n,)
        Their redshifts.
    stop : bool array, shape (n,)
        Objects by which the options are chosen; in the end they are fitted too.
    kind : int array, shape (n,), or None
        Number of the class of each object, -1 where it is not known.
    classes : int
        Number of classes.
    grid : sequence of (int, float)
        Smallest leaves and shares of the features that are tried.
    seed : int
        Same seed, same forest.
    jobs : int
        Processor cores; -1 takes all.
    progress : Progress
        Told how far it is.

    Raises
    ------
    UsageError
        Raised if scikit-learn is not installed.
    """
    rng = np.random.default_rng(seed)
    crps, leaf, share, width = _chosen(features, z, stop, grid, rng, seed, jobs, progress)
    number = TREES if len(z) <= MANY else FEWER_TREES
    trees = _trees(features, z, leaf, share, number, seed, jobs)
    options = {"leaf": leaf, "feature_share": share, "width": width, "trees": number, "stop_crps": crps}
    shares = _shares(trees, features, kind, classes) if kind is not None and classes else []
    return Forest(trees, _kept(trees, features, z, rng), shares, width, options)


def _chosen(
    features: FloatArray,
    z: FloatArray,
    stop: NDArray[np.bool_],
    grid: Sequence[tuple[int, float]],
    rng: np.random.Generator,
    seed: int,
    jobs: int,
    progress: Progress,
) -> tuple[float, int, float, float]:
    """Smallest CRPS of the objects that are left out; leaf, share of features and width that give it."""
    fitted = rng.permutation(np.flatnonzero(~stop))[:SEARCH_OBJECTS]
    judging = rng.permutation(np.flatnonzero(stop))[:SEARCH_OBJECTS]
    tried = []
    for number, (leaf, share) in enumerate(grid):
        trees = _trees(features[fitted], z[fitted], leaf, share, SEARCH_TREES, seed, jobs)
        kept = _kept(trees, features[fitted], z[fitted], rng)
        centre = Forest(trees, kept, [], 0, {})._predict(features[judging])
        for width in WIDTHS:
            crps = float(mixture.crps(_mixture(centre, width), z[judging]).mean())
            tried.append((crps, leaf, share, width))
        progress("random forest: options", number + 1, len(grid))
    return min(tried)


def _trees(
    features: FloatArray, z: FloatArray, leaf: int, share: float, number: int, seed: int, jobs: int
) -> Any:
    try:
        ensemble = import_module("sklearn.ensemble")
    except ImportError:
        raise UsageError(
            "A random forest cannot be fitted, because scikit-learn is not installed.",
            advice="Install the extra: pip install 'vo-photoz[compare]'.",
        ) from None
    forest = ensemble.RandomForestRegressor(
        n_estimators=number, min_samples_leaf=leaf, max_features=share, n_jobs=jobs, random_state=seed
    )
    return forest.fit(features.astype(np.float32), z)


def _kept(
    trees: Any, features: FloatArray, z: FloatArray, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """For every tree a few redshifts of the training objects in each node, with replacement."""
    leaves = trees.apply(features.astype(np.float32))
    found = []
    for tree in range(leaves.shape[1]):
        order = np.argsort(leaves[:, tree], kind="stable")
        node, start, count = np.unique(leaves[order, tree], return_index=True, return_counts=True)
        drawn = start[:, None] + (rng.random((len(node), DRAWS)) * count[:, None]).astype(int)
        table = np.full((node[-1] + 1, DRAWS), np.nan, dtype=np.float32)
        table[node] = z[order[drawn]]
        found.append(table)
    return found


def _shares(
    trees: Any, features: FloatArray, kind: NDArray[np.intp], classes: int
) -> list[NDArray[np.float32]]:
    """For every tree the share of each class in each node; even where no class is known."""
    leaves, found = trees.apply(features.astype(np.float32)), []
    known = kind >= 0
    for tree in range(leaves.shape[1]):
        size = int(leaves[:, tree].max()) + 1
        index = leaves[known, tree] * classes + kind[known]
        many = np.bincount(index, minlength=size * classes).reshape(size, classes).astype(np.float32)
        total = many.sum(1, keepdims=True)
        found.append(np.where(total > 0, many / np.maximum(total, 1), 1 / classes).astype(np.float32))
    return found


def _mixture(centre: FloatArray, width: float) -> MixturePDF:
    sigma = np.where(centre == 0, STAR_SIGMA, width * (1 + centre))
    return MixturePDF(np.full(centre.shape, 1 / centre.shape[1]), centre, sigma)


def importances(forest: Forest, names: Sequence[str], count: int = 10) -> list[tuple[str, float]]:
    """The features that split best, the best first."""
    found = forest.trees.feature_importances_
    return [(names[one], float(found[one])) for one in np.argsort(-found)[:count]]
