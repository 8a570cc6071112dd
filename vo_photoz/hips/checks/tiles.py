"""Compare the coverage map of a HiPS with the tiles that are there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from astropy import units as u
from cdshealpix.nested import healpix_to_lonlat, neighbours
from numpy.typing import NDArray

from vo_photoz.errors import SurveyError
from vo_photoz.flow import Coverage
from vo_photoz.hips.decode import Tile, as_image
from vo_photoz.hips.tree import HiPS
from vo_photoz.sky.frames import rotation_from_icrs, unit_vectors
from vo_photoz.sky.moc import DEEPEST, contains
from vo_photoz.sky.pixels import cells_of

TRIES = 8
"""Tiles looked for on a server; a coverage map may promise more than a partial copy of a HiPS holds."""
LOCAL_TRIES = 200
SHOWN = 3


def check_tiles(hips: HiPS, coverage: Coverage | None) -> tuple[str, list[str]]:
    """Look for tiles of the deepest order where the coverage map promises them, and where it does not.

    In a folder all tiles are listed; on a server a few are asked for.

    Parameters
    ----------
    hips : HiPS
        HiPS with FITS tiles.
    coverage : Coverage or None
        Its coverage map, if it has one.

    Returns
    -------
    fact : str
        What a tile looks like.
    doubts : list of str
        Where map and tiles differ.

    Raises
    ------
    SurveyError, ServiceError
        Raised if a tile is damaged or cannot be fetched.
    """
    folder = hips.tiles.folder
    present = None if folder is None else listed_tiles(folder, hips.order)
    if present is not None and not present:
        raise SurveyError(
            f"{folder} has no FITS tile of order {hips.order}, which properties calls the deepest.",
            advice="Copy Norder folders completely, or mend hips_order.",
        )
    if coverage is None:
        if not present:
            return "no tile was tried, as no coverage map says where there is one", []
        lowest = min(present)
        return _fact(hips, [lowest], (lowest, _tile(hips, lowest))), []
    promised = promised_tiles(hips, coverage, TRIES if folder is None else LOCAL_TRIES)
    if present is not None:
        missing = [number for number in promised if number not in present]
    else:
        missing = [number for number in promised if hips.tiles.get(hips.order, number) is None]
    first = next((number for number in promised if number not in missing), None)
    seen = None if first is None else (first, _tile(hips, first))
    extra = _extra(hips, coverage, promised, present)
    if promised and first is None and extra:
        raise SurveyError(
            f"The coverage map of {hips.address} and its tiles lie in different places "
            f"(map: tile {promised[0]}, there: tile {extra[0]}, order {hips.order}).",
            advice="Look at hips_frame in its properties, and at the frame of Moc.fits.",
            url=hips.address,
        )
    return _fact(hips, promised, seen), _doubts(hips.order, promised, missing, extra)


def _tile(hips: HiPS, number: int) -> Tile | None:
    return hips.tiles.get(hips.order, number)


def _fact(hips: HiPS, promised: list[int], seen: tuple[int, Tile | None] | None) -> str:
    if seen is None or seen[1] is None:
        return f"none of {len(promised)} covered tiles tried is there: a partial copy"
    finite = np.isfinite(as_image(seen[1], hips.width)).mean()
    return f"tile {seen[0]} of order {hips.order} read, {finite:.0%} of its pixels have a value"


def _doubts(order: int, promised: list[int], missing: list[int], extra: list[int]) -> list[str]:
    doubts = []
    if missing:
        doubts.append(
            f"Of {len(promised)} covered tiles of order {order} tried, {len(missing)} are missing "
            f"({_some(missing)}): a partial copy, or a coverage map that promises too much."
        )
    if extra:
        doubts.append(
            f"The coverage map leaves out {len(extra)} tiles of order {order} that are there "
            f"({_some(extra)})."
        )
    return doubts


def _some(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:SHOWN])) + (", ..." if len(numbers) > SHOWN else "")


def listed_tiles(folder: Path, order: int) -> set[int]:
    """Numbers of the FITS tiles of an order in a folder."""
    names = (path.name for path in (folder / f"Norder{order}").glob("Dir*/Npix*.fits"))
    return {int(found[1]) for name in names if (found := re.fullmatch(r"Npix(\d+)\.fits", name))}


def promised_tiles(hips: HiPS, coverage: Coverage, most: int) -> list[int]:
    """Some covered tiles of the deepest order, at most so many, spread evenly over the covered area."""
    sizes = coverage.ranges[:, 1] - coverage.ranges[:, 0]
    if not len(sizes):
        return []
    ends = np.cumsum(sizes)
    chosen = ((np.arange(most) + 0.5) / most * float(ends[-1])).astype(np.int64)
    which = np.searchsorted(ends, chosen, side="right")
    cells = coverage.ranges[which, 0] + chosen - (ends - sizes)[which]
    return [int(number) for number in np.unique(_tiles_at(hips, cells))]


def _tiles_at(hips: HiPS, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tiles that hold the middles of ICRS cells of order 29."""
    lon, lat = healpix_to_lonlat(cells.astype(np.uint64), DEEPEST)
    vectors = unit_vectors(lon.to_value(u.deg), lat.to_value(u.deg)) @ rotation_from_icrs(hips.frame).T
    return np.asarray(cells_of(vectors, hips.order))


def _extra(hips: HiPS, coverage: Coverage, promised: list[int], present: set[int] | None) -> list[int]:
    """Tiles that are there although the map does not touch them."""
    if present is not None:
        outside = _untouched(hips, coverage, np.array(sorted(present), dtype=np.int64))
        return [int(number) for number in outside]
    around = neighbours(np.array(promised, dtype=np.uint64), hips.order).astype(np.int64)
    beyond = _untouched(hips, coverage, np.setdiff1d(np.unique(around[around >= 0]), promised))
    return [int(number) for number in beyond[:TRIES] if hips.tiles.get(hips.order, int(number)) is not None]


def _untouched(hips: HiPS, coverage: Coverage, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tiles that the map does not touch, judged by 16 x 16 points of each."""
    if not len(numbers):
        return numbers
    parts = (numbers[:, None] << 8) + np.arange(256)
    lon, lat = healpix_to_lonlat(parts.ravel().astype(np.uint64), hips.order + 4)
    vectors = unit_vectors(lon.to_value(u.deg), lat.to_value(u.deg)) @ rotation_from_icrs(hips.frame)
    ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
    dec = np.degrees(np.arcsin(np.clip(vectors[:, 2], -1, 1)))
    touched = contains(coverage, ra, dec).reshape(parts.shape).any(axis=1)
    return numbers[~touched]
