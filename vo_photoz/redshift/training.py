"""Fit the networks of a model: augmented on the fly, stopped by the CRPS of a fold that is not fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.augment import varied
from vo_photoz.datasets.sky import sky_noise
from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import ModelError, TableError
from vo_photoz.flow import Float32Array, FloatArray, MixturePDF, Progress, no_progress
from vo_photoz.redshift import mixture
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.losses import loss_named
from vo_photoz.redshift.network import NetworkShape, build_network, prepare
from vo_photoz.redshift.options import TrainingOptions

Log = Callable[[dict[str, Any]], None]
Rows = NDArray[np.intp]
BLOCK = 4096
STATISTICS_ROWS = 8192


@dataclass(frozen=True)
class Fitted:
    """A state of a network.

    Parameters
    ----------
    weights : list of array
        Averaged weights of the best epoch.
    epoch : int
        That epoch, counted from 1.
    stop_crps : float
        CRPS of the early stopping objects then.
    """

    weights: list[Any]
    epoch: int
    stop_crps: float


def fit_member(
    dataset: Dataset,
    fit: Rows,
    stop: Rows,
    options: TrainingOptions,
    number: int,
    *,
    log: Log,
    progress: Progress = no_progress,
) -> tuple[keras.Model, Fitted]:
    """Fit one network of a model.

    What counts are weights averaged over some epochs, for those of one epoch are noisy, and only in the
    last third of the training, when the steps have become small.

    Parameters
    ----------
    dataset : Dataset
        Stamps and redshifts.
    fit, stop : int array
        Rows that are fitted, and rows that say which epoch is best.
    options : TrainingOptions
        How.
    number : int
        Number of the member, from 0; it is part of the seed.
    log : callable
        Takes a dictionary of figures after every epoch.
    progress : Progress
        Told after every epoch.

    Returns
    -------
    keras.Model, Fitted
        The network in its best state, and that state.

    Raises
    ------
    TableError
        Raised if there are too few rows or redshifts are missing.
    ModelError
        Raised if the fit breaks down.
    """
    _check_rows(dataset, fit, stop)
    rng = np.random.default_rng([options.seed, number])
    keras.utils.set_random_seed(int(rng.integers(2**31)))
    sample = filled(dataset.pixels(rng.permutation(fit)[:STATISTICS_ROWS]))
    sky = sky_noise(sample)
    network = build_network(_shape(dataset, fit, options, sky))
    prepare(network, sample)
    _compile(network, options, len(fit))
    best: Fitted | None = None
    mean: list[Any] = []
    for epoch in range(1, options.epochs + 1):
        loss = _one_epoch(network, dataset, fit, sky, options, rng)
        now = network.get_weights()
        mean = _averaged(mean, now, options.averaging)
        network.set_weights(mean)
        crps = _score(network, dataset, stop)
        log({"member": number, "epoch": epoch, "loss": loss, "stop_crps": crps})
        progress(f"network {number + 1} of {options.members}", epoch, options.epochs)
        _check_figures(loss, crps, number, epoch)
        if epoch > options.epochs * 2 // 3 and (best is None or crps < best.stop_crps):
            best = Fitted(mean, epoch, crps)
        network.set_weights(now)
    if best is None:
        raise ModelError("No epoch was trained.", advice="Use --epochs 1 or more.")
    network.set_weights(best.weights)
    return network, best


def filled(pixels: Float32Array) -> Float32Array:
    """Stamps whose missing pixels are zero, the level of the sky."""
    return np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)


def _shape(dataset: Dataset, fit: Rows, options: TrainingOptions, sky: FloatArray) -> NetworkShape:
    z = dataset.rows.z[fit]
    held = dataset.manifest
    return NetworkShape(
        bands=len(held.bands),
        stamp_pixels=held.stamp_pixels,
        components=options.components,
        softening=tuple(float(one) for one in sky),
        z_centre=float(z.mean()),
        z_scale=float(max(z.std(), 0.01)),
        core_pixels=min(20, held.stamp_pixels),
        dropout=options.dropout,
    )


def _compile(network: keras.Model, options: TrainingOptions, n: int) -> None:
    steps = sum(math.ceil(min(BLOCK, n - start) / options.batch) for start in range(0, n, BLOCK))
    warm = min(2, max(options.epochs - 1, 0)) * steps
    rate = keras.optimizers.schedules.CosineDecay(
        options.learning_rate * 0.01,
        max(options.epochs * steps - warm, 1),
        alpha=0.01,
        warmup_target=options.learning_rate if warm else None,
        warmup_steps=warm,
    )
    optimiser = keras.optimizers.AdamW(rate, weight_decay=options.weight_decay, clipnorm=1.0)
    network.compile(optimiser, loss_named(options.loss), jit_compile=False)


def _one_epoch(
    network: keras.Model,
    dataset: Dataset,
    fit: Rows,
    sky: FloatArray,
    options: TrainingOptions,
    rng: np.random.Generator,
) -> float:
    """Show every object once; mean loss."""
    total = 0.0
    for rows in _blocks(fit, rng):
        pixels = varied(filled(dataset.pixels(rows)), sky, options.jitter, rng)
        told = network.fit(pixels, dataset.rows.z[rows], batch_size=options.batch, shuffle=False, verbose=0)
        total += told.history["loss"][0] * len(rows)
    return float(total / len(fit))


def _blocks(rows: Rows, rng: np.random.Generator) -> Iterator[Rows]:
    """All rows once, in blocks that fit into memory, each from a few neighbouring parts of the file.

    A part is a run of rows that lie together on disk, so a block costs few reads however large the data set.
    """
    ordered = np.sort(rows)
    parts = [ordered[start : start + 256] for start in range(0, len(ordered), 256)]
    order = rng.permutation(len(parts))
    for start in range(0, len(parts), BLOCK // 256):
        yield rng.permutation(np.concatenate([parts[one] for one in order[start : start + BLOCK // 256]]))


def _averaged(mean: list[Any], now: list[Any], share: float) -> list[Any]:
    """Running mean of weights, in which ``share`` of the past is kept."""
    if not mean:
        return now
    return [share * old + (1 - share) * new for old, new in zip(mean, now, strict=True)]


def _score(network: keras.Model, dataset: Dataset, rows: Rows) -> float:
    total = 0.0
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        raw = np.asarray(network.predict(filled(dataset.pixels(part)), batch_size=512, verbose=0))
        total += mixture.crps(MixturePDF(raw[:, 0], raw[:, 1], raw[:, 2]), dataset.rows.z[part]).sum()
    return float(total / len(rows))


def _check_figures(loss: float, crps: float, number: int, epoch: int) -> None:
    if not math.isfinite(loss) or not math.isfinite(crps):
        raise ModelError(
            f"The training of network {number + 1} broke down in epoch {epoch}: the loss is no number.",
            advice="Try a smaller --learning-rate, or another --seed.",
        )


def _check_rows(dataset: Dataset, fit: Rows, stop: Rows) -> None:
    if len(fit) < 2 or len(stop) < 1:
        raise TableError(
            f"The data set {dataset.folder} is too small: {len(fit)} objects to fit, {len(stop)} to stop by.",
            advice="Training needs objects with redshifts in at least three folds of the sky.",
        )
    if not np.isfinite(dataset.rows.z[np.concatenate([fit, stop])]).all():
        raise TableError("Some training objects have no redshift.")
