"""Look whether a survey can be used: reachable, described, covered, with FITS tiles, photometric."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vo_photoz.errors import PhotozError
from vo_photoz.flow import Coverage
from vo_photoz.hips.checks.doubts import unit_doubts
from vo_photoz.hips.checks.tiles import check_tiles
from vo_photoz.hips.coverage import hips_coverage
from vo_photoz.hips.survey import Survey
from vo_photoz.hips.tree import HiPS

REQUIRED = (
    "creator_did", "obs_title", "dataproduct_type", "hips_version", "hips_release_date", "hips_status",
    "hips_frame", "hips_order", "hips_tile_format",
)  # fmt: skip
"""Keys that `properties` must have (HiPS 1.0, table 5)."""
SCALE_TOLERANCE = 0.02


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
    found = BandCheck(band, "", [], [], [])
    try:
        found.facts.append(
            f"order {hips.min_order} to {hips.order}, tiles of {hips.width} px ({', '.join(hips.formats)}), "
            f"{hips.frame}, pixel {hips.pixel_arcsec():.4f} arcsec"
        )
    except PhotozError as error:
        found.problems.append(error.message)
        return found
    found.doubts.extend(_mirrors(hips))
    found.doubts.extend(_properties(survey, band))
    coverage = None
    try:
        coverage = hips_coverage(hips)
        found.facts.append(f"covers {100 * coverage.sky_fraction:.3g} % of the sky")
    except PhotozError as error:
        found.doubts.append(error.message)
    _try(found.facts, found.problems, lambda: _tiles(hips, coverage, found))
    _try(found.facts, found.doubts, lambda: _flux(survey, band))
    found.doubts.extend(unit_doubts(survey.only([band])))
    found.doubts.extend(_compared(survey, band))
    return BandCheck(band, hips.address, found.facts, found.problems, found.doubts)


def _try(facts: list[str], otherwise: list[str], look: Callable[[], str]) -> None:
    """Note what is seen, or why nothing can be seen."""
    try:
        facts.append(look())
    except PhotozError as error:
        otherwise.append(error.message)


def _mirrors(hips: HiPS) -> Iterator[str]:
    """Mirrors that do not answer, or hold another HiPS than the address in use."""
    for address in hips.addresses:
        if address == hips.address:
            continue
        mirror = HiPS(address, offline=hips.offline)
        try:
            theirs = mirror.properties
        except PhotozError as error:
            yield f"The mirror {address} cannot be used: {error.message}"
            continue
        for key in ("hips_order", "hips_tile_width", "hips_frame", "hips_release_date"):
            if theirs.get(key) != hips.properties.get(key):
                yield (
                    f"The mirror {address} holds another version: {key} is {theirs.get(key)}, "
                    f"not {hips.properties.get(key)}."
                )
                break


def _properties(survey: Survey, band: str) -> Iterator[str]:
    """What ``properties`` lacks, or says otherwise than the survey file."""
    hips = survey.hips[band]
    lacking = [key for key in REQUIRED if not hips.properties.get(key)]
    if lacking:
        yield f"properties lacks what HiPS 1.0 requires: {', '.join(lacking)}."
    stated, own = survey.photometry[band].source_pixel_arcsec, hips.source_pixel_arcsec
    if stated and own and abs(stated / own - 1) > SCALE_TOLERANCE:
        yield (
            f"The source pixel is {stated:g} arcsec in the survey file, but {own:.4g} in s_pixel_scale: "
            f"fluxes differ by a factor of {(stated / own) ** 2:.2f}."
        )
    if hips.properties.get("hips_pixel_bitpix", "") in ("8", "16"):
        yield (
            f"The tiles are integers of {hips.properties['hips_pixel_bitpix']} bits: faint light may be lost "
            "in their steps."
        )


def _tiles(hips: HiPS, coverage: Coverage | None, found: BandCheck) -> str:
    hips.need_fits()
    fact, doubts = check_tiles(hips, coverage)
    found.doubts.extend(doubts)
    return fact


def _flux(survey: Survey, band: str) -> str:
    return f"1 pixel value = {survey.surface_brightness(band):.6g} nJy/arcsec2"


def _compared(survey: Survey, band: str) -> Iterator[str]:
    known = survey.photometry[band]
    if known.checked:
        return
    if known.checked_result:
        yield f"The fluxes were compared with a catalogue and did not agree ({known.checked_result})."
    else:
        yield "The fluxes were not compared with a catalogue (checked is not yes)."
