"""Stamps in, redshift densities out."""

from __future__ import annotations

from typing import Literal

import numpy as np

from vo_photoz.flow import NOT_PREDICTED, BoolArray, MixturePDF, Stamps
from vo_photoz.redshift.calibration import from_card
from vo_photoz.redshift.compatibility import check_stamps
from vo_photoz.redshift.inference import usable
from vo_photoz.redshift.model import Model
from vo_photoz.redshift.orientations import averaged
from vo_photoz.redshift.specialist import gated


def predict_stamps(
    model: Model, stamps: Stamps, *, orientations: Literal[1, 8] | None = None, calibrated: bool = True
) -> MixturePDF:
    """Redshift densities of stamps: of the networks, averaged over orientations, calibrated.

    Where the model has a specialist, it has its say before the calibration. The networks of a model are
    loaded and compiled once in a process, and fed with batches of bounded size; see `inference.runner`.

    Parameters
    ----------
    model : Model
        From `model.load_model`.
    stamps : Stamps
        Of n sources, in any order of bands.
    orientations : {1, 8} or None
        In how many of its eight turns and flips each stamp is shown; eight take eight times as long. None
        does as the model's card says.
    calibrated : bool
        False leaves the densities as the networks give them, to fit a calibration.

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
        found = averaged(
            model.runner, pixels, rows, model.card.components, orientations or model.card.orientations
        )
        out[:, rows] = np.moveaxis(gated(found, model.card.specialist), 1, 0)
    calibration = from_card(model.card.calibration) if calibrated else None
    pdf = MixturePDF(*out)
    return pdf if calibration is None else calibration.apply(pdf, model.card.component_classes)


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
