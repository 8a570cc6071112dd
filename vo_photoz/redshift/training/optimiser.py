"""The optimiser of a training: how large its steps are, and when."""

from __future__ import annotations

import math
from typing import Any

from vo_photoz.redshift.backend import keras, ops
from vo_photoz.redshift.options import TrainingOptions

LOWEST = 0.01
"""The step size at the beginning and at the end, in units of the largest."""
MOMENTUM = 0.9


def optimiser(options: TrainingOptions, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """An optimiser whose step size follows the number of steps that it has made."""
    rate = StepSize(
        options.learning_rate,
        options.schedule,
        round(min(options.warm_up_epochs, max(options.epochs - 1, 0)) * steps_per_epoch),
        options.epochs * steps_per_epoch,
    )
    clip = {"global_clipnorm": options.clip_norm} if options.clip_norm else {}
    if options.optimiser == "sgd":
        return keras.optimizers.SGD(
            rate, momentum=MOMENTUM, weight_decay=options.weight_decay or None, **clip
        )
    return keras.optimizers.AdamW(rate, weight_decay=options.weight_decay, **clip)


@keras.saving.register_keras_serializable(package="vo_photoz")
class StepSize(keras.optimizers.schedules.LearningRateSchedule):
    """A step size that rises, and falls to a hundredth.

    Parameters
    ----------
    largest : float
        Largest step size.
    schedule : str
        How it falls: ``cosine``, ``linear``, ``exponential``, or ``constant`` not at all.
    rising : int
        Steps over which it rises linearly from a hundredth.
    steps : int
        All steps.
    """

    def __init__(self, largest: float, schedule: str, rising: int, steps: int) -> None:
        super().__init__()
        self.largest, self.schedule, self.rising, self.steps = largest, schedule, rising, steps

    def __call__(self, step: Any) -> Any:
        """Step size after so many steps."""
        done = ops.cast(step, "float32")
        share = ops.clip((done - self.rising) / max(self.steps - self.rising, 1), 0.0, 1.0)
        rise = LOWEST + (1 - LOWEST) * ops.minimum(done / max(self.rising, 1), 1.0)
        low = rise if self.rising else 1.0
        return self.largest * low * self._fall(share)

    def _fall(self, share: Any) -> Any:
        if self.schedule == "cosine":
            return LOWEST + (1 - LOWEST) * 0.5 * (1 + ops.cos(math.pi * share))
        if self.schedule == "linear":
            return 1 - (1 - LOWEST) * share
        if self.schedule == "exponential":
            return ops.exp(math.log(LOWEST) * share)
        return ops.ones_like(share)

    def get_config(self) -> dict[str, Any]:
        """What is needed to make it again."""
        return {name: getattr(self, name) for name in ("largest", "schedule", "rising", "steps")}
