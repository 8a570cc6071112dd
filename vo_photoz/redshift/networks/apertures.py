"""Photometry inside a network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from vo_photoz.redshift.backend import keras, ops


@keras.saving.register_keras_serializable(package="vo_photoz")
class AperturePhotometry(keras.layers.Layer):
    """Asinh magnitudes and colours in Gaussian apertures about the centre of the stamp.

    The softening of a flux is the noise of the aperture, as for the SDSS asinh magnitudes (Lupton et al.
    1999, AJ 118, 1406); the logarithm is natural. It computes in float32 whatever the precision of the
    network: sums of fluxes do not fit into half precision.

    Parameters
    ----------
    softening : sequence of float
        Noise of a pixel per band, nJy/arcsec2.
    widths : sequence of float
        Standard deviations of the apertures, pixels.

    Input shape: (n, band, y, x). Output shape: (n, features).
    """

    def __init__(self, softening: Sequence[float], widths: Sequence[float], **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.softening = [float(value) for value in softening]
        self.widths = [float(value) for value in widths]

    def call(self, stamps: Any) -> Any:
        """Measure."""
        side = stamps.shape[-1]
        weights = _gaussian_apertures(side, self.widths)
        flat = ops.reshape(stamps, (-1, stamps.shape[1], side * side))
        flux = ops.matmul(flat, ops.convert_to_tensor(weights.T, stamps.dtype))
        noise = np.outer(self.softening, np.sqrt((weights**2).sum(1)))
        magnitude = ops.arcsinh(flux / ops.convert_to_tensor(2 * noise, stamps.dtype))
        magnitude = magnitude + ops.convert_to_tensor(np.log(noise), stamps.dtype)
        pairs = [magnitude[:, a] - magnitude[:, b] for a, b in combinations(range(stamps.shape[1]), 2)]
        bands = [magnitude[:, band] for band in range(stamps.shape[1])]
        return ops.concatenate([*bands, *pairs], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        return {**super().get_config(), "softening": self.softening, "widths": self.widths}


def _gaussian_apertures(side: int, widths: Sequence[float]) -> np.ndarray:
    """Weights of the pixels, shape (aperture, side * side); each aperture has its maximum 1 at the centre."""
    offset = np.arange(side) - (side - 1) / 2
    r2 = (offset[:, None] ** 2 + offset[None, :] ** 2).ravel()
    return np.exp(-0.5 * r2[None, :] / np.square(widths)[:, None])
