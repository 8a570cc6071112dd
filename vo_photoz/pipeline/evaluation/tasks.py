"""Which model is scored on which objects, and from which objects its simple rivals learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.split import STOP_FOLD, TEST_FOLD
from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import TableError, UsageError
from vo_photoz.pipeline.evaluation.truth import redshifts
from vo_photoz.redshift.card import FILE as CARD
from vo_photoz.redshift.model import Model, check_extinction, check_fits, load_model

Named = str | Path | Model


@dataclass(frozen=True)
class Task:
    """One model on one fold.

    Parameters
    ----------
    model : Model
        What is scored.
    fold : int
        Fold of the sky.
    test, others : int array
        Rows of the data set with a redshift: those of the fold, and all others, from which rivals learn.
    seen : bool
        True if the model was trained on the test rows.
    """

    model: Model
    fold: int
    test: NDArray[np.intp]
    others: NDArray[np.intp]
    seen: bool

    def order(self, data: Dataset) -> list[int]:
        """Places of the model's bands in the data set."""
        return [data.manifest.bands.index(band) for band in self.model.card.bands]


def open_models(named: Named | Sequence[Named]) -> list[Model]:
    """Models from names, folders, or folders that hold folders of models.

    Raises
    ------
    ModelError
        Raised if one is not found or damaged.
    UsageError
        Raised if there is none.
    """
    several = [named] if isinstance(named, str | Path | Model) else list(named)
    if not several:
        raise UsageError("There is no model to score.", advice="Name one or more models.")
    found = []
    for one in several:
        if isinstance(one, Model):
            found.append(one)
        else:
            found += [load_model(folder) for folder in _inside(one)]
    return found


def tasks_of(models: Sequence[Model], data: Dataset, fold: int | None, all_folds: bool) -> list[Task]:
    """What is to be scored, fold by fold.

    Parameters
    ----------
    models : sequence of Model
        Several models are scored each on its own held-out fold.
    data : Dataset
        Stamps with redshifts.
    fold : int or None
        Fold for a single model; None takes the one that its card says was held out.
    all_folds : bool
        A single model is scored on every fold.

    Raises
    ------
    UsageError
        Raised if folds and models do not fit together.
    TableError
        Raised if a fold, or the rest, has no object with a redshift.
    ModelError
        Raised if a model does not eat such stamps.
    """
    for model in models:
        check_model(model, data)
    if len(models) > 1:
        if fold is not None or all_folds:
            raise UsageError(
                "Several models are scored each on the fold that it held out.",
                advice="Give one model with --fold or --all-folds.",
            )
        return [_task(model, data, held) for model, held in _own_folds(models)]
    model = models[0]
    if all_folds:
        if fold is not None:
            raise UsageError("--fold and --all-folds exclude each other.")
        return [
            _task(model, data, int(one)) for one in np.unique(data.rows.fold[np.isfinite(redshifts(data))])
        ]
    return [_task(model, data, held_out(model) if fold is None else fold)]


def name_of(tasks: Sequence[Task]) -> str:
    """Name of what is scored: that of the model, or the names of several that are called otherwise."""
    names = list(dict.fromkeys(task.model.card.name for task in tasks))
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


def check_model(model: Model, data: Dataset) -> None:
    """Check that a data set is what a model eats; see `redshift.compatibility`."""
    held = data.manifest
    check_fits(
        model.card,
        held.bands,
        pixel_arcsec=held.pixel_arcsec,
        stamp_pixels=held.stamp_pixels,
        unit=held.unit,
        dereddened=held.dereddened,
        where="data set",
    )
    check_extinction(
        model.card,
        held.dereddening.per_ebv if held.dereddening else {},
        where="data set",
        advice="Import the data set again with {value} for band {band} in --extinction.",
    )


def held_out(model: Model) -> int:
    """Fold that a model has not seen; the fold of the tests if it was trained elsewhere."""
    fold = model.card.training.held_out_fold
    return TEST_FOLD if fold is None else int(fold)


def split(data: Dataset, fold: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows with a redshift inside and outside a fold.

    Raises
    ------
    UsageError
        Raised if there is no such fold.
    TableError
        Raised if the fold, or the rest, has no object with a redshift.
    """
    labelled, here = np.isfinite(redshifts(data)), data.rows.fold == fold
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


def stop_fold(data: Dataset, fold: int) -> int:
    """Fold of the sky that chooses the options of rivals for a test fold: the usual one, or the next."""
    folds = [one for one in _folds(data) if one != fold]
    if not folds or STOP_FOLD in folds:
        return STOP_FOLD
    return next((one for one in folds if one > fold), folds[0])


def _folds(data: Dataset) -> list[int]:
    """Folds with known redshifts."""
    return [int(one) for one in np.unique(data.rows.fold[np.isfinite(redshifts(data))])]


def _task(model: Model, data: Dataset, fold: int) -> Task:
    test, others = split(data, fold)
    training = model.card.training
    seen = data.manifest.sha256 == training.sha256 and fold != training.held_out_fold
    return Task(model, fold, test, others, seen)


def _own_folds(models: Sequence[Model]) -> list[tuple[Model, int]]:
    folds = [held_out(model) for model in models]
    for number, fold in enumerate(folds):
        if fold in folds[:number]:
            first = models[folds.index(fold)].card.name
            raise UsageError(
                f"The models {first} and {models[number].card.name} both hold out fold {fold}.",
                advice="For a cross-validation each model leaves out another fold (train --held-out-fold).",
            )
    return sorted(zip(models, folds, strict=True), key=lambda pair: pair[1])


def _inside(named: str | Path) -> list[str | Path]:
    """The folder itself, or the models in it."""
    folder = Path(named)
    if folder.is_dir() and not (folder / CARD).is_file():
        inside = sorted(card.parent for card in folder.glob(f"*/{CARD}"))
        if inside:
            return list(inside)
    return [named]
