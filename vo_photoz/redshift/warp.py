"""One change of densities: Gaussians moved and widened, weights made more or less equal.

For the Gaussian with weight w, mean m and width s of a density,

    s' = sqrt((scale(m) s)^2 + floor^2),   m' = m + shift(m) s',   w' ~ w^(1 / temperature)

where scale and shift are straight lines between knots in redshift, or the same everywhere. What comes out is
a Gaussian mixture with as many components.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vo_photoz.flow import FloatArray, MixturePDF


@dataclass(frozen=True)
class Warp:
    """How the densities of one class are changed; as made, not at all.

    Parameters
    ----------
    knots : tuple of float
        Redshifts, rising, at which scale and shift are given; beyond the ends they stay what they are there.
    scale : tuple of float
        Factor of the widths at each knot.
    shift : tuple of float
        Move of the means at each knot, in units of the new width.
    floor : float
        Added to the widths in quadrature.
    temperature : float
        Above 1 the weights of the components become more equal.
    """

    knots: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    shift: tuple[float, ...] = (0.0,)
    floor: float = 0.0
    temperature: float = 1.0

    def __call__(self, pdf: MixturePDF) -> MixturePDF:
        """The densities so changed; their weights sum to 1 over the components."""
        weight, mean, sigma = (np.asarray(a, np.float64) for a in (pdf.weight, pdf.mean, pdf.sigma))
        width = np.hypot(self._at(mean, self.scale) * sigma, self.floor)
        return MixturePDF(
            tempered(weight, self.temperature), mean + self._at(mean, self.shift) * width, width
        )

    def as_dict(self) -> dict[str, Any]:
        """Rounded numbers, for a card."""
        return {
            "knots": [round(z, 4) for z in self.knots],
            "scale": [round(value, 5) for value in self.scale],
            "shift": [round(value, 5) for value in self.shift],
            "floor": round(self.floor, 6),
            "temperature": round(self.temperature, 5),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Warp:
        """Undo `as_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError
            Raised if it is no warp.
        """
        knots, scale, shift = (
            tuple(float(value) for value in told[name]) for name in ("knots", "scale", "shift")
        )
        warp = cls(knots, scale, shift, float(told["floor"]), float(told["temperature"]))
        if not len(knots) == len(scale) == len(shift) >= 1:
            raise ValueError("knots, scale and shift differ in length")
        if not (np.isfinite([knots, scale, shift]).all() and (np.diff(knots) > 0).all() and min(scale) > 0):
            raise ValueError("the knots must rise and the scales be positive")
        if not (0 < warp.temperature < np.inf and 0 <= warp.floor < np.inf):
            raise ValueError("the temperature must be positive and the floor not negative")
        return warp

    def _at(self, z: FloatArray, values: tuple[float, ...]) -> FloatArray | float:
        return values[0] if len(values) == 1 else np.interp(z, self.knots, values)


def tempered(weight: FloatArray, temperature: float) -> FloatArray:
    """Weights to the power of 1 / temperature, that sum to 1 again."""
    if temperature == 1:
        return weight
    # The largest becomes 1 first: a high power of small numbers would vanish.
    warm = (weight / weight.max(1, keepdims=True)) ** (1 / temperature)
    scaled: FloatArray = warm / warm.sum(1, keepdims=True)
    return scaled
