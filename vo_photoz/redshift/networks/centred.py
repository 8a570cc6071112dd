"""Photometry inside a network that finds the source before it measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vo_photoz.redshift.backend import keras, ops

FINDER_PIXELS = 2.0
"""Width of the window in which the centre is looked for: about that of the point spread function."""
FINDER_STEPS = 3
FARTHEST_PIXELS = 2.5
"""A centre is not looked for beyond: 1 arcsec in stamps of SDSS, where 99 % are within 0.45."""


@keras.saving.register_keras_serializable(package="vo_photoz")
class CentredPhotometry(keras.layers.Layer):
    """Asinh magnitudes and colours in Gaussian apertures about the centre of the source.

    The centre is that of the light of all bands, each in units of its noise, in a Gaussian window that moves
    with it; it is the same for all bands. The softening of a flux is the noise of the aperture, as for the
    SDSS asinh magnitudes (Lupton et al. 1999, AJ 118, 1406); the logarithm is natural. It computes in float32
    whatever the precision of the network: sums of fluxes do not fit into half precision.

    Parameters
    ----------
    softening : sequence of float
        Noise of a pixel per band, nJy/arcsec2.
    widths : sequence of float
        Standard deviations of the apertures, pixels.

    Input shape: (n, band, y, x). Output shape: (n, (2 band - 1) aperture): the magnitudes of all bands, then
    the colours of bands that follow one another, both in all apertures.
    """

    def __init__(self, softening: Sequence[float], widths: Sequence[float], **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.softening = [float(value) for value in softening]
        self.widths = [float(value) for value in widths]

    def call(self, stamps: Any) -> Any:
        """Find, then measure."""
        softening = np.asarray(self.softening, dtype=np.float32)
        light = ops.sum(stamps / ops.convert_to_tensor(softening[:, None, None]), axis=1)
        y, x = self._centre(ops.stop_gradient(light))
        across = [(self._profile(y, width, stamps), self._profile(x, width, stamps)) for width in self.widths]
        rows = ops.stack([row for row, _ in across], axis=1)  # (n, aperture, y)
        columns = ops.stack([column for _, column in across], axis=1)  # (n, aperture, x)
        along_y = ops.matmul(rows[:, None], stamps)  # (n, band, aperture, x)
        flux = ops.sum(along_y * columns[:, None], axis=-1)  # (n, band, aperture)
        noise = (softening[:, None] * np.sqrt(np.pi) * np.asarray(self.widths)).astype(np.float32)
        magnitude = ops.arcsinh(flux / ops.convert_to_tensor(2 * noise)) + ops.convert_to_tensor(
            np.log(noise)
        )
        both = ops.concatenate([magnitude, magnitude[:, :-1] - magnitude[:, 1:]], axis=1)
        return ops.reshape(both, (-1, both.shape[1] * both.shape[2]))

    def _centre(self, light: Any) -> tuple[Any, Any]:
        """Offsets (n, 1) of the source from the middle, pixels."""
        light = ops.maximum(light, 0.0)
        y = x = ops.zeros_like(light[:, 0, :1])
        steps = ops.convert_to_tensor(_steps(light.shape[-1]))
        for _ in range(FINDER_STEPS):
            row, column = self._profile(y, FINDER_PIXELS, light), self._profile(x, FINDER_PIXELS, light)
            by_row = row * ops.sum(light * column[:, None, :], axis=-1)
            # Not a sum over axis -2: there the last digits of TensorFlow hang on the place in the batch.
            by_column = column * ops.matmul(row[:, None, :], light)[:, 0]
            total = ops.sum(by_row, axis=-1, keepdims=True) + 1e-6
            # A window as wide as the source halves the offset that is left, so it is doubled.
            y = y + 2.0 * (ops.sum(by_row * (steps - y), axis=-1, keepdims=True) / total)
            x = x + 2.0 * (ops.sum(by_column * (steps - x), axis=-1, keepdims=True) / total)
            y, x = (ops.clip(one, -FARTHEST_PIXELS, FARTHEST_PIXELS) for one in (y, x))
        return y, x

    def _profile(self, centre: Any, width: float, like: Any) -> Any:
        """A Gaussian along one axis, 1 at the centre; shape (n, pixel)."""
        steps = ops.convert_to_tensor(_steps(like.shape[-1]))
        return ops.exp(-0.5 * ops.square((steps - centre) / width))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Told here: else keras runs `call` symbolically whenever a network is made or loaded."""
        bands = input_shape[1]
        return (input_shape[0], None if bands is None else (2 * bands - 1) * len(self.widths))

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        return {**super().get_config(), "softening": self.softening, "widths": self.widths}


def _steps(side: int) -> np.ndarray:
    """Offsets of pixels from the middle."""
    return (np.arange(side) - (side - 1) / 2).astype(np.float32)
