"""Options of ``vo-photoz train``, and what their words mean. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vo_photoz.errors import UsageError

# What is learned, and from what
Source = Annotated[Path, typer.Argument(help="A training set, or the file of a simulated sky (SKY.toml).")]
Others = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="SOURCE:SHARE", help="Another training set or sky, and its share of what is shown."
    ),
]
Start = Annotated[
    str, typer.Option("--from", metavar="MODEL", help="Train the networks of this model on, scaling kept.")
]
Architecture = Annotated[
    Literal["compact", "dcmdn-1", "dcmdn-2"], typer.Option(help="What the networks are.")
]
Classes = Annotated[
    str, typer.Option(help="Classes to tell apart, as STAR,GALAXY,QSO; none; auto: those of the data.")
]
Members = Annotated[int | None, typer.Option(min=1, help="Networks of the ensemble (5, or those of --from).")]
Components = Annotated[int, typer.Option(min=1, help="Gaussians of one network (of each class).")]
Dense = Annotated[str, typer.Option(metavar="UNITS", help="Dense layers of compact, as 256,256,128.")]
HeldOutFold = Annotated[int, typer.Option(help="Fold of the sky for the scores of the card.")]
StopFold = Annotated[
    str, typer.Option(help="Fold that says when a network is at its best; none: fit it as well.")
]

# How it is learned
Epochs = Annotated[int, typer.Option(min=1, help="Times that every object is shown.")]
EpochObjects = Annotated[int, typer.Option(min=0, help="Objects an epoch; 0: all, 20,000 of a sky.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, data and machine: same networks.")]
Loss = Annotated[Literal["crps", "nll", "blend"], typer.Option(help="What is made small.")]
Batch = Annotated[int, typer.Option(min=1, help="Objects a step; halved where memory ends.")]
Optimiser = Annotated[Literal["adamw", "sgd"], typer.Option(help="How steps are made.")]
LearningRate = Annotated[float | None, typer.Option(help="Largest step size (0.002; 0.0003 with --from).")]
Schedule = Annotated[
    Literal["cosine", "linear", "exponential", "constant"], typer.Option(help="How step sizes fall.")
]
WarmUpEpochs = Annotated[float, typer.Option(min=0, help="Epochs over which step sizes rise.")]
Patience = Annotated[int, typer.Option(min=0, help="Stop after so many epochs without gain; 0: never.")]
ClipNorm = Annotated[float, typer.Option(min=0, help="Largest norm of a gradient; 0: any.")]
WeightDecay = Annotated[float, typer.Option(min=0, help="Against learning by heart.")]
Dropout = Annotated[float | None, typer.Option(help="Likewise; that of the architecture if not given.")]
Augment = Annotated[
    Literal["full", "turns", "none"], typer.Option(help="How stamps are varied; turns: rotations and flips.")
]

# How it runs
Resume = Annotated[bool, typer.Option("--resume", help="Go on where a training was stopped.")]
KeepSeconds = Annotated[
    float, typer.Option("--checkpoint-seconds", min=0, help="Time between states that are kept.")
]
Deterministic = Annotated[bool, typer.Option("--deterministic", help="The same bytes every time; slower.")]
MixedPrecision = Annotated[Literal["auto", "on", "off"], typer.Option(help="Half precision where it pays.")]
Devices = Annotated[str, typer.Option(help="auto, all, cpu, or how many graphics cards.")]
TensorBoard = Annotated[Path | None, typer.Option(help="Folder for event files of TensorBoard.")]


def fold_of(text: str) -> int | None:
    """The number of a fold; None for "none"."""
    if text == "none":
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--stop-fold is the number of a fold or none, not {text!r}.") from None


def classes_of(text: str) -> tuple[str, ...] | None:
    """Classes in the order that cards have; None leaves them to the data, () tells none apart."""
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


def units_of(text: str) -> tuple[int, ...]:
    """Units of dense layers, separated by commas."""
    try:
        return tuple(int(one) for one in text.split(",") if one)
    except ValueError:
        raise UsageError(f"--dense {text} cannot be meant.", advice="Write units as 256,256,128.") from None


def source_and_share(text: str) -> tuple[Path, float]:
    """Path and share out of ``PATH:SHARE``."""
    path, colon, share = text.rpartition(":")
    try:
        return Path(path if colon else ""), float(share)
    except ValueError:
        raise UsageError(
            f"--with {text} names no share.", advice="Write --with SOURCE:SHARE, as in --with simulated:0.3."
        ) from None
