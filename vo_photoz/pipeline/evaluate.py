"""Score a model on a data set, beside the nearest neighbours and the prior, all in one run."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz import __version__
from vo_photoz.analysis.metrics import Scores, scores
from vo_photoz.analysis.neighbours import neighbours_of, prior
from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import MixturePDF, Progress, no_progress
from vo_photoz.redshift import mixture
from vo_photoz.redshift.model import Model, check_extinction, check_fits, load_model
from vo_photoz.redshift.predict import predict_stamps

PART = 1024


@dataclass(frozen=True)
class Evaluation:
    """Scores of three estimators on the same objects.

    Parameters
    ----------
    fold : int
        Fold of the sky that was scored.
    model, neighbours, prior : Scores
        Of the model, of the 15 nearest neighbours in colour, of the prior; each learned from other objects.
    gain, gain_error : float
        Mean of CRPS(neighbours) - CRPS(model), object by object, and its standard error.
    seen : bool
        True if the model was trained on these very objects: its scores then mean little.
    not_predicted : int
        Objects of the fold with a redshift, but without a usable stamp.
    """

    fold: int
    model: Scores
    neighbours: Scores
    prior: Scores
    gain: float
    gain_error: float
    seen: bool
    not_predicted: int

    @property
    def by_estimator(self) -> dict[str, Scores]:
        """Scores by name."""
        return {"model": self.model, "neighbours": self.neighbours, "prior": self.prior}


def evaluate(
    model: str | Path | Model,
    dataset: str | Path | Dataset,
    *,
    output: str | Path | None = None,
    fold: int | None = None,
    progress: Progress = no_progress,
) -> Evaluation:
    """Score a model on one fold of a data set.

    Parameters
    ----------
    model : name, path or Model
        What is scored.
    dataset : path or Dataset
        Stamps with redshifts; the other folds teach the neighbours.
    output : path or None
        Where a report is written as JSON.
    fold : int or None
        Fold to score; None takes the one that the model's card says was held out.
    progress : Progress
        Told how far it is.

    Raises
    ------
    ModelError
        Raised if the model does not eat such stamps.
    TableError
        Raised if the fold, or the rest, has no object with a redshift.
    """
    network = model if isinstance(model, Model) else load_model(model)
    data = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    held = data.manifest
    check_fits(
        network.card,
        held.bands,
        pixel_arcsec=held.pixel_arcsec,
        stamp_pixels=held.stamp_pixels,
        unit=held.unit,
        dereddened=held.dereddened,
        where="data set",
    )
    check_extinction(
        network.card,
        held.dereddening.per_ebv if held.dereddening else {},
        where="data set",
        advice="Import the data set again with {value} for band {band} in --extinction.",
    )
    training = network.card.training
    chosen = training.held_out_fold if fold is None else fold
    test, others = _rows(data, chosen)
    pdf = _predicted(network, data, test, progress)
    good = np.isfinite(pdf.weight).all(1)
    if not good.any():
        raise TableError(f"No object in fold {chosen} of {data.folder} has a usable stamp.")
    result = _scored(network, data, test[good], others, pdf.take(np.flatnonzero(good)))
    seen = held.sha256 == training.sha256 and chosen != training.held_out_fold
    found = Evaluation(chosen, *result, seen=seen, not_predicted=int((~good).sum()))
    if output is not None:
        _write(report(found, network, data), Path(output))
    return found


def report(found: Evaluation, model: Model, data: Dataset) -> dict[str, Any]:
    """What goes into the file: scores, and what they were made with."""
    return {
        "model": model.card.name,
        "model_sha256": model.hash,
        "dataset": data.name,
        "dataset_sha256": data.manifest.sha256,
        "real": data.manifest.real,
        "fold": found.fold,
        "seen_in_training": found.seen,
        "not_predicted": found.not_predicted,
        "scores": {name: one.as_dict() for name, one in found.by_estimator.items()},
        "crps_gain_over_neighbours": found.gain,
        "crps_gain_error": found.gain_error,
        "point_estimate": "median of the density",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"vo-photoz {__version__}",
    }


def _rows(data: Dataset, fold: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    labelled, here = data.labelled(), data.rows.fold == fold
    test, others = np.flatnonzero(labelled & here), np.flatnonzero(labelled & ~here)
    if not here.any():
        folds = ", ".join(sorted(data.manifest.folds))
        raise UsageError(
            f"{data.folder} has no object in fold {fold}.", advice=f"It has the folds {folds}: use --fold."
        )
    if not len(test):
        raise TableError(
            f"No object in fold {fold} of {data.folder} has a redshift, so nothing can be scored."
        )
    if len(others) < 2:
        raise TableError(
            f"{data.folder} has no objects outside fold {fold} for the neighbours to learn from."
        )
    return test, others


def _predicted(model: Model, data: Dataset, rows: NDArray[np.intp], progress: Progress) -> MixturePDF:
    parts = []
    for start in range(0, len(rows), PART):
        parts.append(predict_stamps(model, data.stamps(rows[start : start + PART])))
        progress("densities", min(start + PART, len(rows)), len(rows))
    return MixturePDF(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("weight", "mean", "sigma"))
    )


def _scored(
    model: Model, data: Dataset, test: NDArray[np.intp], others: NDArray[np.intp], pdf: MixturePDF
) -> tuple[Scores, Scores, Scores, float, float]:
    order = [data.manifest.bands.index(band) for band in model.card.bands]
    z = data.rows.z[test]
    teacher = neighbours_of(data.pixels(others)[:, order], data.rows.z[others])
    near = teacher.predict(data.pixels(test)[:, order])
    training = model.card.training
    before = prior(np.asarray(training.histogram_edges), np.asarray(training.histogram_counts), len(test))
    difference = mixture.crps(near, z) - mixture.crps(pdf, z)
    difference = difference[np.isfinite(difference)]
    error = float(difference.std(ddof=1) / np.sqrt(len(difference))) if len(difference) > 1 else float("nan")
    return scores(pdf, z), scores(near, z), scores(before, z), float(difference.mean()), error


def _write(found: dict[str, Any], path: Path) -> None:
    """Write JSON, whole or not at all; what is not a number becomes null."""
    text = json.dumps(_without_nan(found), indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise UsageError(f"The report cannot be written to {path}: {error.strerror}.") from None


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
