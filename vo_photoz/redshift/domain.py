"""The training domain of a model: which sources look like those that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from vo_photoz.datasets.colours import aperture_noise, colours
from vo_photoz.errors import ModelError
from vo_photoz.flow import BoolArray, Float32Array, FloatArray

FILE = "domain.npz"
NEIGHBOURS = 5
INSIDE = 0.99


@dataclass(frozen=True)
class Domain:
    """Where training objects lie in colours and magnitude.

    A source is outside when its fifth nearest training object is farther away than it is for 99 in 100
    training objects themselves.

    Parameters
    ----------
    softening : float array, shape (band,)
        Softening of the asinh magnitudes, in the unit of the stamps.
    scale : float array, shape (band,)
        Standard deviation of each feature.
    features : float32 array, shape (m, band)
        Scaled colours and magnitude of training objects.
    radius : float
        Distance of the fifth neighbour beyond which a source is outside.
    """

    softening: FloatArray
    scale: FloatArray
    features: Float32Array
    radius: float

    def outside(self, pixels: Float32Array) -> BoolArray:
        """Whether sources are unlike all training objects, shape (n,); stamps without a flux are.

        Parameters
        ----------
        pixels : float32 array, shape (n, band, y, x)
            Stamps as the model eats them.
        """
        found = colours(pixels, self.softening) / self.scale
        good = np.isfinite(found).all(1)
        far = np.ones(len(pixels), dtype=bool)
        if good.any():
            distance, _ = cKDTree(self.features).query(found[good], k=[min(NEIGHBOURS, len(self.features))])
            far[good] = distance[:, 0] > self.radius
        return far

    def save(self, path: Path) -> None:
        """Write the domain."""
        np.savez_compressed(
            path, softening=self.softening, scale=self.scale, features=self.features, radius=self.radius
        )


def domain_of(pixels: Float32Array) -> Domain:
    """Learn the domain from training stamps (m, band, y, x)."""
    softening = aperture_noise(pixels)
    features = colours(pixels, softening)
    features = features[np.isfinite(features).all(1)]
    scale = features.std(0)
    scale[scale == 0] = 1.0
    scaled = (features / scale).astype(np.float32)
    nearest = min(NEIGHBOURS, len(scaled) - 1) + 1  # each object is its own first neighbour
    distance, _ = cKDTree(scaled).query(scaled, k=[nearest])
    return Domain(softening, scale, scaled, float(np.quantile(distance[:, 0], INSIDE)))


def load_domain(path: Path) -> Domain:
    """Read what `Domain.save` wrote.

    Raises
    ------
    ModelError
        Raised if the file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return Domain(file["softening"], file["scale"], file["features"], float(file["radius"]))
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path} cannot be read: {error}.", advice="Get the model again.") from None
