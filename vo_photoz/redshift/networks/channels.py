"""Stamps as the channels of a convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from vo_photoz.redshift.backend import keras, ops

_register = keras.saving.register_keras_serializable(package="vo_photoz")


def difference_map(bands: int) -> np.ndarray:
    """Bands to bands and all their pairwise differences, shape (band, band + band (band - 1) / 2)."""
    pairs = list(combinations(range(bands), 2))
    found = np.zeros((bands, bands + len(pairs)))
    found[:, :bands] = np.eye(bands)
    for column, (a, b) in enumerate(pairs, start=bands):
        found[a, column], found[b, column] = 1.0, -1.0
    return found


def middle(stamps: Any, side: int) -> Any:
    """Central part of stamps, (n, band, side, side)."""
    y, x = ((length - side) // 2 for length in stamps.shape[-2:])
    return stamps[:, :, y : y + side, x : x + side]


def asinh(value: Any) -> Any:
    """The inverse hyperbolic sine, exact near zero too.

    Written out, since TensorFlow's own takes four times as long on a CPU: it was a third of the time of a
    prediction.
    """
    size = ops.absolute(value)
    square = ops.square(value)
    return ops.sign(value) * ops.log1p(size + square / (1.0 + ops.sqrt(square + 1.0)))


@_register
class BandChannels(keras.layers.Layer):
    """Bands as channels, asinh-scaled, of the core of a stamp.

    It computes in float32 whatever the precision of the network: half precision ends at 65,504.

    Parameters
    ----------
    softening : sequence of float
        Per band, nJy/arcsec2.
    core_pixels : int
        Side of the central part that is kept.
    differences : bool
        Whether the pairwise differences follow the bands.

    Input shape: (n, band, y, x). Output shape: (n, core, core, band), or with differences
    (n, core, core, band + band (band - 1) / 2).
    """

    def __init__(
        self, softening: Sequence[float], core_pixels: int, differences: bool = True, **kwargs: Any
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.softening = [float(value) for value in softening]
        self.core_pixels, self.differences = core_pixels, differences

    def call(self, stamps: Any) -> Any:
        """Crop, scale and subtract."""
        softening = ops.convert_to_tensor(np.array(self.softening)[:, None, None], stamps.dtype)
        core = ops.transpose(asinh(middle(stamps, self.core_pixels) / softening), (0, 2, 3, 1))
        if not self.differences:
            return core
        pairs = [
            core[..., a : a + 1] - core[..., b : b + 1] for a, b in combinations(range(core.shape[-1]), 2)
        ]
        return ops.concatenate([core, *pairs], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        own = {"softening": self.softening, "core_pixels": self.core_pixels, "differences": self.differences}
        return {**super().get_config(), **own}


@_register
class DifferenceConv2D(keras.layers.Layer):
    """A convolution of bands and their pairwise differences that never makes the differences.

    A difference of bands is linear, so the kernel for bands and differences folds into one for bands alone:
    the same function and the same training as of a `keras.layers.Conv2D` behind the differences, at a third
    of the cost for five bands.

    Parameters
    ----------
    filters : int
        Filters.
    kernel_size : int
        Side of the kernel, pixels.
    padding : str
        ``same`` or ``valid``.
    activation, kernel_initializer
        As of `keras.layers.Conv2D`.

    Input shape: (n, y, x, band). Output shape: (n, y', x', filters).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        padding: str = "same",
        activation: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.padding = filters, kernel_size, padding
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the kernel (y, x, band and difference, filter) and the bias."""
        bands = int(input_shape[-1] or 0)
        self.fold = difference_map(bands)
        shape = (self.kernel_size, self.kernel_size, self.fold.shape[1], self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, bands: Any) -> Any:
        """Fold the kernel, then convolve."""
        fold = ops.convert_to_tensor(self.fold, bands.dtype)
        folded = ops.einsum("bc,yxcf->yxbf", fold, ops.cast(self.kernel, bands.dtype))
        found = ops.conv(bands, folded, padding=self.padding, data_format="channels_last")
        return self.activation(found + ops.cast(self.bias, bands.dtype))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Shape of the output."""
        lost = 0 if self.padding == "same" else self.kernel_size - 1
        y, x = (None if side is None else side - lost for side in input_shape[1:3])
        return (input_shape[0], y, x, self.filters)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        own = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **own}


@_register
class LinearChannels(keras.layers.Layer):
    """Bands as channels, linear, of the core of a stamp: fluxes in units of one typical flux.

    All bands have the same unit, so that their differences are differences of fluxes. `adapt` sets it.

    Parameters
    ----------
    core_pixels : int
        Side of the central part that is kept.

    Input shape: (n, band, y, x). Output shape: (n, core, core, band).
    """

    def __init__(self, core_pixels: int, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.core_pixels = core_pixels

    def build(self, _: Any) -> None:
        """Make the unit."""
        self.unit = self.add_weight(shape=(), initializer="ones", trainable=False, name="unit")

    def adapt(self, stamps: np.ndarray) -> None:
        """Make the unit the median over stamps of the brightest band, mean of the middle 4 x 4 pixels."""
        y, x = ((side - 4) // 2 for side in stamps.shape[-2:])
        centre = np.asarray(stamps, dtype=np.float64)[:, :, y : y + 4, x : x + 4].mean((2, 3)).max(1)
        typical = float(np.median(centre))
        self.unit.assign(typical if typical > 0 else max(float(np.std(stamps)), 1e-30))

    def call(self, stamps: Any) -> Any:
        """Crop and scale."""
        return ops.transpose(middle(stamps, self.core_pixels) / self.unit, (0, 2, 3, 1))

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        return {**super().get_config(), "core_pixels": self.core_pixels}
