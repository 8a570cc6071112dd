"""Stamps in, redshift densities out."""

from __future__ import annotations

import numpy as np

from vo_photoz.flow import NOT_PREDICTED, BoolArray, MixturePDF, Stamps
from vo_photoz.redshift.compatibility import check_stamps
from vo_photoz.redshift.inference import usable
from vo_photoz.redshift.inference.runner import mixtures
from vo_photoz.redshift.model import Model


def predict_stamps(model: Model, stamps: Stamps) -> MixturePDF:
    """Redshift densities of stamps.

    The networks of a model are loaded and compiled once in a process, and fed with batches of bounded
    size; see `inference.runner`.

    Parameters
    ----------
    model : Model
        From `model.load_model`.
    stamps : Stamps
        Of n sources, in any order of bands.

    Returns
    -------
    MixturePDF
        Float32 arrays (n, k), k = ``model.card.components``. A row is NaN where a flag of the stamp forbids a
        prediction or the stamp is not `usable`.

    Raises
    ------
    ModelError
        Raised if bands, pixel scale, size or unit of the stamps are not those of the model's card, or they
        are dereddened and it wants them raw, or the other way round; if its networks cannot be loaded, or
        there is not enough memory for one stamp.
    """
    check_stamps(model.card, stamps)
    pixels = stamps.pixels[:, [stamps.bands.index(band) for band in model.card.bands]]
    out = np.full((3, len(stamps), model.card.components), np.nan, dtype=np.float32)
    rows = np.flatnonzero(usable(pixels) & ((stamps.flags & int(NOT_PREDICTED)) == 0))
    if len(rows):
        out[:, rows] = np.moveaxis(mixtures(model.runner, pixels, rows, model.card.components), 1, 0)
    return MixturePDF(*out)


def outside_domain(model: Model, stamps: Stamps) -> BoolArray:
    """Whether sources are unlike all that the model was trained on (`Flag.OUTSIDE_DOMAIN`), shape (n,).

    All False for a model that does not tell its domain.

    Raises
    ------
    ModelError
        Raised if the stamps are not what the model eats.
    """
    check_stamps(model.card, stamps)
    if model.domain is None:
        return np.zeros(len(stamps), dtype=bool)
    order = [stamps.bands.index(band) for band in model.card.bands]
    return model.domain.outside(stamps.pixels[:, order])
