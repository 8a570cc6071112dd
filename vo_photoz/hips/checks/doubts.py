"""What speaks against the pixels of a survey for stamps of a given pixel size; nothing of it forbids them."""

from __future__ import annotations

from vo_photoz.hips.imaging import Survey
from vo_photoz.hips.units import unit_named

COARSER = 1.2
"""How much larger pixels of the tiles may be than those of the stamps."""


def doubts_of(survey: Survey, pixel_arcsec: float) -> list[str]:
    """Sentences for the user, one for each doubt; empty when there is none.

    Parameters
    ----------
    survey : Survey
        The survey, with the bands that are used.
    pixel_arcsec : float
        Side of a pixel of the stamps.
    """
    return [*_coarse(survey, pixel_arcsec), *unit_doubts(survey)]


def _coarse(survey: Survey, pixel_arcsec: float) -> list[str]:
    found = survey.pixel_arcsec
    if found <= COARSER * pixel_arcsec:
        return []
    return [
        f"The tiles of survey {survey.name} have pixels of {found:.2g} arcsec, the stamps of the model "
        f"{pixel_arcsec:g}: they are blurred, and densities are worse than the card of the model says."
    ]


def unit_doubts(survey: Survey) -> list[str]:
    """Bands whose tiles name another unit than the survey; only tiles on disk are looked at."""
    told = unit_named(survey.pixel_unit)
    found = []
    for band in survey.bands:
        hips = survey.hips[band]
        if not told or survey.photometry[band].zero_point is not None or hips.tiles.folder is None:
            continue
        if hips.tile_unit and hips.tile_unit != told:
            found.append(
                f"Survey {survey.name} says that pixel values of band {band} are in {told}, its tiles say "
                f"{hips.tile_unit} (BUNIT): one of them is wrong."
            )
    return found
