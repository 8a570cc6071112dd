"""Calibrate models on objects that their networks were not fitted to, and never on those that score them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.split import STOP_FOLD, sky_cells
from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import MixturePDF, Progress, no_progress
from vo_photoz.pipeline.evaluate import evaluate
from vo_photoz.pipeline.evaluation.densities import PART, joined
from vo_photoz.pipeline.evaluation.tasks import Named, check_model, held_out, open_models
from vo_photoz.pipeline.evaluation.truth import redshifts
from vo_photoz.redshift.calibration import Calibration, fit_calibration
from vo_photoz.redshift.card import write_card
from vo_photoz.redshift.model import Model
from vo_photoz.redshift.predict import predict_stamps

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class _Predicted:
    """Densities as networks give them, of objects that they were not fitted to."""

    fold: int
    rows: Rows
    pdf: MixturePDF


def calibrate(
    model: Named | Sequence[Named],
    dataset: str | Path | Dataset,
    *,
    fold: int | None = None,
    orientations: Literal[1, 8] | None = None,
    made_by: str = "",
    progress: Progress = no_progress,
) -> list[Model]:
    """Calibrate models and write it into their cards, with the new scores on their held-out folds.

    One model learns from the fold by which its training was stopped, or another one that is given. Several
    models that held out different folds, a cross-validation, learn from each other: every model from what
    the others say of their own held-out folds. No model learns from its own held-out fold.

    Parameters
    ----------
    model : name, path or Model, or a sequence of them
        What is calibrated; a folder that holds folders of models stands for all of them.
    dataset : path or Dataset
        Stamps with redshifts.
    fold : int or None
        Fold from which one model learns.
    orientations : {1, 8} or None
        In how many turns and flips stamps are shown from now on; None leaves what the cards say.
    made_by : str
        The command that does it, for the cards.
    progress : Progress
        Told how far it is.

    Returns
    -------
    list of Model
        With their new cards.

    Raises
    ------
    UsageError
        Raised if a model would learn from the objects that score it.
    TableError
        Raised if there are fewer than 100 objects to learn from.
    ModelError
        Raised if a model does not eat such stamps, or its card cannot be written.
    """
    models = [_shown_in(one, orientations) for one in open_models(model)]
    data = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    for one in models:
        check_model(one, data)
    if len(models) == 1:
        learned = [_of_one(models[0], data, STOP_FOLD if fold is None else fold, progress)]
    elif fold is not None:
        raise UsageError(
            "Several models learn from the folds that they held out.", advice="Leave --fold out."
        )
    else:
        learned = _of_each_other(models, data, progress)
    done = []
    for one, calibration in zip(models, learned, strict=True):
        card = one.card.model_copy(update={"calibration": calibration.to_card()})
        found = evaluate(Model(one.folder, card, one.runtime), data, fold=held_out(one), progress=progress)
        scores = {which: _rounded(told.as_dict()) for which, told in found.by_estimator.items()}
        card = card.model_copy(update={"scores": scores, "made_by": card.commands_with(made_by)})
        write_card(one.folder, card)
        done.append(Model(one.folder, card, one.runtime))
    return done


def _shown_in(model: Model, orientations: Literal[1, 8] | None) -> Model:
    if orientations is None:
        return model
    card = model.card.model_copy(update={"orientations": orientations})
    return Model(model.folder, card, model.runtime)


def _of_one(model: Model, data: Dataset, fold: int, progress: Progress) -> Calibration:
    same = model.card.training.sha256 == data.manifest.sha256
    if same and not model.card.training.options.get("early_stopping", True):
        raise UsageError(
            f"The model {model.card.name} was fitted to all of {data.name} but its held-out fold, so nothing "
            "is left to calibrate it on.",
            advice="Calibrate the models of a cross-validation by each other, or use another data set.",
        )
    if fold == held_out(model):
        raise UsageError(
            f"Fold {fold} was held out to score the model {model.card.name}; it cannot be calibrated on it.",
            advice=f"Choose another fold, best {STOP_FOLD}.",
        )
    return _fitted(model, data, [_predicted(model, data, fold, progress)])


def _of_each_other(models: Sequence[Model], data: Dataset, progress: Progress) -> list[Calibration]:
    folds = [held_out(model) for model in models]
    if len(set(folds)) < len(folds):
        raise UsageError(
            "Models that calibrate each other must have held out different folds.",
            advice="Give one model alone, or those of a cross-validation.",
        )
    if len({tuple(model.card.component_classes) for model in models}) > 1:
        raise UsageError(
            "Models that calibrate each other must tell the same classes, with as many components."
        )
    found = [_predicted(model, data, fold, progress) for model, fold in zip(models, folds, strict=True)]
    return [_fitted(model, data, [one for one in found if one.fold != held_out(model)]) for model in models]


def _predicted(model: Model, data: Dataset, fold: int, progress: Progress) -> _Predicted:
    rows = np.flatnonzero(np.isfinite(redshifts(data)) & (data.rows.fold == fold))
    if not len(rows):
        raise TableError(f"No object in fold {fold} of {data.folder} has a redshift to calibrate on.")
    parts = []
    for start in range(0, len(rows), PART):
        stamps = data.stamps(rows[start : start + PART])
        parts.append(predict_stamps(model, stamps, calibrated=False))
        progress("densities", min(start + PART, len(rows)), len(rows))
    return _Predicted(fold, rows, joined(parts))


def _fitted(model: Model, data: Dataset, found: Sequence[_Predicted]) -> Calibration:
    rows, pdf = np.concatenate([one.rows for one in found]), joined([one.pdf for one in found])
    kind = data.rows.kind
    return fit_calibration(
        pdf,
        redshifts(data)[rows],
        component_classes=model.card.component_classes,
        kind=None if kind is None else kind[rows],
        groups=sky_cells(data.rows.ra[rows], data.rows.dec[rows]),
        told={
            "dataset": data.name,
            "dataset_sha256": data.manifest.sha256,
            "folds": [one.fold for one in found],
            "orientations": model.card.orientations,
        },
    )


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in figures.items()}
