"""What networks and losses compute on the backend of keras in use, written to a file to be compared.

    KERAS_BACKEND=jax python -m tests.backend_numbers OUT.npz

Weights and stamps come from numpy with fixed seeds, so every backend gets the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy as np

from tests.gradients import gradient
from vo_photoz.flow import Stamps
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.classes import CLASSES
from vo_photoz.redshift.losses import loss_named
from vo_photoz.redshift.model import load_model
from vo_photoz.redshift.networks import NetworkShape, build_network, prepare
from vo_photoz.redshift.networks.shape import ARCHITECTURES
from vo_photoz.redshift.predict import predict_stamps

SKY = (500.0, 200.0, 330.0, 540.0, 2000.0)
STEPS = 20


def light(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Stamps of point sources whose colours tell the redshift, and their labels: redshift and class."""
    rng = np.random.default_rng(seed)
    offset = np.arange(28) - 13.5
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.6**2)
    kind = np.arange(n) % 3
    z = np.where(kind == 0, 0.0, np.where(kind == 1, rng.uniform(0, 1, n), rng.uniform(2, 5, n)))
    flux = 2e4 * np.exp(0.3 * z[:, None] * (np.arange(5) - 2) + 0.5 * kind[:, None])
    stamps = flux[..., None, None] * psf + rng.normal(0, 1, (n, 5, 28, 28)) * np.array(SKY)[:, None, None]
    return stamps.astype(np.float32), np.stack([z, kind], axis=1).astype(np.float32)


def shape_of(architecture: str, **other) -> NetworkShape:
    return NetworkShape(5, 28, 3, SKY, 2.0, 1.5, architecture=architecture, classes=CLASSES, **other)


SHAPES = {
    **{architecture: shape_of(architecture) for architecture in ARCHITECTURES},
    "compact with a picture": shape_of("compact", filters=(16, 24, 32)),
    "compact without a picture": shape_of("compact", filters=()),
}


def hard_mixtures(k: int, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures with narrow, equal and weightless components, and redshifts up to 1e3 widths away."""
    rng = np.random.default_rng(k)
    weight = rng.dirichlet(np.full(k, 0.1), n) if k > 1 else np.ones((n, 1))
    mean, sigma = rng.uniform(0, 7, (n, k)), 10 ** rng.uniform(-4, 0.3, (n, k))
    mean[::4], sigma[::4] = mean[::4, :1], sigma[::4, :1]
    if k > 1:
        weight[1::4, 0] = 0.0
    z = mean[:, 0] + sigma[:, 0] * np.array([0, 1, -30, 1e3])[np.arange(n) % 4]
    labels = np.stack([z, rng.integers(-1, 3, n)], axis=1)
    return np.stack([weight, mean, sigma], axis=1).astype(np.float32), labels.astype(np.float32)


@contextmanager
def without_initial_values() -> Iterator[None]:
    """Zeros for random weights, which are replaced anyhow: JAX takes seconds to compile orthogonal ones."""

    def zeros(_, shape, dtype=None):
        return np.zeros(shape, dtype="float32")

    random = (keras.initializers.Orthogonal, keras.initializers.GlorotUniform)
    with ExitStack() as patches:
        for kind in random:
            patches.enter_context(mock.patch.object(kind, "__call__", zeros))
        yield


def with_known_weights(network: keras.Model) -> None:
    rng = np.random.default_rng(5)
    for one in network.trainable_variables:
        spread = 1 / np.sqrt(np.prod(one.shape[:-1])) if len(one.shape) > 1 else 0.1
        one.assign(rng.normal(0, spread, one.shape).astype(np.float32))


def of_networks() -> Iterator[tuple[str, np.ndarray]]:
    stamps, _ = light(8)
    for name, shape in SHAPES.items():
        with without_initial_values():
            network = build_network(shape)
        prepare(network, stamps)
        with_known_weights(network)
        yield f"network {name}", network.predict(stamps, verbose=0)
    given = Stamps(stamps, np.zeros(8, dtype=np.int16), tuple("ugriz"), 0.4, "nJy/arcsec2")
    with without_initial_values():
        pdf = predict_stamps(load_model("sdss-quasars"), given)
    yield "shipped model", np.stack([pdf.weight, pdf.mean, pdf.sigma])


def of_losses() -> Iterator[tuple[str, np.ndarray]]:
    shape = shape_of("compact")
    for name, k in (("crps", 1), ("blend", 7), ("crps", 30), ("nll", 30)):
        raw, labels = hard_mixtures(k)
        loss = loss_named(name, shape if k == 7 else None).call
        yield f"loss {name} {k}", keras.ops.convert_to_numpy(loss(labels, raw))
        yield f"gradient {name} {k}", gradient(loss, labels, raw)


def of_training() -> Iterator[tuple[str, np.ndarray]]:
    """Loss of 20 steps on one batch."""
    keras.utils.set_random_seed(1)
    stamps, labels = light(48)
    shape = NetworkShape(5, 28, 2, SKY, 2.0, 1.5, filters=(4, 6), dense=(16,), classes=CLASSES, dropout=0.0)
    network = build_network(shape)
    prepare(network, stamps)
    network.compile(keras.optimizers.AdamW(1e-2, clipnorm=1.0), loss_named("blend", shape))
    told = network.fit(stamps, labels, batch_size=48, epochs=STEPS, shuffle=False, verbose=0)
    yield "training", np.array(told.history["loss"])


def main(path: str) -> None:
    numbers = {**dict(of_networks()), **dict(of_losses()), **dict(of_training())}
    np.savez(path, backend=keras.backend.backend(), **numbers)


if __name__ == "__main__":
    main(sys.argv[1])
