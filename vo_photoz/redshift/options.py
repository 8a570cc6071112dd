"""Options of a training; reading them needs no keras."""

from __future__ import annotations

from dataclasses import dataclass, field

from vo_photoz.datasets.augment import Jitter

LOSS_NAMES = ("crps", "nll", "blend")


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
    loss : str
        ``crps``, ``nll`` or ``blend``.
    components : int
        Gaussians of one network.
    batch : int
        Objects a step.
    learning_rate : float
        Largest step size; it rises over the first two epochs and falls along a cosine.
    weight_decay, dropout : float
        Against learning by heart.
    averaging : float
        Share of the past that stays in the running mean of the weights after an epoch; 0: no averaging.
    jitter : Jitter
        How the stamps are varied.
    """

    members: int = 5
    epochs: int = 50
    seed: int = 1
    loss: str = "crps"
    components: int = 5
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    dropout: float = 0.2
    averaging: float = 0.8
    jitter: Jitter = field(default_factory=Jitter)
