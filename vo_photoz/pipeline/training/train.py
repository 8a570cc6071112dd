"""Train a model: networks, scores on a fold that none of them has seen, and the card."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vo_photoz.datasets.split import STOP_FOLD, TEST_FOLD
from vo_photoz.datasets.store import Dataset
from vo_photoz.flow import Progress, no_progress
from vo_photoz.pipeline.evaluate import evaluate
from vo_photoz.pipeline.training.card import card_of, rounded
from vo_photoz.pipeline.training.fitting import Watchers, fit_members, options_like
from vo_photoz.pipeline.training.ingredients import Ingredient, check_alike, check_model, shares
from vo_photoz.pipeline.training.opening import held_out_of, opened
from vo_photoz.pipeline.training.work import LOG, WorkFolder, check_new, leftovers, work_folder
from vo_photoz.redshift import card as cards
from vo_photoz.redshift.domain import FILE as DOMAIN
from vo_photoz.redshift.domain import domain_of
from vo_photoz.redshift.model import Model, file_hash, load_model
from vo_photoz.redshift.options import TrainingOptions
from vo_photoz.redshift.training.sources import classes_of

if TYPE_CHECKING:
    from vo_photoz.redshift.networks import NetworkShape
    from vo_photoz.redshift.training.checkpoints import State

DOMAIN_ROWS = 20_000
NOT_OF_THE_RUN = ("members", "devices")
"""Options that may change when a training is resumed."""


def train(
    dataset: str | Path | Dataset,
    output: str | Path,
    *,
    options: TrainingOptions | None = None,
    others: Sequence[tuple[str | Path | Dataset, float]] = (),
    start: str | Path | Model | None = None,
    name: str = "",
    title: str = "",
    held_out_fold: int = TEST_FOLD,
    stop_fold: int | None = STOP_FOLD,
    made_by: tuple[str, ...] = (),
    resume: bool = False,
    keep_seconds: float = 30.0,
    tensorboard: str | Path | None = None,
    report: Callable[[dict[str, Any]], None] = lambda _figures: None,
    tell: Callable[[str], None] = lambda _sentence: None,
    progress: Progress = no_progress,
) -> Model:
    """Train a model and write its folder, whole or not at all.

    One fold of the sky is held out for the scores in the card, another says when each network is at its best,
    the others are fitted. While it runs its state lies in ``<output>.training``, from which a training that
    was stopped or killed goes on.

    Parameters
    ----------
    dataset : path or Dataset
        Stamps with redshifts, or the file of a simulated sky.
    output : path
        Folder to make.
    options : TrainingOptions or None
        How the networks are fitted.
    others : sequence of (path or Dataset, float)
        Further data sets and simulated skies, with their shares in what the networks are shown.
    start : name, path, Model or None
        Model whose networks are trained on, with their architecture, classes and scaling.
    name, title : str
        For the card; the name of the folder, if empty.
    held_out_fold, stop_fold : int
        Folds of the sky, for all data sets. With None to stop by, all but the held-out fold are fitted and
        the last epoch counts.
    made_by : tuple of str
        The command that makes this model, for the card; that of the data set is put before it.
    resume : bool
        Go on with a training that was stopped; begin if there is none.
    keep_seconds : float
        The state is written no more often than this.
    tensorboard : path or None
        Folder for event files.
    report : callable
        Takes a dictionary of figures after every epoch: member, epoch, loss, stop_crps, ...
    tell : callable
        Takes sentences: the hardware, what was left out.
    progress : Progress
        Told how far it is.

    Returns
    -------
    Model

    Raises
    ------
    TableError
        Raised if a data set has no redshifts, or too few objects in some fold.
    ModelError
        Raised if the training breaks down, or the model to start from does not fit.
    UsageError
        Raised if the folder exists, options cannot be meant, data do not fit together, or a training that was
        stopped lies there and is not to go on or is another one.
    """
    target = Path(output).absolute()
    if resume and leftovers(target):
        return load_model(target)
    check_new(target)
    chosen = replace(options or TrainingOptions(), early_stopping=stop_fold is not None)
    parts = [share for _, share in others]
    named = zip([dataset, *(one for one, _ in others)], shares(parts), strict=True)
    ingredients = [opened(one, share, held_out_fold, stop_fold, chosen.seed) for one, share in named]
    check_alike(ingredients)
    base = None if start is None else start if isinstance(start, Model) else load_model(start)
    if base is not None and base.card.specialist is not None:
        tell(f"Starts from the general networks of {base.card.name}; its specialist stays behind.")
    chosen, bands = _fitted_to(ingredients, chosen, base)
    for one in ingredients:
        for reason, n in one.left_out.items():
            tell(f"{one.name}: {n} objects {reason} are left out.")
    run = _run(ingredients, chosen, base, held_out_fold, stop_fold)
    watchers = Watchers(report, tell, progress, Path(tensorboard) if tensorboard else None)
    with work_folder(target, run, resume=resume, seconds=keep_seconds) as work:
        states, shape, hardware = fit_members(ingredients, bands, chosen, base, work, watchers)
        card = card_of(ingredients, shape, states, chosen, bands, held_out_fold)
        card.name, card.title = name or target.name, title
        card.made_by = _commands(ingredients, base, made_by)
        card.training.options["hardware"] = str(hardware)
        card.software[hardware.backend] = version(hardware.backend)
        folder = _written(work, card, shape, states, ingredients, bands)
        _score(folder, card, held_out_of(ingredients[0], work.path), held_out_fold)
        (folder / cards.FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        os.replace(folder, target)
    return load_model(target)


def _fitted_to(
    ingredients: Sequence[Ingredient], options: TrainingOptions, base: Model | None
) -> tuple[TrainingOptions, list[str]]:
    """Options with classes, and the order of the bands: of the model that is trained on, or of the data."""
    if base is not None:
        for one in ingredients:
            check_model(base.card, one)
        return options_like(options, base), list(base.card.bands)
    if options.classes is None:
        options = replace(options, classes=classes_of([one.labels[1] for one in ingredients]))
    return options, list(ingredients[0].form.bands)


def _run(
    ingredients: Sequence[Ingredient],
    options: TrainingOptions,
    base: Model | None,
    held_out_fold: int,
    stop_fold: int | None,
) -> dict[str, Any]:
    """What a training is: it goes on only where all of this is the same."""
    told = {key: value for key, value in asdict(options).items() if key not in NOT_OF_THE_RUN}
    data = [f"{one.share:g} of {one.name} ({one.sha256[:12]})" for one in ingredients]
    folds = {"held out fold": held_out_fold, "stop fold": stop_fold}
    return {**told, "data": data, "start": None if base is None else base.hash, **folds}


def _commands(ingredients: Sequence[Ingredient], base: Model | None, made_by: tuple[str, ...]) -> list[str]:
    """The commands that make this model from the beginning."""
    before = [str(one.origin["made_by"]) for one in ingredients if "made_by" in one.origin]
    return [*dict.fromkeys([*(base.card.made_by if base else []), *before]), *made_by]


def _written(
    work: WorkFolder,
    card: cards.Card,
    shape: NetworkShape,
    states: Sequence[State],
    ingredients: Sequence[Ingredient],
    bands: Sequence[str],
) -> Path:
    """Write all files of a model but the card, which learns their hashes."""
    from vo_photoz.redshift.load import save_network  # noqa: PLC0415 - keras takes seconds to import
    from vo_photoz.redshift.networks import build_network  # noqa: PLC0415 - likewise

    folder = work.path / "model"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "weights").mkdir(parents=True)
    for number, state in enumerate(states):
        network = build_network(shape)
        network.set_weights(state.best)
        save_network(network, folder / f"weights/member-{number}.keras")
    names = [f"weights/member-{number}.keras" for number in range(len(states))]
    card.weights = {one: file_hash(folder / one) for one in names}
    support = [one.support(bands, max(round(one.share * DOMAIN_ROWS), 1)) for one in ingredients]
    domain_of(np.concatenate(support)).save(folder / DOMAIN)
    card.domain = {DOMAIN: file_hash(folder / DOMAIN)}
    work.end_log()
    shutil.copyfile(work.path / LOG, folder / LOG)
    return folder


def _score(folder: Path, card: cards.Card, held: Dataset | None, fold: int) -> None:
    """Score the model on what no network has seen, for the card."""
    if held is not None:
        found = evaluate(Model(folder, card), held, fold=fold)
        card.scores = {which: rounded(one.as_dict()) for which, one in found.by_estimator.items()}
