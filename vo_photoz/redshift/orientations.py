"""Densities averaged over the eight turns and flips of a stamp (the symmetry group D4 of the square)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.augment import orientation
from vo_photoz.flow import Float32Array
from vo_photoz.redshift.inference.runner import Runner, mixtures


def averaged(
    runner: Runner, pixels: Float32Array, rows: NDArray[np.intp], components: int, orientations: int
) -> Float32Array:
    """Mixtures (n, 3, k) of the given rows of stamps (m, band, y, x).

    Parameters
    ----------
    runner : Runner
        The networks.
    pixels : float32 array, shape (m, band, y, x)
        Stamps.
    rows : int array, shape (n,)
        Which of them.
    components : int
        k.
    orientations : {1, 8}
        How many of the eight turns and flips are shown.
    """
    if orientations == 1:
        return mixtures(runner, pixels, rows, components)
    turned = (np.ascontiguousarray(orientation(pixels, number)) for number in range(orientations))
    return merged([mixtures(runner, one, rows, components) for one in turned])


def merged(parts: Sequence[Float32Array]) -> Float32Array:
    """One mixture of several whose components mean the same, as those of one network on turned stamps.

    Each component becomes the Gaussian with the mean and the variance of its namesakes together, so mean and
    variance of the whole density are those of the average of all.

    Parameters
    ----------
    parts : sequence of float32 array, shape (n, 3, k)
        Weights, means and standard deviations.
    """
    weight, mean, sigma = np.moveaxis(np.asarray(parts, dtype=np.float64), 2, 0)
    total = np.maximum(weight.sum(0), 1e-300)
    centre = (weight * mean).sum(0) / total
    variance = (weight * (sigma**2 + (mean - centre) ** 2)).sum(0) / total
    # A component that no orientation gives any weight has no moments, but still a place.
    empty = weight.sum(0) <= 0
    centre = np.where(empty, mean.mean(0), centre)
    width = np.sqrt(np.where(empty, (sigma**2).mean(0), variance))
    return np.stack([weight.mean(0), centre, width], axis=1).astype(np.float32)
