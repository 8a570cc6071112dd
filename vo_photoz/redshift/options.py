"""Options of a training; reading them needs no keras."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vo_photoz.datasets.augment import Jitter
from vo_photoz.errors import UsageError

LOSS_NAMES = ("crps", "nll", "blend")
SCHEDULES = ("cosine", "linear", "exponential", "constant")
OPTIMISERS = ("adamw", "sgd")
AUGMENTATIONS = ("full", "turns", "none")
PRECISIONS = ("auto", "on", "off")
FINE_TUNING_RATE = 3e-4
"""Largest step size when a model is trained on; a tenth of the usual, so that little of it is forgotten."""
USUAL_RATE = 2e-3


@dataclass(frozen=True)
class TrainingOptions:
    """How networks are fitted.

    Parameters
    ----------
    members : int
        Number of networks; each starts from its own seed.
    epochs : int
        Times that every object is shown.
    seed : int
        Same seed, data and machine: same weights.
    architecture : str
        ``compact``, ``dcmdn-1`` or ``dcmdn-2``.
    classes : tuple of str or None
        Classes that the networks tell apart; empty: none; None: those of the training data, if there are two.
    loss : str
        ``crps``, ``nll`` or ``blend``.
    class_share : float
        Weight of the cross-entropy of the classes in the loss.
    components : int
        Gaussians of one network (with classes: of each class).
    batch : int
        Objects a step. Halved where the memory does not suffice.
    optimiser : str
        ``adamw`` or ``sgd``.
    learning_rate : float
        Largest step size; it is reached after ``warm_up_epochs``.
    schedule : str
        How it falls from there: ``cosine``, ``linear`` or ``exponential`` to a hundredth, or ``constant``.
    warm_up_epochs : float
        Epochs over which the step size rises from a hundredth.
    clip_norm : float
        Largest norm of the gradient of a step, all weights together; 0: any.
    early_stopping : bool
        Keep the epoch at which the early stopping objects score best; without it the last epoch counts.
    patience : int
        Stop when the score of the early stopping objects was not beaten for so many epochs; 0: never.
    weight_decay : float
        Against learning by heart.
    dropout : float or None
        Likewise; None is that of the architecture.
    dense : tuple of int
        Units of the dense layers of ``compact``; empty: as it comes.
    averaging : float
        Part of the training over which the running mean of the weights looks back; 0: no averaging. Early
        weights are far from the last: in a short training no more than the last epochs may count.
    epoch_objects : int
        Objects shown in an epoch; 0 shows every object of the first data set once, and 20,000 of a
        simulator.
    augment : str
        ``full``, only the eight ``turns`` and flips, or ``none``.
    jitter : Jitter
        How far stamps of data sets are varied with ``full``.
    deterministic : bool
        The same bytes on the same machine whenever it runs; slower.
    mixed_precision : str
        ``auto`` computes in half precision on graphics cards that gain by it, ``on``, ``off``.
    devices : str
        ``auto`` takes a graphics card if there is one, ``all`` all of them, a number so many, ``cpu`` none.

    Raises
    ------
    UsageError
        Raised if a value cannot be meant.
    """

    members: int = 5
    epochs: int = 50
    seed: int = 1
    architecture: str = "compact"
    classes: tuple[str, ...] | None = None
    loss: str = "crps"
    class_share: float = 0.1
    components: int = 5
    batch: int = 64
    optimiser: str = "adamw"
    learning_rate: float = USUAL_RATE
    schedule: str = "cosine"
    warm_up_epochs: float = 2.0
    clip_norm: float = 1.0
    early_stopping: bool = True
    patience: int = 0
    weight_decay: float = 1e-4
    dropout: float | None = None
    dense: tuple[int, ...] = ()
    averaging: float = 0.08
    epoch_objects: int = 0
    augment: str = "full"
    jitter: Jitter = field(default_factory=Jitter)
    deterministic: bool = False
    mixed_precision: str = "auto"
    devices: str = "auto"

    def __post_init__(self) -> None:
        _one_of("--loss", self.loss, LOSS_NAMES)
        _one_of("--schedule", self.schedule, SCHEDULES)
        _one_of("--optimiser", self.optimiser, OPTIMISERS)
        _one_of("--augment", self.augment, AUGMENTATIONS)
        _one_of("--mixed-precision", self.mixed_precision, PRECISIONS)
        for name in ("members", "epochs", "components", "batch"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        for name in (
            "patience",
            "epoch_objects",
            "clip_norm",
            "warm_up_epochs",
            "weight_decay",
            "class_share",
        ):
            _check(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        _check("learning_rate", self.learning_rate, 0 < self.learning_rate < float("inf"), "above 0")
        _check("averaging", self.averaging, 0 <= self.averaging < 1, "from 0 to below 1")
        _check(
            "dense",
            ",".join(map(str, self.dense)),
            min(self.dense, default=1) >= 1,
            "1 or more units a layer",
        )
        _check("dropout", self.dropout, self.dropout is None or 0 <= self.dropout < 1, "from 0 to below 1")


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{option} {value} is not known.", advice=f"Choose one of {', '.join(known)}.")


def _check(name: str, value: Any, good: bool, wanted: str) -> None:
    if not good:  # so is NaN
        raise UsageError(f"--{name.replace('_', '-')} {value} cannot be meant: it must be {wanted}.")
