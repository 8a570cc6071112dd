"""Fit one network: blocks of stamps made ahead, averaged weights, the best epoch, states to go on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from vo_photoz.errors import ModelError
from vo_photoz.flow import Progress, no_progress
from vo_photoz.redshift.backend import ops, without_greetings
from vo_photoz.redshift.inference.memory import bytes_to_train, check_room
from vo_photoz.redshift.losses import loss_named
from vo_photoz.redshift.training.checkpoints import Arrays, State
from vo_photoz.redshift.training.hardware import on_card
from vo_photoz.redshift.training.mixing import BLOCK, made_ahead
from vo_photoz.redshift.training.optimiser import optimiser
from vo_photoz.redshift.training.plan import Plan
from vo_photoz.redshift.training.scores import PREDICT_BATCH, StopScore, stop_score
from vo_photoz.redshift.training.sources import Shown

Log = Callable[[dict[str, Any]], None]
Keep = Callable[[Callable[[], State]], None]


class Member:
    """The training of one network.

    Parameters
    ----------
    plan : Plan
        What all networks have in common.
    number : int
        Of this one, from 0; it is part of the seed.
    state : State or None
        Where to go on; None begins.
    batch : int or None
        Stamps a step, where memory does not suffice for those of the plan.
    log : callable
        Takes a dictionary of figures after every epoch.
    keep : callable
        Takes a function that gives the `State`, after every block.
    progress : Progress
        Told after every block.
    """

    def __init__(
        self,
        plan: Plan,
        number: int,
        *,
        state: State | None = None,
        batch: int | None = None,
        log: Log,
        keep: Keep,
        progress: Progress = no_progress,
    ) -> None:
        self.plan, self.number, self.log, self.keep, self.progress = plan, number, log, keep, progress
        self.state = replace(state or State(number, plan.batch), batch=batch or plan.batch)
        self.network = plan.network(plan.first_weights(number))
        self._compile()
        self._bytes_a_stamp = 0 if on_card(plan.hardware.devices) else bytes_to_train(self.network)
        if state is not None:
            self._restore(state)
        self.waited = self.worked = 0.0

    def run(self) -> State:
        """Train to the end; the finished state holds the best weights.

        Raises
        ------
        ModelError
            Raised if the training breaks down.
        """
        blocks = made_ahead(self._make, self._numbers(), self.plan.hardware.workers)
        try:
            began = time.perf_counter()
            for shown in blocks:
                self.waited += time.perf_counter() - began
                began = time.perf_counter()
                self._one_block(shown)
                self.worked += time.perf_counter() - began
                began = time.perf_counter()
                if self._stalled():
                    break
        finally:
            blocks.close()
        return self._finished()

    def _numbers(self) -> Iterator[int]:
        """Numbers of the first stamps of all blocks to come, counted from the first epoch on."""
        for epoch in range(self.state.epoch, self.plan.options.epochs):
            begin = self.state.shown if epoch == self.state.epoch else 0
            for start in range(begin, self.plan.epoch_stamps, self._block):
                yield epoch * self.plan.epoch_stamps + start

    @property
    def _block(self) -> int:
        return max(BLOCK // self.plan.batch, 1) * self.plan.batch

    def _make(self, first: int) -> Shown:
        left = self.plan.epoch_stamps - first % self.plan.epoch_stamps
        seed = (self.plan.options.seed, self.number)
        return self.plan.mixture.stamps(seed, first, min(self._block, left), self.plan.variations)

    def _one_block(self, shown: Shown) -> None:
        check_room(min(self.state.batch, len(shown)) * self._bytes_a_stamp)
        with self._quiet():
            told = self.network.fit(
                shown.pixels, shown.labels, batch_size=self.state.batch, shuffle=False, verbose=0
            )
        self.state.loss_sum += float(told.history["loss"][0]) * len(shown)
        self.state.shown += len(shown)
        whole = self.plan.options.epochs * self.plan.epoch_stamps
        done = self.state.epoch * self.plan.epoch_stamps + self.state.shown
        if self.state.shown >= self.plan.epoch_stamps:
            self._end_of_epoch()
        self.keep(self.snapshot)
        self.progress(f"network {self.number + 1} of {self.plan.options.members}", done, whole)

    def _end_of_epoch(self) -> None:
        state, options = self.state, self.plan.options
        loss = state.loss_sum / state.shown
        state.epoch, state.shown, state.loss_sum = state.epoch + 1, 0, 0.0
        now = self.network.get_weights()
        state.mean = _averaged(state.mean, now, _kept(options.averaging * options.epochs))
        self.network.set_weights(state.mean)
        batch = min(PREDICT_BATCH, 8 * state.batch)
        with self._quiet():
            score = stop_score(self.network, self.plan.mixture, self.plan.shape, batch)
        self.network.set_weights(now)
        _check_figures(loss, score.crps if options.early_stopping else 0.0, self.number, state.epoch)
        self._compare(score.total(options.class_share))
        self.log(self._figures(loss, score))
        self.waited = self.worked = 0.0

    def _compare(self, score: float) -> None:
        """Keep the weights if they are the best so far, and the steps have become small."""
        state, options = self.state, self.plan.options
        if not options.early_stopping:
            state.best, state.best_epoch, state.best_score = state.mean, state.epoch, score
            return
        if not options.patience and state.epoch <= options.epochs * 2 // 3:
            return
        if score < state.best_score or not state.best_epoch:
            state.best, state.best_epoch, state.best_score, state.stalled = state.mean, state.epoch, score, 0
        else:
            state.stalled += 1

    def _stalled(self) -> bool:
        patience = self.plan.options.patience
        return bool(patience) and self.state.stalled >= patience

    def _figures(self, loss: float, score: StopScore) -> dict[str, Any]:
        rate = float(np.asarray(self.network.optimizer.learning_rate))
        found: dict[str, Any] = {
            "member": self.number, "epoch": self.state.epoch, "loss": loss, "stop_crps": score.crps,
            "learning_rate": rate,
        }  # fmt: skip
        if score.cross_entropy is not None:
            found["stop_cross_entropy"] = score.cross_entropy
        if len(self.plan.mixture.sources) > 1:
            found["stop_crps_by_source"] = score.by_source
        found["seconds"] = round(self.waited + self.worked, 3)
        found["waited"] = round(self.waited, 3)
        return found

    def _quiet(self) -> AbstractContextManager[None]:
        """With the deterministic setting TensorFlow warns, at every fit, of a wish that it grants itself."""
        return without_greetings() if self.plan.options.deterministic else nullcontext()

    def _compile(self) -> None:
        steps = math.ceil(self.plan.epoch_stamps / self.state.batch)
        self.network.compile(
            optimiser(self.plan.options, steps),
            loss_named(self.plan.options.loss, self.plan.shape, self.plan.options.class_share),
            jit_compile="auto" if on_card(self.plan.hardware.devices) else False,
        )
        self.network.optimizer.build(self.network.trainable_variables)

    def _variables(self) -> list[Any]:
        """Weights and states of random generators; what is measured along the way does not count."""
        measured = {id(one) for one in self.network.metrics_variables}
        return [one for one in self.network.variables if id(one) not in measured]

    def snapshot(self) -> State:
        """The state now, with arrays of its own."""
        return replace(
            self.state,
            network=_arrays(self._variables()),
            optimiser=_arrays(self.network.optimizer.variables),
        )

    def _restore(self, state: State) -> None:
        for group, into in (
            (state.network, self._variables()),
            (state.optimiser, self.network.optimizer.variables),
        ):
            if [one.shape for one in group] != [tuple(one.shape) for one in into]:
                raise ModelError(
                    f"The kept state of network {self.number + 1} is not one of this training.",
                    advice="Remove the folder of the training and begin anew.",
                )
            for array, variable in zip(group, into, strict=True):
                variable.assign(array)
        if state.batch != self.state.batch:  # as many stamps, but more steps
            done = self.network.optimizer.iterations
            done.assign(int(ops.convert_to_numpy(done)) * state.batch // self.state.batch)

    def _finished(self) -> State:
        if not self.state.best_epoch:
            raise ModelError("No epoch was trained.", advice="Use --epochs 1 or more.")
        return replace(self.state, finished=True, network=[], optimiser=[], mean=[])


def _arrays(variables: Sequence[Any]) -> Arrays:
    """Values of variables, not the memory that they lie in."""
    return [np.array(ops.convert_to_numpy(one), copy=True) for one in variables]


def _kept(epochs: float) -> float:
    """Share of the past that stays after an epoch in a running mean over so many epochs."""
    return math.exp(-1 / epochs) if epochs > 0 else 0.0


def _averaged(mean: Arrays, now: Arrays, share: float) -> Arrays:
    """Running mean of weights, in which ``share`` of the past is kept."""
    if not mean:
        return now
    return [share * old + (1 - share) * new for old, new in zip(mean, now, strict=True)]


def _check_figures(loss: float, score: float, number: int, epoch: int) -> None:
    if not math.isfinite(loss) or not math.isfinite(score):
        raise ModelError(
            f"The training of network {number + 1} broke down in epoch {epoch}: the loss is no number.",
            advice="Try a smaller --learning-rate, or another --seed.",
        )
