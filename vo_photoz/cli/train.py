"""The command ``vo-photoz train``."""

from __future__ import annotations

import math
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from vo_photoz.cli import training_options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say
from vo_photoz.cli.evaluate import score_table

SHAPING_NOTHING = ("resume", "keep_seconds", "tensorboard", "quiet", "debug")


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("train")(train)


def train(
    context: typer.Context,
    dataset: given.Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the model to make.")],
    name: Annotated[str, typer.Option(help="Name of the model; the folder's when not given.")] = "",
    title: Annotated[str, typer.Option(help="One line about the model.")] = "",
    others: given.Others = None,
    start: given.Start = "",
    architecture: given.Architecture = "compact",
    classes: given.Classes = "auto",
    members: given.Members = None,
    epochs: given.Epochs = 50,
    epoch_objects: given.EpochObjects = 0,
    seed: given.Seed = 1,
    loss: given.Loss = "crps",
    components: given.Components = 5,
    batch: given.Batch = 64,
    optimiser: given.Optimiser = "adamw",
    learning_rate: given.LearningRate = None,
    schedule: given.Schedule = "cosine",
    warm_up_epochs: given.WarmUpEpochs = 2.0,
    patience: given.Patience = 0,
    clip_norm: given.ClipNorm = 1.0,
    weight_decay: given.WeightDecay = 1e-4,
    dropout: given.Dropout = None,
    dense: given.Dense = "",
    augment: given.Augment = "full",
    held_out_fold: given.HeldOutFold = 0,
    stop_fold: given.StopFold = "1",
    resume: given.Resume = False,
    keep_seconds: given.KeepSeconds = 30.0,
    deterministic: given.Deterministic = False,
    mixed_precision: given.MixedPrecision = "auto",
    devices: given.Devices = "auto",
    tensorboard: given.TensorBoard = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a model on DATASET: an ensemble of networks, scored on a part of the sky that none has seen.

    A training that was stopped, or killed, goes on with --resume.
    """
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.redshift.model import load_model
        from vo_photoz.redshift.options import FINE_TUNING_RATE, USUAL_RATE, TrainingOptions

        base = load_model(start) if start else None
        usual = FINE_TUNING_RATE if base else USUAL_RATE
        chosen = TrainingOptions(
            members=members or (base.card.general_members if base else 5),
            epochs=epochs, seed=seed, architecture=architecture, classes=given.classes_of(classes), loss=loss,
            components=components, batch=batch, optimiser=optimiser, schedule=schedule,
            learning_rate=usual if learning_rate is None else learning_rate,
            warm_up_epochs=warm_up_epochs, clip_norm=clip_norm, patience=patience, weight_decay=weight_decay,
            dropout=dropout, dense=given.units_of(dense), epoch_objects=epoch_objects, augment=augment,
            deterministic=deterministic, mixed_precision=mixed_precision, devices=devices,
        )  # fmt: skip
        from vo_photoz.pipeline.training.train import train as run

        with _stopped_politely(output):
            model = run(
                dataset, output, options=chosen, start=base, name=name, title=title,
                others=[given.source_and_share(one) for one in others or []],
                held_out_fold=held_out_fold, stop_fold=given.fold_of(stop_fold),
                made_by=(_command(context),), resume=resume, keep_seconds=keep_seconds,
                tensorboard=tensorboard, report=lambda figures: _tell(figures, epochs, quiet),
                tell=lambda sentence: say(sentence, quiet), progress=progress,
            )  # fmt: skip
    say(f"{output}: {model.card.members} networks, {model.card.components} Gaussians", quiet)
    if model.card.scores:
        scores = score_table(model.card.scores)
        say(f"Scores on fold {held_out_fold}, which no network has seen:\n{scores}", quiet)


def _command(context: typer.Context) -> str:
    """The command with all that shapes the model, for the card; paths without their folders."""
    words = ["vo-photoz", "train"]
    for one in context.command.params:
        value = context.params.get(one.name or "")
        if one.name in SHAPING_NOTHING or value is None or value is False or value in ("", [], ()):
            continue
        option = [] if one.param_type_name == "argument" else [one.opts[0]]
        for each in value if isinstance(value, list | tuple) else [value]:
            words += option if each is True else [*option, _short(each)]
    return shlex.join(words)


def _short(value: Any) -> str:
    """A value as text; of a path its last part."""
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text.rstrip("/").rpartition("/")[2] if "/" in text else text


@contextmanager
def _stopped_politely(output: Path) -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, and say how to go on."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        work = output.with_name(f"{output.name}.training")
        if work.is_dir():
            typer.secho(f"What was trained is kept in {work}: --resume goes on with it.", err=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(figures: dict[str, Any], epochs: int, quiet: bool) -> None:
    """One line for every tenth epoch."""
    if figures["epoch"] % 10 == 0 or figures["epoch"] == epochs:
        text = f"network {figures['member'] + 1}  epoch {figures['epoch']:>4}  loss {figures['loss']:.4f}"
        stop = figures["stop_crps"]
        say(text if math.isnan(stop) else f"{text}  early stopping CRPS {stop:.4f}", quiet)
