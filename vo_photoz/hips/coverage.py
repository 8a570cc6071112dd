"""Where coverage maps come from: the ``Moc.fits`` of a HiPS, and what all bands of a survey cover."""

from __future__ import annotations

import logging
from contextlib import suppress

import cdshealpix.nested
import numpy as np

from vo_photoz.errors import CoverageError, PhotozError
from vo_photoz.flow import Coverage, Positions, Progress, no_progress
from vo_photoz.hips.access.source import local_folder, read_file
from vo_photoz.hips.moc_files import read_moc, write_moc
from vo_photoz.hips.moc_frames import WHOLE_SKY
from vo_photoz.hips.moc_server import moc_server_coverage
from vo_photoz.hips.survey import Survey
from vo_photoz.hips.tile_coverage import tile_coverage
from vo_photoz.hips.tree import HiPS
from vo_photoz.sky.frames import rotation_from_icrs, unit_vectors
from vo_photoz.sky.moc import DEEPEST, contains, intersection

__all__ = ["covers_tile", "find_coverage", "hips_coverage", "read_moc", "survey_coverage", "write_moc"]

MOC_FILE = "Moc.fits"
MAX_MOC_BYTES = 500_000_000

log = logging.getLogger(__name__)


def survey_coverage(survey: Survey, *, unknown_is_whole: bool = False) -> Coverage:
    """What all bands of a survey cover.

    Parameters
    ----------
    survey : Survey
        The survey.
    unknown_is_whole : bool
        As of `hips_coverage`, for bands without a coverage map: missing tiles are found when cutting.

    Raises
    ------
    CoverageError
        Raised if a coverage map is missing or damaged.
    """
    bands = [survey.hips[band] for band in survey.bands]
    return intersection([hips_coverage(hips, unknown_is_whole=unknown_is_whole) for hips in bands])


def find_coverage(
    hips: HiPS,
    *,
    pixels: bool = False,
    order: int | None = None,
    near: Positions | None = None,
    servers: bool = True,
    progress: Progress = no_progress,
) -> Coverage:
    """Coverage of a HiPS by the first way that gives one; ``origin`` tells which.

    Its ``Moc.fits``; else, for a HiPS on the network that has an identifier, the MOCServer of CDS; else it is
    made from the tiles.

    Parameters
    ----------
    hips : HiPS
        The HiPS.
    pixels : bool
        Make it from the pixels that have a value, whatever map there is.
    order : int or None
        Order of a map that is made.
    near : Positions or None
        A map that is made knows only tiles that hold one of these.
    servers : bool
        Whether the MOCServer may be asked.
    progress : Progress
        Told how far the making is.

    Raises
    ------
    CoverageError, SurveyError, ServiceError
        Raised if the coverage map is damaged, or there is none and none can be made.
    """
    if not pixels:
        data = _moc_of(hips)
        if data is not None:
            return read_moc(data, f"{hips.address.rstrip('/')}/{MOC_FILE}")
        if servers and (known := _known_to_server(hips)) is not None:
            return known
    return tile_coverage(hips, pixels=pixels, order=order, near=near, progress=progress)


def _known_to_server(hips: HiPS) -> Coverage | None:
    """What the MOCServer knows; None where it knows nothing, or cannot be asked."""
    identifier = hips.properties.get("creator_did", "")
    if hips.offline or not identifier or local_folder(hips.address) is not None:
        return None
    try:
        return moc_server_coverage(identifier, attempts=1)
    except PhotozError as error:
        log.info("%s", error)
        return None


def _moc_of(hips: HiPS) -> bytes | None:
    return read_file(hips.address, MOC_FILE, offline=hips.offline, max_bytes=MAX_MOC_BYTES)


def hips_coverage(hips: HiPS, *, unknown_is_whole: bool = False) -> Coverage:
    """Coverage of a HiPS from its ``Moc.fits``: the sky where there are tiles.

    Parameters
    ----------
    hips : HiPS
        The HiPS.
    unknown_is_whole : bool
        Without that file, take what costs little instead: the tiles of a folder, the MOCServer's map, else
        the whole sky.

    Raises
    ------
    CoverageError
        Raised if there is no such file or it is not a spatial MOC.
    """
    where = f"{hips.address.rstrip('/')}/{MOC_FILE}"
    data = _moc_of(hips)
    if data is not None:
        return read_moc(data, where)
    if not unknown_is_whole:
        raise CoverageError(f"{hips.address} has no coverage map ({MOC_FILE}).", url=where)
    return _cheap_coverage(hips)


def _cheap_coverage(hips: HiPS) -> Coverage:
    """A map for cutting images out, which finds by itself where a tile is missing."""
    found = None
    if local_folder(hips.address) is None:
        found = _known_to_server(hips)
    else:
        with suppress(CoverageError):  # a copy of some orders only: cutting takes what it finds
            found = tile_coverage(hips)
    if found is not None:
        return found
    whole = np.array([[0, WHOLE_SKY]], dtype=np.int64)
    return Coverage(whole, 0, f"{hips.address} (no coverage map: taken for the whole sky)")


def covers_tile(coverage: Coverage, frame: str, order: int, number: int) -> bool:
    """Whether a coverage map says that a tile has pixels.

    Parameters
    ----------
    coverage : Coverage
        The map; one that is coarser than the tile says nothing of it.
    frame : str
        Frame of the tile.
    order, number : int
        The tile.
    """
    if coverage.max_order < order or not len(coverage.ranges):
        return False
    if frame == "equatorial":
        shift = 2 * (DEEPEST - order)
        at = np.searchsorted(coverage.ranges[:, 1], number << shift, side="right")
        return bool(at < len(coverage.ranges) and coverage.ranges[at, 0] < (number + 1) << shift)
    # The map was turned and has grown: only a tile that lies wholly inside is promised.
    deep = min(order + 2, DEEPEST)
    first = number << 2 * (deep - order)
    cells = np.arange(first, first + (1 << 2 * (deep - order)), dtype=np.uint64)
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells, deep)
    x, y, z = (unit_vectors(lon.deg, lat.deg) @ rotation_from_icrs(frame)).T
    inside = contains(coverage, np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y))))
    return bool(inside.all())
