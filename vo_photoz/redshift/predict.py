"""Stamps in, redshift densities out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vo_photoz.flow import NOT_PREDICTED, BoolArray, Float32Array, MixturePDF, Stamps
from vo_photoz.redshift.compatibility import check_stamps
from vo_photoz.redshift.model import Model

BATCH_SIZES = (16, 256)
CORE_PIXELS = 6


def predict_stamps(model: Model, stamps: Stamps) -> MixturePDF:
    """Redshift densities of stamps.

    Each batch is padded to one of two fixed sizes, so that the networks are compiled once for each and memory
    stays bounded.

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
        are dereddened and it wants them raw, or the other way round.
    """
    check_stamps(model.card, stamps)
    pixels = stamps.pixels[:, [stamps.bands.index(band) for band in model.card.bands]]
    out = np.full((3, len(stamps), model.card.components), np.nan, dtype=np.float32)
    rows = np.flatnonzero(usable(pixels) & ((stamps.flags & int(NOT_PREDICTED)) == 0))
    for start in range(0, len(rows), BATCH_SIZES[-1]):
        part = rows[start : start + BATCH_SIZES[-1]]
        out[:, part] = _predict_batch(model, pixels[part])
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


def usable(pixels: Float32Array) -> BoolArray:
    """Whether stamps (n, band, y, x) can be predicted from: no missing pixel among the 6 x 6 in the middle.

    Pixels that are missing elsewhere are taken for empty sky.
    """
    rows, columns = (max((side - CORE_PIXELS) // 2, 0) for side in pixels.shape[-2:])
    core = pixels[..., rows : pixels.shape[-2] - rows, columns : pixels.shape[-1] - columns]
    return np.asarray(np.isfinite(core).all((1, 2, 3)))


def _predict_batch(model: Model, pixels: Float32Array) -> np.ndarray:
    """Weights, means and widths (3, n, k) of up to 256 stamps."""
    size = next(size for size in BATCH_SIZES if size >= len(pixels))
    padded = np.zeros((size, *pixels.shape[1:]), dtype=np.float32)
    padded[: len(pixels)] = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
    raw = np.asarray(_compiled(model)(padded))
    return np.moveaxis(raw[: len(pixels)], 1, 0)


def _compiled(model: Model) -> Callable[[Float32Array], Any]:
    """All members as one compiled function of a batch, giving (n, 3, k summed over the members)."""
    if model.compiled is None:
        from vo_photoz.redshift.load import compiled_ensemble  # noqa: PLC0415 - keras is slow to import

        model.compiled = compiled_ensemble(model.networks)
    return model.compiled
