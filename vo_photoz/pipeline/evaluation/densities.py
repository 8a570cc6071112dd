"""Densities of the model and of its simple rivals for the objects of a task, a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.neighbours import ColourNeighbours, class_shares, prior, taught
from vo_photoz.datasets.colours import aperture_noise, colours
from vo_photoz.datasets.store import Dataset
from vo_photoz.flow import Float32Array, FloatArray, MixturePDF, Progress
from vo_photoz.pipeline.evaluation.tasks import Task
from vo_photoz.pipeline.evaluation.truth import kinds, redshifts
from vo_photoz.redshift.classes import class_indices
from vo_photoz.redshift.model import Model
from vo_photoz.redshift.predict import predict_stamps
from vo_photoz.redshift.priors import Ratio, magnitudes, reweighted

PART = 1024
NOISE_ROWS = 8192


def of_model(
    model: Model, data: Dataset, rows: NDArray[np.intp], progress: Progress, bands: Iterable[str] = ()
) -> tuple[MixturePDF, dict[str, FloatArray]]:
    """Densities as the model gives them, and the magnitudes in some bands, as priors count them."""
    parts: list[MixturePDF] = []
    light: dict[str, list[FloatArray]] = {band: [] for band in bands}
    for start in range(0, len(rows), PART):
        stamps = data.stamps(rows[start : start + PART])
        parts.append(predict_stamps(model, stamps))
        for band, measured_so_far in light.items():
            measured_so_far.append(magnitudes(stamps, band))
        progress("densities", min(start + PART, len(rows)), len(rows))
    return joined(parts), {band: np.concatenate(some) for band, some in light.items()}


def seen_with(
    ratio: Ratio | None, pdf: MixturePDF, light: Mapping[str, FloatArray], model: Model
) -> MixturePDF:
    """Densities of a model seen with another prior, if there is a ratio of priors."""
    if ratio is None:
        return pdf
    classes = model.card.component_classes
    return reweighted(pdf, ratio, component_classes=classes, magnitude=light.get(ratio.band))


def of_neighbours(
    teacher: ColourNeighbours, task: Task, data: Dataset
) -> tuple[MixturePDF, FloatArray | None]:
    """Densities, and shares of classes if there are any, of the nearest neighbours in colour."""
    order, known = task.order(data), kinds(data)
    pdf = joined([teacher.predict(part[:, order]) for part in _pixels(data, task.test)])
    if known is None:
        return pdf, None
    kind = class_indices(known.kind[task.others][teacher.kept], known.classes)
    near = measured(data, task.test, lambda part: teacher.nearest(part[:, order]))
    return pdf, class_shares(kind, near, len(known.classes))


def of_prior(task: Task) -> MixturePDF:
    """The training redshifts of the model as the density of every object."""
    training = task.model.card.training
    edges, counts = np.asarray(training.histogram_edges), np.asarray(training.histogram_counts)
    return prior(edges, counts, len(task.test))


def neighbours(data: Dataset, rows: NDArray[np.intp], order: Sequence[int]) -> ColourNeighbours:
    """Neighbours learned from some rows of a data set."""
    some = rows[:: -(-len(rows) // NOISE_ROWS)]
    softening = aperture_noise(data.pixels(some)[:, order])
    features = measured(data, rows, lambda part: colours(part[:, order], softening))
    return taught(features, softening, redshifts(data)[rows])


def measured(
    data: Dataset, rows: NDArray[np.intp], measure: Callable[[Float32Array], NDArray[Any]]
) -> NDArray[Any]:
    """Something measured on the stamps of many rows, a part at a time."""
    return np.concatenate([measure(part) for part in _pixels(data, rows)])


def joined(parts: Sequence[MixturePDF]) -> MixturePDF:
    """Densities one after the other; those with fewer components get empty ones."""
    k = max(part.weight.shape[1] for part in parts)
    return MixturePDF(
        *(
            np.concatenate([_padded(getattr(part, name), k, name) for part in parts])
            for name in ("weight", "mean", "sigma")
        )
    )


def _padded(values: NDArray[Any], k: int, name: str) -> NDArray[Any]:
    """Empty components: no weight, and a width that divides."""
    if values.shape[1] == k:
        return values
    fill = np.zeros((len(values), k - values.shape[1]), values.dtype) + (name == "sigma")
    return np.concatenate([values, np.where(np.isnan(values[:, :1]), np.nan, fill)], axis=1)


def _pixels(data: Dataset, rows: NDArray[np.intp]) -> Iterator[Float32Array]:
    return (data.pixels(rows[start : start + PART]) for start in range(0, len(rows), PART))
