"""Whether a survey, a data set or stamps are what a model eats; if not, what to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vo_photoz.errors import ModelError

if TYPE_CHECKING:
    from vo_photoz.flow import Stamps
    from vo_photoz.redshift.card import Card

SCALE_TOLERANCE = 0.02


def check_fits(
    card: Card,
    bands: Sequence[str],
    *,
    pixel_arcsec: float | None = None,
    stamp_pixels: int | None = None,
    unit: str | None = None,
    where: str = "survey",
) -> None:
    """Check that a survey, a data set or stamps are what a model eats.

    Parameters
    ----------
    card : Card
        Card of the model.
    bands : sequence of str
        Bands there are; more than the model's are fine, in any order.
    pixel_arcsec, stamp_pixels, unit
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
        where="stamps",
    )
