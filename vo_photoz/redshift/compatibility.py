"""Whether a survey, a data set or stamps are what a model eats; if not, what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vo_photoz.errors import ModelError

if TYPE_CHECKING:
    from vo_photoz.flow import Stamps
    from vo_photoz.redshift.card import Card

SCALE_TOLERANCE = 0.02
EXTINCTION_TOLERANCE = 0.02
"""Relative: the coefficients of 1998 and of 2011 for one map differ by 14 %, roundings by less than 1 %."""


def check_fits(
    card: Card,
    bands: Sequence[str],
    *,
    pixel_arcsec: float | None = None,
    stamp_pixels: int | None = None,
    unit: str | None = None,
    dereddened: bool | None = None,
    where: str = "survey",
) -> None:
    """Check that a survey, a data set or stamps are what a model eats.

    Parameters
    ----------
    card : Card
        Card of the model.
    bands : sequence of str
        Bands there are; more than the model's are fine, in any order.
    pixel_arcsec, stamp_pixels, unit, dereddened
        Of stamps that are cut already; None where stamps are still to be cut as the model wants them.
    where : str
        What is checked, for the sentence.

    Raises
    ------
    ModelError
        Raised if it does not fit; says what to change.
    """
    missing = [band for band in card.bands if band not in bands]
    if missing:
        raise ModelError(
            f"The model {card.name} needs the bands {', '.join(card.bands)}, but the {where} has no "
            f"{', '.join(missing)} (it has {', '.join(bands)}).",
            advice="Choose another survey or a model for these bands (`vo-photoz models list`).",
        )
    if pixel_arcsec is not None and abs(pixel_arcsec / card.pixel_arcsec - 1) > SCALE_TOLERANCE:
        raise ModelError(
            f"The model {card.name} needs pixels of {card.pixel_arcsec:g} arcsec, those of the {where} have "
            f"{pixel_arcsec:g}.",
            advice=f"Cut the stamps again with --scale {card.pixel_arcsec:g}.",
        )
    if stamp_pixels is not None and stamp_pixels != card.stamp_pixels:
        raise ModelError(
            f"The model {card.name} needs stamps of {card.stamp_pixels} pixels, those of the {where} have "
            f"{stamp_pixels}.",
            advice=f"Cut the stamps again with --size {card.stamp_pixels}.",
        )
    if unit is not None and unit != card.pixel_unit:
        raise ModelError(
            f"The model {card.name} needs pixels in {card.pixel_unit}, those of the {where} are in {unit}.",
            advice=f"Cut the stamps again in {card.pixel_unit}.",
        )
    if dereddened is not None and dereddened != card.dereddened:
        raise _other_dust(card, where)


def _other_dust(card: Card, where: str) -> ModelError:
    if card.dereddened:
        return ModelError(
            f"The model {card.name} needs fluxes corrected for Galactic extinction, those of the {where} are "
            "as observed.",
            advice=f"Correct the {where} (`vo-photoz dataset import` with --ebv-map and --extinction), or "
            "take a model for fluxes as observed.",
        )
    return ModelError(
        f"The model {card.name} needs fluxes as observed, those of the {where} are corrected for Galactic "
        "extinction.",
        advice=f"Take the {where} as observed (`vo-photoz dataset import` without --ebv-map and "
        "--dereddened-by), or a model for corrected fluxes.",
    )


def check_extinction(card: Card, per_ebv: Mapping[str, float], *, where: str, advice: str) -> None:
    """Check that fluxes are corrected by the coefficients that the model was trained with.

    Parameters
    ----------
    card : Card
        Card of the model; one that names no coefficients fits all.
    per_ebv : mapping
        A / E(B-V) of the bands.
    where : str
        What is checked, for the sentence.
    advice : str
        How to change it; ``{band}`` and ``{value}`` stand for what the model needs.

    Raises
    ------
    ModelError
        Raised if the coefficient of a band differs by more than 2 %.
    """
    if card.dereddening is None:
        return
    for band in card.bands:
        needed, found = card.dereddening.per_ebv.get(band), per_ebv.get(band)
        if needed is None or found is None or abs(found - needed) <= EXTINCTION_TOLERANCE * abs(needed):
            continue
        raise ModelError(
            f"The model {card.name} was trained on fluxes corrected by A / E(B-V) = {needed:g} in band "
            f"{band}; the {where} has {found:g}.",
            advice=advice.format(band=band, value=f"{needed:g}"),
        )


def check_stamps(card: Card, stamps: Stamps) -> None:
    """Check that stamps are what a model eats, the order of the bands included.

    Raises
    ------
    ModelError
        Raised if not; says what to change.
    """
    check_fits(
        card,
        stamps.bands,
        pixel_arcsec=stamps.pixel_arcsec,
        stamp_pixels=stamps.pixels.shape[-1],
        unit=stamps.unit,
        dereddened=stamps.dereddened,
        where="stamps",
    )
