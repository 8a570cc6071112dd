"""The last layer of every network: raw numbers to a mixture of Gaussians that belong to classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vo_photoz.redshift.backend import keras, ops
from vo_photoz.redshift.classes import STAR
from vo_photoz.redshift.networks.shape import NetworkShape, component_classes

LARGEST_EXPONENT = 5.0
"""Keeps widths finite: exp(5) scales are far wider than any range of redshifts."""
WIDTHS: dict[str, Callable[[Any], Any]] = {
    "softplus": lambda raw: 0.5 * ops.softplus(raw),
    "exp": lambda raw: ops.exp(ops.minimum(raw, LARGEST_EXPONENT)),
}
"""How a raw number becomes a width in units of the scale, before the floor is added."""


@keras.saving.register_keras_serializable(package="vo_photoz")
class MixtureHead(keras.layers.Layer):
    """Raw numbers to the weights, means and standard deviations of a Gaussian mixture.

    It computes in float32 whatever the precision of the network: half precision would round redshifts.

    Parameters
    ----------
    components : int
        Gaussians; with classes: of each class but STAR, whose one Gaussian has mean 0 and the smallest width.
    z_centre, z_scale : float
        Mean and standard deviation of the training redshifts; raw zeros stand for them.
    floor : float
        Smallest standard deviation.
    classes : sequence of str
        Classes that own the components, class by class; empty: none.
    start_means, start_scales : sequence of float
        Mean at raw zero and its unit, for every component but that of STAR; empty: from ``z_centre`` and
        ``z_scale``.
    width : str
        ``softplus``, or ``exp`` as in the DCMDN.

    Input shape: (n, raw_units). Output shape: (n, 3, k).
    """

    def __init__(
        self,
        components: int,
        z_centre: float,
        z_scale: float,
        floor: float = 5e-3,
        classes: Sequence[str] = (),
        start_means: Sequence[float] = (),
        start_scales: Sequence[float] = (),
        width: str = "softplus",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.components, self.z_centre, self.z_scale, self.floor = components, z_centre, z_scale, floor
        self.classes, self.width = list(classes), width
        self.start_means, self.start_scales = list(start_means), list(start_scales)
        spread = np.linspace(-1.5, 1.5, components) if components > 1 else np.zeros(1)
        # A model without classes has one owner of all components, whatever its name.
        self.owners = self.classes or [""]
        free = components * sum(one != STAR for one in self.owners)
        self.scales = np.asarray(self.start_scales or [z_scale] * free)
        self.centres = np.asarray(
            self.start_means or np.tile(z_centre + z_scale * spread, free // components)
        )

    @property
    def free_components(self) -> int:
        """Components whose mean and width are chosen."""
        return len(self.centres)

    @property
    def mixture_components(self) -> int:
        """Gaussians of the mixture, k."""
        return len(component_classes(self.owners, self.components))

    @property
    def raw_units(self) -> int:
        """Raw numbers that the head needs: k weights, then means and widths that are free."""
        return self.mixture_components + 2 * self.free_components

    def call(self, raw: Any) -> Any:
        """Softmax for the weights, a straight line for the means, a positive function for the widths."""
        k, free = self.mixture_components, self.free_components
        weight = ops.softmax(raw[:, :k], axis=-1)
        mean = ops.convert_to_tensor(self.centres, raw.dtype) + self._scaled(raw[:, k : k + free])
        sigma = self.floor + self._scaled(WIDTHS[self.width](raw[:, k + free :]))
        return ops.stack([weight, self._with_star(mean, 0.0), self._with_star(sigma, self.floor)], axis=1)

    def _scaled(self, values: Any) -> Any:
        return values * ops.convert_to_tensor(self.scales, values.dtype)

    def _with_star(self, free: Any, value: float) -> Any:
        """Columns of all components: the free ones, and a fixed one where STAR has its place."""
        if STAR not in self.owners:
            return free
        parts, used = [], 0
        for owner in self.owners:
            if owner == STAR:
                parts.append(ops.full_like(free[:, :1], value))
            else:
                parts.append(free[:, used : used + self.components])
                used += self.components
        return ops.concatenate(parts, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the layer again."""
        names = (
            "components", "z_centre", "z_scale", "floor", "classes", "start_means", "start_scales", "width",
        )  # fmt: skip
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def mixture_head(shape: NetworkShape, *, floor: float = 5e-3, width: str = "softplus") -> MixtureHead:
    """The head of a network of this shape."""
    return MixtureHead(
        shape.components,
        shape.z_centre,
        shape.z_scale,
        floor,
        shape.classes,
        shape.start_means,
        shape.start_scales,
        width,
        name="mixture",
    )
