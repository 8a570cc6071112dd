"""What the networks of a training have in common: their shape, what they are shown, what they start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.augment import STILL, Variation
from vo_photoz.datasets.sky import sky_noise
from vo_photoz.errors import ModelError
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.networks import NetworkShape, build_network, component_starts, prepare
from vo_photoz.redshift.options import TrainingOptions
from vo_photoz.redshift.training.hardware import Hardware, exact
from vo_photoz.redshift.training.mixing import Mixture
from vo_photoz.redshift.training.sources import Shown

CORE_PIXELS = 20
STATISTICS = 1_000_003
"""Part of the seed of the sample from which scalings are taken; no network has this number."""


@dataclass(frozen=True)
class Plan:
    """What the networks of a training have in common.

    Parameters
    ----------
    mixture : Mixture
        What they are shown.
    options : TrainingOptions
        How they are fitted.
    hardware : Hardware
        On what.
    shape : NetworkShape
        Of every network.
    start : sequence of keras.Model
        Networks that they start from, in turn; empty: random weights.
    sample : Shown
        Stamps as they are, for scalings.
    variations : sequence
        How stamps of each source are varied.
    """

    mixture: Mixture
    options: TrainingOptions
    hardware: Hardware
    shape: NetworkShape
    sample: Shown = field(repr=False)
    start: Sequence[keras.Model] = ()
    variations: Sequence[Variation | None] = ()

    @property
    def batch(self) -> int:
        """Stamps a step, unless memory forbids."""
        return min(self.options.batch, self._objects)

    @property
    def epoch_stamps(self) -> int:
        """Stamps of an epoch, whole steps."""
        return -(-self._objects // self.batch) * self.batch

    @property
    def _objects(self) -> int:
        return self.options.epoch_objects or self.mixture.epoch_objects

    def network(self, weights: Sequence[NDArray[Any]]) -> keras.Model:
        """A network with these weights, its scaling set by them."""
        made = build_network(self.shape)
        made.set_weights(weights)
        for layer in made.layers:
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # its mean and width are copies, made when it is adapted or loaded
        return made

    def first_weights(self, number: int) -> list[NDArray[np.float32]]:
        """Weights that a network starts from, its scaling among them.

        Raises
        ------
        ModelError
            Raised if those of the model to start from do not fit.
        """
        rng = np.random.default_rng([self.options.seed, number])
        keras.utils.set_random_seed(int(rng.integers(2**31)))
        with exact():
            network = build_network(self.shape)
            if not self.start:
                prepare(network, self.sample.pixels)
                return list(network.get_weights())
        weights = self.start[number % len(self.start)].get_weights()
        if [one.shape for one in weights] != [one.shape for one in network.get_weights()]:
            raise ModelError(
                "The networks of the model to start from are not those of its card.",
                advice="It was made by another version of this program; train a new one.",
            )
        return list(weights)


def plan_training(
    mixture: Mixture,
    options: TrainingOptions,
    hardware: Hardware,
    *,
    start: Sequence[keras.Model] = (),
    shape: NetworkShape | None = None,
    extinction: tuple[float, ...] = (),
) -> Plan:
    """Look at the stamps and plan a training.

    Parameters
    ----------
    mixture : Mixture
        What the networks are shown.
    options : TrainingOptions
        How they are fitted.
    hardware : Hardware
        On what.
    start : sequence of keras.Model
        Networks to start from.
    shape : NetworkShape or None
        Theirs, but for the dropout if the options name one; None is made for the stamps.
    extinction : tuple of float
        A / E(B-V) of each band, for stamps varied by dust; empty: they are not.
    """
    seed = (options.seed, STATISTICS)
    sample = mixture.sample(seed)
    how = Variation(options.jitter if options.augment == "full" else STILL, extinction)
    none: list[Variation | None] = [None] * len(mixture.sources)
    if shape is not None and options.dropout is not None:
        shape = replace(shape, dropout=options.dropout)
    return Plan(
        mixture=mixture,
        options=options,
        hardware=hardware,
        shape=shape or _shape(sample, options),
        sample=sample,
        start=start,
        variations=none if options.augment == "none" else mixture.variations(how, seed),
    )


def _shape(sample: Shown, options: TrainingOptions) -> NetworkShape:
    bands, side = sample.pixels.shape[1:3]
    z = sample.labels[:, 0].astype(np.float64)
    names = np.array([*(options.classes or ()), ""])
    kind = names[sample.labels[:, 1].astype(int)]  # -1: the last, unknown
    classes = options.classes or ()
    means, scales = component_starts(z, options.components, kind=kind, classes=classes)
    sizes = {"dense": options.dense} if options.dense else {}
    return NetworkShape(
        bands=bands,
        stamp_pixels=side,
        components=options.components,
        softening=tuple(float(one) for one in sky_noise(sample.pixels)),
        z_centre=float(z.mean()),
        z_scale=float(max(z.std(), 0.01)),
        core_pixels=min(CORE_PIXELS, side),
        dropout=options.dropout,
        architecture=options.architecture,
        classes=classes,
        start_means=means if classes else (),
        start_scales=scales if classes else (),
        **sizes,
    )
