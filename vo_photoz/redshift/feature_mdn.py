"""A mixture density network on photometric features: a rival of the networks that see images.

Dense layers and the same head, losses and early stopping as theirs. Its size and dropout are those that
score best on the objects of early stopping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import ModelError
from vo_photoz.flow import Float32Array, FloatArray, MixturePDF, Progress, no_progress
from vo_photoz.redshift.backend import keras, ops
from vo_photoz.redshift.classes import labels
from vo_photoz.redshift.inference.keras_runner import compiled
from vo_photoz.redshift.losses import loss_named
from vo_photoz.redshift.networks import NetworkShape, component_starts
from vo_photoz.redshift.networks.head import mixture_head

SIZES: tuple[tuple[tuple[int, ...], float], ...] = (
    ((64, 64), 0.1),
    ((128, 128), 0.2),
    ((256, 256, 128), 0.1),
    ((256, 256, 128), 0.3),
)
"""Dense layers and dropout that are tried."""
COMPONENTS = 5
LIMIT = 6.0
"""Features are cut off this many standard deviations from their mean."""
EPOCHS, PATIENCE = 200, 20
SMALLEST_BATCH, LARGEST_BATCH = 64, 1024
RATE = 2e-3
PREDICT_BATCH = 4096


@dataclass(frozen=True)
class FeatureMDN:
    """A fitted ensemble.

    Parameters
    ----------
    networks : list of keras.Model
        Scaled features (n, m) to mixtures (n, 3, k).
    centre, scale : float array, shape (m,)
        Mean and standard deviation of the training features.
    component_classes : tuple of str
        Class of every Gaussian of the ensemble; empty without classes.
    options : dict
        What was chosen.
    """

    networks: list[Any]
    centre: FloatArray
    scale: FloatArray
    component_classes: tuple[str, ...]
    options: dict[str, Any]

    def predict(self, features: FloatArray) -> MixturePDF:
        """Densities of objects, the mean of all networks."""
        x = _scaled(features, self.centre, self.scale)
        parts = [self._run(x[start : start + PREDICT_BATCH]) for start in range(0, len(x), PREDICT_BATCH)]
        raw = np.concatenate([np.asarray(ops.convert_to_numpy(part)) for part in parts])
        return MixturePDF(raw[:, 0], raw[:, 1], raw[:, 2])

    @cached_property
    def _run(self) -> Callable[[Any], Any]:
        """All networks as one function; `keras.Model.predict` compiles each anew, and TensorFlow warns."""
        return compiled(self.networks)


def fit_feature_mdn(
    features: FloatArray,
    z: FloatArray,
    stop: NDArray[np.bool_],
    *,
    kind: NDArray[np.str_] | None = None,
    classes: Sequence[str] = (),
    members: int = 4,
    epochs: int = EPOCHS,
    sizes: Sequence[tuple[tuple[int, ...], float]] = SIZES,
    seed: int = 1,
    progress: Progress = no_progress,
) -> FeatureMDN:
    """Choose the size of the network, then fit an ensemble.

    Parameters
    ----------
    features : float array, shape (n, m)
        Of the training objects.
    z : float array, shape (n,)
        Their redshifts.
    stop : bool array, shape (n,)
        Objects that choose the size and say when to stop; they are not fitted.
    kind : str array, shape (n,), or None
        Class of each object, empty where it is not known; needed with ``classes``.
    classes : sequence of str
        Classes that the networks tell apart.
    members : int
        Networks of the ensemble; that of the best size that was tried is the first.
    epochs : int
        At most so many.
    sizes : sequence
        Dense layers and dropout that are tried.
    seed : int
        Same seed and machine, same networks.
    progress : Progress
        Told how far it is.

    Raises
    ------
    ModelError
        Raised if no fit gives a number.
    """
    centre = features[~stop].mean(0)
    scale = np.maximum(features[~stop].std(0), 1e-6)
    x, y = _scaled(features, centre, scale), labels(z, kind, classes)
    shape = _shape(z[~stop], None if kind is None else kind[~stop], classes)
    fit = _Fit(x, y, stop, shape, epochs)
    networks, best, score = _ensemble(fit, sizes, members, seed, progress)
    dense, dropout = sizes[best]
    options = {"dense": list(dense), "dropout": dropout, "members": members, "stop_score": score}
    return FeatureMDN(networks, centre, scale, shape.component_classes * members, options)


@dataclass(frozen=True)
class _Fit:
    """Data of a fit; each call fits one network."""

    x: Float32Array
    y: Float32Array
    stop: NDArray[np.bool_]
    shape: NetworkShape
    epochs: int

    def network(self, dense: Sequence[int], dropout: float, seed: int) -> tuple[Any, float]:
        """A fitted network in its best state, and its loss on the early stopping objects."""
        keras.utils.set_random_seed(seed)
        network = _build(self.x.shape[1], dense, dropout, self.shape)
        fitted = int((~self.stop).sum())
        batch = int(np.clip(fitted // 100, SMALLEST_BATCH, LARGEST_BATCH))
        steps = -(-fitted // batch)
        rate = keras.optimizers.schedules.CosineDecay(
            RATE * 0.01, self.epochs * steps, alpha=0.01, warmup_target=RATE, warmup_steps=2 * steps
        )
        network.compile(
            keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0), loss_named("crps", self.shape)
        )
        best = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
        told = network.fit(
            self.x[~self.stop],
            self.y[~self.stop],
            validation_data=(self.x[self.stop], self.y[self.stop]),
            batch_size=batch,
            epochs=self.epochs,
            callbacks=[best],
            verbose=0,
        )
        return network, float(np.min(told.history["val_loss"]))


def _ensemble(
    fit: _Fit,
    sizes: Sequence[tuple[tuple[int, ...], float]],
    members: int,
    seed: int,
    progress: Progress,
) -> tuple[list[Any], int, float]:
    """Networks of the best size, the number of that size, and its score."""
    steps, found = len(sizes) + members - 1, []
    for number, size in enumerate(sizes):
        found.append(fit.network(*size, seed))
        progress("mixture density network on features", number + 1, steps)
    good = [number for number, (_, score) in enumerate(found) if np.isfinite(score)]
    if not good:
        raise ModelError("The network on photometric features broke down: no fit gave a number.")
    best = min(good, key=lambda number: found[number][1])
    networks = [found[best][0]]
    for member in range(1, members):
        networks.append(fit.network(*sizes[best], seed + member)[0])
        progress("mixture density network on features", len(sizes) + member, steps)
    return networks, best, found[best][1]


def _build(features: int, dense: Sequence[int], dropout: float, shape: NetworkShape) -> Any:
    inputs = keras.Input((features,), name="features")
    x = inputs
    for number, units in enumerate(dense, start=1):
        x = keras.layers.Dense(units, activation="gelu", name=f"dense_{number}")(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
    head = mixture_head(shape)
    return keras.Model(inputs, head(keras.layers.Dense(head.raw_units, name="raw")(x)), name="feature_mdn")


def _shape(z: FloatArray, kind: NDArray[np.str_] | None, classes: Sequence[str]) -> NetworkShape:
    """The shape whose head is taken; what only images need stays empty."""
    means, scales = component_starts(z, COMPONENTS, kind=kind, classes=classes)
    return NetworkShape(
        bands=1,
        stamp_pixels=1,
        components=COMPONENTS,
        softening=(1.0,),
        z_centre=float(z.mean()),
        z_scale=float(max(z.std(), 0.01)),
        classes=tuple(classes),
        start_means=means,
        start_scales=scales,
    )


def _scaled(features: FloatArray, centre: FloatArray, scale: FloatArray) -> Float32Array:
    return np.clip((features - centre) / scale, -LIMIT, LIMIT).astype(np.float32)
