"""The deep convolutional mixture density network (DCMDN; D'Isanto & Polsterer 2018, A&A 609, A111).

Two eyes look at a stamp. One is a convolutional network on the bands and their pairwise differences; the
other measures fluxes in Gaussian apertures, and so sees the total colours that a convolutional network with
few examples learns slowly. A dense part turns both into a mixture of Gaussians. There is no normalisation
across bands anywhere: it would erase the colours, and with them the redshift.

Everything is written in `keras.ops`, so every backend of keras runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from vo_photoz.redshift.backend import keras, ops

PACKAGE = "vo_photoz"
_register = keras.saving.register_keras_serializable(package=PACKAGE)


@dataclass(frozen=True)
class NetworkShape:
    """What a network is built from.

    Parameters
    ----------
    bands : int
        Number of bands.
    stamp_pixels : int
        Side of the stamps, pixels.
    components : int
        Gaussians of the mixture.
    softening : tuple of float
        Surface brightness per band at which the scaling turns from linear to logarithmic, nJy/arcsec2.
    z_centre, z_scale : float
        Mean and standard deviation of the training redshifts.
    core_pixels : int
        Side of the central part that the convolutions see.
    filters : tuple of int
        Filters of the convolutions; the resolution halves after each but the last.
    dense : tuple of int
        Units of the dense layers.
    apertures : tuple of float
        Standard deviations of the Gaussian apertures, pixels.
    dropout : float
        Share of units dropped in training.
    """

    bands: int
    stamp_pixels: int
    components: int
    softening: tuple[float, ...]
    z_centre: float
    z_scale: float
    core_pixels: int = 20
    filters: tuple[int, ...] = (32, 48, 64)
    dense: tuple[int, ...] = (128, 64)
    apertures: tuple[float, ...] = (1.2, 2.0, 3.5)
    dropout: float = 0.2


def build_network(shape: NetworkShape) -> keras.Model:
    """Make an untrained network.

    Input shape: (n, band, y, x), nJy/arcsec2. Output shape: (n, 3, k): weights, means, standard deviations.
    """
    stamps = keras.Input((shape.bands, shape.stamp_pixels, shape.stamp_pixels), name="stamps")
    colours = AperturePhotometry(shape.softening, shape.apertures, name="apertures")(stamps)
    colours = keras.layers.Normalization(name="aperture_scaling")(colours)
    x = BandChannels(shape.softening, shape.core_pixels, name="channels")(stamps)
    for number, filters in enumerate(shape.filters, start=1):
        x = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            activation="gelu",
            kernel_initializer="orthogonal",
            name=f"conv_{number}",
        )(x)
        if number < len(shape.filters):
            x = keras.layers.AveragePooling2D(2, name=f"pool_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(shape.dropout, name="conv_dropout")(x)
    x = keras.layers.Dense(shape.dense[0] // 2, activation="gelu", name="conv_features")(x)
    x = keras.layers.Concatenate(name="both")([x, colours])
    for number, units in enumerate(shape.dense, start=1):
        x = keras.layers.Dense(units, activation="gelu", name=f"dense_{number}")(x)
        x = keras.layers.Dropout(shape.dropout, name=f"dropout_{number}")(x)
    x = keras.layers.Dense(3 * shape.components, name="mixture_raw")(x)
    out = MixtureHead(shape.components, shape.z_centre, shape.z_scale, name="mixture")(x)
    return keras.Model(stamps, out, name="dcmdn")


def prepare(network: keras.Model, stamps: np.ndarray) -> None:
    """Set the scaling of the aperture colours from training stamps, before training."""
    apertures, scaling = network.get_layer("apertures"), network.get_layer("aperture_scaling")
    scaling.adapt(np.asarray(apertures(stamps)))


@_register
class BandChannels(keras.layers.Layer):
    """Bands and their pairwise differences as channels, asinh-scaled, of the core of a stamp.

    Parameters
    ----------
    softening : sequence of float
        Per band, nJy/arcsec2.
    core_pixels : int
        Side of the central part that is kept.

    Input shape: (n, band, y, x). Output shape: (n, core, core, band + band (band - 1) / 2).
    """

    def __init__(self, softening: Sequence[float], core_pixels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.softening = [float(value) for value in softening]
        self.core_pixels = core_pixels

    def call(self, stamps: Any) -> Any:
        """Scale, crop and subtract."""
        scaled = ops.arcsinh(stamps / ops.reshape(ops.array(self.softening, stamps.dtype), (1, -1, 1, 1)))
        edge = (scaled.shape[-1] - self.core_pixels) // 2
        core = scaled[:, :, edge : edge + self.core_pixels, edge : edge + self.core_pixels]
        core = ops.transpose(core, (0, 2, 3, 1))
        pairs = [
            core[..., a : a + 1] - core[..., b : b + 1] for a, b in combinations(range(core.shape[-1]), 2)
        ]
        return ops.concatenate([core, *pairs], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        return {**super().get_config(), "softening": self.softening, "core_pixels": self.core_pixels}


@_register
class AperturePhotometry(keras.layers.Layer):
    """Asinh magnitudes and colours in Gaussian apertures about the centre of the stamp.

    The softening of a flux is the noise of the aperture, as for the SDSS asinh magnitudes (Lupton et al.
    1999, AJ 118, 1406); the logarithm is natural.

    Parameters
    ----------
    softening : sequence of float
        Noise of a pixel per band, nJy/arcsec2.
    widths : sequence of float
        Standard deviations of the apertures, pixels.

    Input shape: (n, band, y, x). Output shape: (n, features).
    """

    def __init__(self, softening: Sequence[float], widths: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.softening = [float(value) for value in softening]
        self.widths = [float(value) for value in widths]

    def call(self, stamps: Any) -> Any:
        """Measure."""
        side = stamps.shape[-1]
        weights = _gaussian_apertures(side, self.widths)
        flat = ops.reshape(stamps, (-1, stamps.shape[1], side * side))
        flux = ops.matmul(flat, ops.array(weights.T, stamps.dtype))
        noise = np.outer(self.softening, np.sqrt((weights**2).sum(1)))
        magnitude = ops.arcsinh(flux / ops.array(2 * noise, stamps.dtype)) + ops.array(
            np.log(noise), stamps.dtype
        )
        pairs = [magnitude[:, a] - magnitude[:, b] for a, b in combinations(range(stamps.shape[1]), 2)]
        bands = [magnitude[:, band] for band in range(stamps.shape[1])]
        return ops.concatenate([*bands, *pairs], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        return {**super().get_config(), "softening": self.softening, "widths": self.widths}


@_register
class MixtureHead(keras.layers.Layer):
    """Raw numbers to the weights, means and standard deviations of a Gaussian mixture.

    Parameters
    ----------
    components : int
        Number of Gaussians k.
    z_centre, z_scale : float
        Mean and standard deviation of the training redshifts; raw zeros stand for them.
    floor : float
        Smallest standard deviation.

    Input shape: (n, 3 k). Output shape: (n, 3, k).
    """

    def __init__(
        self, components: int, z_centre: float, z_scale: float, floor: float = 5e-3, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.components, self.z_centre, self.z_scale, self.floor = components, z_centre, z_scale, floor

    def call(self, raw: Any) -> Any:
        """Softmax for the weights, a straight line for the means, softplus for the widths."""
        k = self.components
        weight = ops.softmax(raw[:, :k], axis=-1)
        spread = ops.linspace(-1.5, 1.5, k) if k > 1 else ops.zeros((1,))
        mean = self.z_centre + self.z_scale * (raw[:, k : 2 * k] + ops.cast(spread, raw.dtype))
        sigma = self.floor + self.z_scale * 0.5 * ops.softplus(raw[:, 2 * k :])
        return ops.stack([weight, mean, sigma], axis=1)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        own = {
            "components": self.components,
            "z_centre": self.z_centre,
            "z_scale": self.z_scale,
            "floor": self.floor,
        }
        return {**super().get_config(), **own}


def _gaussian_apertures(side: int, widths: Sequence[float]) -> np.ndarray:
    """Weights of the pixels, shape (aperture, side * side); each aperture has its maximum 1 at the centre."""
    offset = np.arange(side) - (side - 1) / 2
    r2 = (offset[:, None] ** 2 + offset[None, :] ** 2).ravel()
    return np.exp(-0.5 * r2[None, :] / np.square(widths)[:, None])
