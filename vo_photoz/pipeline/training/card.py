"""The card of a model that was just trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from vo_photoz.pipeline.training.ingredients import Ingredient
from vo_photoz.pipeline.training.prior import prior_of_training
from vo_photoz.redshift import card as cards
from vo_photoz.redshift.networks import NetworkShape
from vo_photoz.redshift.options import TrainingOptions
from vo_photoz.redshift.training.checkpoints import State


def card_of(
    ingredients: Sequence[Ingredient],
    shape: NetworkShape,
    states: Sequence[State],
    options: TrainingOptions,
    bands: Sequence[str],
    held_out_fold: int,
) -> cards.Card:
    """The card, still without name, scores and weights.

    Parameters
    ----------
    ingredients : sequence of Ingredient
        What it was trained on; the first gives form and terms of use.
    shape : NetworkShape
        Of the networks.
    states : sequence of State
        Of the networks, finished.
    options : TrainingOptions
        How they were fitted.
    bands : sequence of str
        In the order of the networks.
    held_out_fold : int
        Fold that none has seen.
    """
    form, source = ingredients[0].form, ingredients[0].origin
    z = np.concatenate([one.labels[0] for one in ingredients])
    noise = {band: round(value, 4) for band, value in zip(bands, shape.softening, strict=True)}
    return cards.Card(
        name="",
        bands=list(bands),
        stamp_pixels=form.stamp_pixels,
        pixel_arcsec=form.pixel_arcsec,
        pixel_unit=form.unit,
        dereddened=form.dereddened,
        dereddening=form.dereddening,
        input_scaling={"kind": "asinh", "sky_noise": noise},
        components=shape.mixture_components * len(states),
        members=len(states),
        classes=list(shape.classes),
        component_classes=list(shape.component_classes) * len(states),
        network=asdict(shape),
        z_min=float(z.min()),
        z_max=float(z.max()),
        training=_training(ingredients, states, options, held_out_fold),
        prior=prior_of_training(ingredients, bands, shape.classes),
        licence=str(source.get("licence", "")),
        citation=str(source.get("citation", "")),
        software={what: version(what) for what in ("vo-photoz", "keras", "tensorflow", "numpy")},
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        weights={"": ""},
    )


def _training(
    ingredients: Sequence[Ingredient], states: Sequence[State], options: TrainingOptions, held_out_fold: int
) -> cards.Training:
    edges, counts = _as_shown(ingredients)
    told = asdict(options)
    told["best_epochs"] = [one.best_epoch for one in states]
    told["stop_score"] = [round(one.best_score, 5) for one in states]
    if any(one.batch != options.batch for one in states):
        told["batches"] = [one.batch for one in states]
    return cards.Training(
        name=" + ".join(one.name for one in ingredients),
        rows=sum(len(one.labels[0]) for one in ingredients),
        held_out_fold=held_out_fold,
        histogram_edges=edges,
        histogram_counts=counts,
        sha256=ingredients[0].sha256,
        real=all(one.real for one in ingredients),
        source=ingredients[0].origin,
        options=told,
        sources=[one.told() for one in ingredients],
    )


def _as_shown(ingredients: Sequence[Ingredient]) -> tuple[list[float], list[int]]:
    """Edges and counts of the redshifts as the networks were shown them.

    Each ingredient counts by its share, however many objects it has; the counts sum to all objects, but for
    rounding.
    """
    redshifts = [one.labels[0] for one in ingredients]
    z, rows = np.concatenate(redshifts), sum(map(len, redshifts))
    weight = [
        np.full(len(of), one.share * rows / max(len(of), 1))
        for one, of in zip(ingredients, redshifts, strict=True)
    ]
    edges, _ = cards.histogram(z)
    shown, _ = np.histogram(z, edges, weights=np.concatenate(weight))
    return edges, [round(float(count)) for count in shown]


def rounded(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures for a card."""
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in figures.items()}
