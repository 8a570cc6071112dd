"""What callers may ask of the cutouts: positions, sizes, resolutions, and what cannot be meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz.errors import SurveyError, UsageError
from vo_photoz.hips.access.cloud import SCHEMES

SUPPORTED_INTERPOLATIONS = ("bilinear", "nearest")
FLUXES = ("native", "per_arcsec2", "per_pixel", "nJy/arcsec2")
MAX_SIDE = 20_000
ADDRESSES = "Give a folder, file://, http(s)://, s3:// or gs:// address."
HALF_TURN = 648_000  # arcsec


def addresses_of(given: str | Path | Sequence[str | Path]) -> list[str]:
    """Address of a HiPS and its mirrors, as texts.

    Raises
    ------
    SurveyError
        Raised if there is none, or one has a scheme that nobody here can read.
    """
    several = [given] if isinstance(given, str | Path) else list(given)
    if not several or "" in several:
        raise SurveyError("A HiPS needs an address.", advice=ADDRESSES)
    for one in map(str, several):
        scheme, found, _ = one.partition("://")
        if found and scheme.lower() not in ("file", "http", "https", *SCHEMES):
            raise SurveyError(
                f"The address {one} cannot be used: {scheme}:// is unknown.", advice=ADDRESSES, url=one
            )
    return [str(one) for one in several]


def degrees_of(coordinate: Any) -> tuple[float, float]:
    """Right ascension and declination of one position, degrees.

    Raises
    ------
    UsageError
        Raised if it is no position.
    """
    try:
        if hasattr(coordinate, "icrs"):
            return float(coordinate.icrs.ra.deg), float(coordinate.icrs.dec.deg)
        ra, dec = (float(part) for part in coordinate)
    except (TypeError, ValueError):
        raise UsageError(
            f"'{coordinate}' is not one position.", advice="Give (ra, dec) in ICRS degrees, or one SkyCoord."
        ) from None
    if not (np.isfinite(ra) and abs(dec) <= 90):
        raise UsageError(f"({ra}, {dec}) is no position on the sky, in degrees.")
    return ra, dec


def arcsec_of(resolution: Any) -> float:
    """Side of a pixel in arcsec, from a Quantity or degrees.

    Raises
    ------
    UsageError
        Raised if it is no angle.
    """
    try:
        if hasattr(resolution, "to_value"):
            return float(resolution.to_value("arcsec"))
        return float(resolution) * 3600
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"'{resolution}' is no size of a pixel ({error}).", advice="Give an angle, or degrees."
        ) from None


def sides_of(size: Any) -> tuple[int, int]:
    """Columns and rows.

    Raises
    ------
    UsageError
        Raised if they are no whole numbers from 1.
    """
    try:
        sides = [int(side) for side in np.broadcast_to(size, 2)]
        good = all(1 <= side <= MAX_SIDE for side in sides) and bool(np.all(np.equal(sides, size)))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise UsageError(
            f"A stamp cannot have {size} pixels a side.",
            advice=f"Give a whole number from 1 to {MAX_SIDE}, or columns and rows.",
        )
    return sides[0], sides[1]


def check(pixel_arcsec: float, interpolation: str, flux: str) -> None:
    """Refuse what cannot be meant.

    Raises
    ------
    UsageError
        Raised if a pixel has no size, or a word is unknown.
    """
    if not 0 < pixel_arcsec <= HALF_TURN:
        raise UsageError(
            f"A pixel cannot measure {pixel_arcsec} arcsec.",
            advice=f"Give arcseconds above 0, at most {HALF_TURN}.",
        )
    if interpolation not in SUPPORTED_INTERPOLATIONS:
        raise UsageError(
            f"The interpolation '{interpolation}' is unknown.", advice="Use bilinear or nearest."
        )
    if flux not in FLUXES:
        raise UsageError(f"The flux '{flux}' is unknown.", advice=f"Use one of {', '.join(FLUXES)}.")
