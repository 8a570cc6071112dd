"""Fit all networks of a model, one after another, each from its last state."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vo_photoz.errors import ModelError
from vo_photoz.flow import Progress
from vo_photoz.pipeline.training.ingredients import Ingredient
from vo_photoz.pipeline.training.work import WorkFolder
from vo_photoz.redshift.model import Model
from vo_photoz.redshift.networks import NetworkShape
from vo_photoz.redshift.options import TrainingOptions
from vo_photoz.redshift.training.checkpoints import State
from vo_photoz.redshift.training.mixing import Mixture

if TYPE_CHECKING:
    from vo_photoz.redshift.training.hardware import Hardware
    from vo_photoz.redshift.training.plan import Plan

Report = Callable[[dict[str, Any]], None]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Watchers:
    """Who is told how a training goes.

    Parameters
    ----------
    report : callable
        Takes the figures of every epoch.
    tell : callable
        Takes sentences for the user.
    progress : Progress
        Told how far it is.
    tensorboard : Path or None
        Folder for event files.
    """

    report: Report
    tell: Tell
    progress: Progress
    tensorboard: Path | None = None


def fit_members(
    ingredients: Sequence[Ingredient],
    bands: Sequence[str],
    options: TrainingOptions,
    base: Model | None,
    work: WorkFolder,
    watchers: Watchers,
) -> tuple[list[State], NetworkShape, Hardware]:
    """Fit the networks.

    Parameters
    ----------
    ingredients : sequence of Ingredient
        What they are shown.
    bands : sequence of str
        Bands in the order of the networks.
    options : TrainingOptions
        How they are fitted; its classes are known.
    base : Model or None
        Model that they start from.
    work : WorkFolder
        Where states are kept.
    watchers : Watchers
        Who is told.

    Returns
    -------
    list of State, NetworkShape, Hardware
        Finished states of all networks, what they are built from, on what they were fitted.

    Raises
    ------
    ModelError
        Raised if the training breaks down.
    """
    from vo_photoz.redshift.training.hardware import choose_hardware, used  # noqa: PLC0415 - imports keras
    from vo_photoz.redshift.training.plan import plan_training  # noqa: PLC0415 - imports keras

    hardware = choose_hardware(options)
    watchers.tell(f"Trains on {hardware}.")
    sources = [one.source(bands, options.classes or (), options.seed) for one in ingredients]
    plan = plan_training(
        Mixture(sources, [one.share for one in ingredients]),
        options,
        hardware,
        start=base.networks[: base.card.general_members] if base else (),
        shape=shape_of(base) if base else None,
        extinction=dust_of(ingredients[0], bands),
    )
    with used(hardware, options.deterministic):
        states = [_fit(plan, number, work, watchers) for number in range(options.members)]
    return states, plan.shape, hardware


def _fit(plan: Plan, number: int, work: WorkFolder, watchers: Watchers) -> State:
    """Fit one network, with a smaller batch if the memory does not suffice."""
    from vo_photoz.redshift.training.member import Member  # noqa: PLC0415 - imports keras
    from vo_photoz.redshift.training.memory import with_less_memory  # noqa: PLC0415 - imports keras
    from vo_photoz.redshift.training.tensorboard import writer  # noqa: PLC0415 - imports keras

    last = work.last(number)
    if last is not None and last.finished:
        return last
    if last is not None:
        watchers.tell(f"Network {number + 1} goes on after epoch {last.epoch}.")

    def attempt(batch: int) -> State:
        state = work.last(number)
        work.begin_log(number, state.epoch if state else 0)
        with writer(watchers.tensorboard, number) as events:

            def log(figures: dict[str, Any]) -> None:
                work.log(figures)
                events(figures)
                watchers.report(figures)

            member = Member(
                plan, number, state=state, batch=batch, log=log, keep=work.keep, progress=watchers.progress
            )
            return member.run()

    state = with_less_memory(attempt, last.batch if last else plan.batch, number, watchers.tell)
    work.write(state)
    gc.collect()
    return state


def shape_of(base: Model) -> NetworkShape:
    """What the networks of a model are built from.

    Raises
    ------
    ModelError
        Raised if its card does not tell.
    """
    held: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in base.card.network.items()
    }
    try:
        return NetworkShape(**held)
    except TypeError:
        raise ModelError(
            f"The card of {base.card.name} does not tell what its networks are built from, so it cannot be "
            "trained on.",
            advice="It was made by another version of this program; train it again, or train without --from.",
        ) from None


def options_like(options: TrainingOptions, base: Model) -> TrainingOptions:
    """Options with the architecture, layers, classes and components of a model that is trained on."""
    shape = shape_of(base)
    return replace(
        options,
        architecture=shape.architecture,
        classes=shape.classes,
        components=shape.components,
        dense=shape.dense,
    )


def dust_of(one: Ingredient, bands: Sequence[str]) -> tuple[float, ...]:
    """A / E(B-V) of bands by which stamps may be varied; empty where it is not known."""
    if one.form.dereddening is not None:
        return tuple(one.form.dereddening.per_ebv.get(band, 0.0) for band in bands)
    from vo_photoz.simulation.filters import SDSS, extinction_coefficients  # noqa: PLC0415 - imports astropy

    known = dict(zip("ugriz", extinction_coefficients(SDSS), strict=True))
    return tuple(float(known[band]) for band in bands) if set(bands) <= set(known) else ()
