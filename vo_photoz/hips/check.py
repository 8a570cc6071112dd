"""Look whether a survey can be used: reachable, described, covered, with FITS tiles, photometric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from cdshealpix.nested import healpix_to_lonlat

from vo_photoz.errors import PhotozError
from vo_photoz.flow import Coverage
from vo_photoz.hips.coverage import hips_coverage
from vo_photoz.hips.decode import as_image
from vo_photoz.hips.survey import Survey
from vo_photoz.hips.tree import HiPS
from vo_photoz.sky.frames import rotation_from_icrs, unit_vectors
from vo_photoz.sky.moc import DEEPEST
from vo_photoz.sky.pixels import cells_of

TRIES = 6
"""Tiles looked for; a coverage map may promise more than a partial copy of a HiPS holds."""


@dataclass(frozen=True)
class BandCheck:
    """What was found out about one band.

    Parameters
    ----------
    band, address : str
        The band, and the address that works (empty when none does).
    facts : list of str
        What was found.
    problems : list of str
        What keeps the band from being used, one sentence each.
    doubts : list of str
        What keeps its fluxes from being used, or is missing without being needed.
    """

    band: str
    address: str
    facts: list[str]
    problems: list[str]
    doubts: list[str]


def check_survey(survey: Survey) -> list[BandCheck]:
    """Look at every band of a survey; needs the network for a survey on the web."""
    return [_check_band(survey, band) for band in survey.bands]


def _check_band(survey: Survey, band: str) -> BandCheck:
    hips = survey.hips[band]
    facts: list[str] = []
    problems: list[str] = []
    doubts: list[str] = []
    try:
        facts.append(
            f"order {hips.min_order} to {hips.order}, tiles of {hips.width} px ({', '.join(hips.formats)}), "
            f"{hips.frame}, pixel {hips.pixel_arcsec():.4f} arcsec"
        )
    except PhotozError as error:
        return BandCheck(band, "", facts, [error.message], doubts)
    coverage = None
    try:
        coverage = hips_coverage(hips)
        facts.append(f"covers {coverage.sky_fraction:.4%} of the sky")
    except PhotozError as error:
        doubts.append(error.message)
    try:
        hips.need_fits()
        facts.append(_look_at_tiles(hips, coverage))
    except PhotozError as error:
        problems.append(error.message)
    try:
        facts.append(f"1 pixel value = {survey.surface_brightness(band):.6g} nJy/arcsec2")
    except PhotozError as error:
        doubts.append(error.message)
    if not survey.photometry[band].checked:
        doubts.append("The fluxes were not compared with a catalogue (checked is not yes).")
    return BandCheck(band, hips.address, facts, problems, doubts)


def _look_at_tiles(hips: HiPS, coverage: Coverage | None) -> str:
    """Read a tile of the deepest order, of those that the coverage map promises."""
    numbers = _some_tiles(hips, coverage) if coverage is not None else []
    for number in numbers:
        tile = hips.tiles.get(hips.order, number)
        if tile is not None:
            finite = np.isfinite(as_image(tile, hips.width)).mean()
            return f"tile {number} of order {hips.order} read, {finite:.0%} of its pixels have a value"
    if not numbers:
        return "no tile was tried, as no coverage map says where there is one"
    return f"none of {len(numbers)} covered tiles tried is there: a partial copy"


def _some_tiles(hips: HiPS, coverage: Coverage) -> list[int]:
    """Covered tiles spread over the map."""
    if not len(coverage.ranges):
        return []
    chosen = np.linspace(0, len(coverage.ranges) - 1, min(TRIES, len(coverage.ranges))).astype(int)
    middle = coverage.ranges[chosen].mean(axis=1).astype(np.uint64)
    lon, lat = healpix_to_lonlat(middle, DEEPEST)
    vectors = unit_vectors(lon.to_value(u.deg), lat.to_value(u.deg)) @ rotation_from_icrs(hips.frame).T
    return [int(cell) for cell in np.unique(cells_of(vectors, hips.order))]
