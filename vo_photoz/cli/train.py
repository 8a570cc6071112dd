"""The command ``vo-photoz train``."""

from __future__ import annotations

import math
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say
from vo_photoz.cli.evaluate import score_table
from vo_photoz.errors import UsageError

SHAPING_NOTHING = ("resume", "keep_seconds", "tensorboard", "quiet", "debug")


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("train")(train)


def train(
    context: typer.Context,
    dataset: Annotated[
        Path, typer.Argument(help="A training set, or the file of a simulated sky (SKY.toml).")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the model to make.")],
    name: Annotated[str, typer.Option(help="Name of the model; the folder's when not given.")] = "",
    title: Annotated[str, typer.Option(help="One line about the model.")] = "",
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="SOURCE:SHARE",
            help="Another training set or sky, and its share of what is shown.",
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option("--from", metavar="MODEL", help="Train the networks of this model on, scaling kept."),
    ] = "",
    architecture: Annotated[
        Literal["compact", "dcmdn-1", "dcmdn-2"], typer.Option(help="What the networks are.")
    ] = "compact",
    classes: Annotated[
        str, typer.Option(help="Classes to tell apart, as STAR,GALAXY,QSO; none; auto: those of the data.")
    ] = "auto",
    members: Annotated[
        int | None, typer.Option(min=1, help="Networks of the ensemble (5, or those of --from).")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Times that every object is shown.")] = 50,
    epoch_objects: Annotated[int, typer.Option(min=0, help="Objects an epoch; 0: all, 20,000 of a sky.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, data and machine: same networks.")] = 1,
    loss: Annotated[Literal["crps", "nll", "blend"], typer.Option(help="What is made small.")] = "crps",
    components: Annotated[int, typer.Option(min=1, help="Gaussians of one network (of each class).")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Objects a step; halved where memory ends.")] = 64,
    optimiser: Annotated[Literal["adamw", "sgd"], typer.Option(help="How steps are made.")] = "adamw",
    learning_rate: Annotated[
        float | None, typer.Option(help="Largest step size (0.002; 0.0003 with --from).")
    ] = None,
    schedule: Annotated[
        Literal["cosine", "linear", "exponential", "constant"], typer.Option(help="How step sizes fall.")
    ] = "cosine",
    warm_up_epochs: Annotated[float, typer.Option(min=0, help="Epochs over which step sizes rise.")] = 2.0,
    patience: Annotated[
        int, typer.Option(min=0, help="Stop after so many epochs without gain; 0: never.")
    ] = 0,
    clip_norm: Annotated[float, typer.Option(min=0, help="Largest norm of a gradient; 0: any.")] = 1.0,
    weight_decay: Annotated[float, typer.Option(min=0, help="Against learning by heart.")] = 1e-4,
    dropout: Annotated[
        float | None, typer.Option(help="Likewise; that of the architecture if not given.")
    ] = None,
    dense: Annotated[
        str, typer.Option(metavar="UNITS", help="Dense layers of compact, as 256,256,128.")
    ] = "",
    augment: Annotated[
        Literal["full", "turns", "none"],
        typer.Option(help="How stamps are varied; turns: rotations and flips."),
    ] = "full",
    held_out_fold: Annotated[int, typer.Option(help="Fold of the sky for the scores of the card.")] = 0,
    stop_fold: Annotated[
        str, typer.Option(help="Fold that says when a network is at its best; none: fit it as well.")
    ] = "1",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a training was stopped.")] = False,
    keep_seconds: Annotated[
        float, typer.Option("--checkpoint-seconds", min=0, help="Time between states that are kept.")
    ] = 30.0,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same bytes every time; slower.")
    ] = False,
    mixed_precision: Annotated[
        Literal["auto", "on", "off"], typer.Option(help="Half precision where it pays.")
    ] = "auto",
    devices: Annotated[str, typer.Option(help="auto, all, cpu, or how many graphics cards.")] = "auto",
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for event files of TensorBoard.")] = None,
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
            members=members or (base.card.members if base else 5),
            epochs=epochs, seed=seed, architecture=architecture, classes=_classes(classes), loss=loss,
            components=components, batch=batch, optimiser=optimiser, schedule=schedule,
            learning_rate=usual if learning_rate is None else learning_rate,
            warm_up_epochs=warm_up_epochs, clip_norm=clip_norm, patience=patience, weight_decay=weight_decay,
            dropout=dropout, dense=_units(dense), epoch_objects=epoch_objects, augment=augment,
            deterministic=deterministic, mixed_precision=mixed_precision, devices=devices,
        )  # fmt: skip
        from vo_photoz.pipeline.training.train import train as run

        with _stopped_politely(output):
            model = run(
                dataset,
                output,
                options=chosen,
                others=[_source_and_share(one) for one in others or []],
                start=base,
                name=name,
                title=title,
                held_out_fold=held_out_fold,
                stop_fold=_fold(stop_fold),
                made_by=(_command(context),),
                resume=resume,
                keep_seconds=keep_seconds,
                tensorboard=tensorboard,
                report=lambda figures: _tell(figures, epochs, quiet),
                tell=lambda sentence: say(sentence, quiet),
                progress=progress,
            )
    say(f"{output}: {model.card.members} networks, {model.card.components} Gaussians", quiet)
    if model.card.scores:
        say(
            f"Scores on fold {held_out_fold}, which no network has seen:\n{score_table(model.card.scores)}",
            quiet,
        )


def _fold(text: str) -> int | None:
    if text == "none":
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--stop-fold is the number of a fold or none, not {text!r}.") from None


def _units(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(one) for one in text.split(",") if one)
    except ValueError:
        raise UsageError(f"--dense {text} cannot be meant.", advice="Write units as 256,256,128.") from None


def _classes(text: str) -> tuple[str, ...] | None:
    from vo_photoz.redshift.classes import CLASSES

    if text in ("auto", "none"):
        return None if text == "auto" else ()
    named = tuple(one.strip().upper() for one in text.split(","))
    strange = [one for one in named if one not in CLASSES]
    if strange or len(set(named)) != len(named) or len(named) < 2:
        raise UsageError(
            f"--classes {text} cannot be meant.",
            advice=f"Name two or more of {','.join(CLASSES)}, auto or none.",
        )
    return tuple(one for one in CLASSES if one in named)


def _source_and_share(text: str) -> tuple[Path, float]:
    """``PATH:SHARE``."""
    path, colon, share = text.rpartition(":")
    try:
        return Path(path if colon else ""), float(share)
    except ValueError:
        raise UsageError(
            f"--with {text} names no share.", advice="Write --with SOURCE:SHARE, as in --with simulated:0.3."
        ) from None


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
