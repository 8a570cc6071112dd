"""The prior that networks learn: how the objects of a training lie in redshift, class and magnitude."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vo_photoz.flow import Stamps
from vo_photoz.pipeline.training.ingredients import Ingredient
from vo_photoz.redshift.prior_table import PriorTable, prior_of
from vo_photoz.redshift.priors import magnitudes

OBJECTS = 8192
"""Of each ingredient; as many as a simulated sky draws for its labels."""
BAND = "z"
"""Band of the magnitudes: that of the shipped prior of the sky. Quasars of any redshift have light in it."""
BRIGHTEST, FAINTEST = 14.0, 23.0
"""Sources beyond are counted there, as those that noise has made negative."""
SMOOTHING = 0.1
"""In redshift: a few thousand objects fill the cells of the table only so far."""


def prior_of_training(
    ingredients: Sequence[Ingredient], bands: Sequence[str], classes: Sequence[str]
) -> PriorTable:
    """p(z, class, magnitude) of what networks are shown.

    Parameters
    ----------
    ingredients : sequence of Ingredient
        Each counts by its share.
    bands : sequence of str
        Of the networks. Without a band z there are no magnitudes.
    classes : sequence of str
        Of the networks; empty: objects of all kinds are one class. Objects of unknown class do not count
        where there are classes.
    """
    z, kind, weight, magnitude = zip(*(_measured(one, bands) for one in ingredients), strict=True)
    kinds, weights = np.concatenate(kind), np.concatenate(weight)
    if classes:
        weights = np.where(np.isin(kinds, list(classes)), weights, 0.0)
    by_magnitude = BAND in bands
    return prior_of(
        np.concatenate(z),
        kinds if classes else None,
        weight=weights,
        magnitude=np.concatenate(magnitude) if by_magnitude else None,
        band=BAND if by_magnitude else "",
        smoothing=SMOOTHING,
        source="the training objects",
    )


def _measured(one: Ingredient, bands: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Redshift, class, weight and magnitude of objects from all over an ingredient."""
    pixels = one.support(bands, OBJECTS)
    z, kind = one.labels
    step = -(-len(z) // OBJECTS)
    z, kind = z[::step], kind[::step]
    form = one.form
    flags = np.zeros(len(pixels), dtype=np.int16)
    stamps = Stamps(pixels, flags, tuple(bands), form.pixel_arcsec, form.unit, form.dereddened)
    magnitude = np.nan_to_num(magnitudes(stamps, BAND), nan=FAINTEST - 0.01)
    return z, kind, np.full(len(z), one.share / len(z)), np.clip(magnitude, BRIGHTEST, FAINTEST - 0.01)
