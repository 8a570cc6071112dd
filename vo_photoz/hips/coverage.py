"""Where coverage maps come from: the ``Moc.fits`` of a HiPS, and what all bands of a survey cover."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import cdshealpix.nested
import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from mocpy import MOC
from numpy.typing import NDArray

from vo_photoz.errors import CoverageError
from vo_photoz.flow import Coverage
from vo_photoz.hips.source import read_file
from vo_photoz.hips.survey import Survey
from vo_photoz.hips.tree import HiPS
from vo_photoz.sky.frames import frame_name, rotation_from_icrs, unit_vectors
from vo_photoz.sky.moc import DEEPEST, contains, from_mocpy, intersection, to_mocpy
from vo_photoz.sky.pixels import cells_of

MOC_FILE = "Moc.fits"
FINEST_TURNED = 8
"""Cells coarser than this order (0.23 degrees) are split before they are turned into another frame."""
WHOLE_SKY = 12 * 4**DEEPEST


def survey_coverage(survey: Survey, *, unknown_is_whole: bool = False) -> Coverage:
    """What all bands of a survey cover.

    Parameters
    ----------
    survey : Survey
        The survey.
    unknown_is_whole : bool
        Take a band without a coverage map for one of the whole sky: missing tiles are found when cutting.

    Raises
    ------
    CoverageError
        Raised if a coverage map is missing or damaged.
    """
    bands = [survey.hips[band] for band in survey.bands]
    return intersection([hips_coverage(hips, unknown_is_whole=unknown_is_whole) for hips in bands])


def hips_coverage(hips: HiPS, *, unknown_is_whole: bool = False) -> Coverage:
    """Coverage of a HiPS from its ``Moc.fits``: the sky where there are tiles.

    Parameters
    ----------
    hips : HiPS
        The HiPS.
    unknown_is_whole : bool
        Take a HiPS without a coverage map for a map of the whole sky.

    Raises
    ------
    CoverageError
        Raised if there is no such file or it is not a spatial MOC.
    """
    where = f"{hips.address.rstrip('/')}/{MOC_FILE}"
    data = read_file(hips.address, MOC_FILE, offline=hips.offline, max_bytes=500_000_000)
    if data is None and unknown_is_whole:
        whole = np.array([[0, WHOLE_SKY]], dtype=np.int64)
        return Coverage(whole, 0, f"{hips.address} (no coverage map: taken for the whole sky)")
    if data is None:
        raise CoverageError(f"{hips.address} has no coverage map ({MOC_FILE}).", url=where)
    return read_moc(data, where)


def read_moc(data: bytes, where: str) -> Coverage:
    """Coverage from the bytes of a spatial MOC in FITS, of any frame.

    A map in another frame than ICRS is turned so that nothing covered is lost: the result is larger than the
    map, by about a quarter of its finest cell (of a cell of order 8 where it is coarser) along its rim.

    Raises
    ------
    CoverageError
        Raised if the bytes are not a spatial MOC.
    """
    header, table = _moc_table(data, where)
    ranges = _ranges(header, table, where)
    order = int(header.get("MOCORD_S", header.get("MOCORDER", _finest(ranges))))
    if not 0 <= order <= DEEPEST:
        raise CoverageError(f"The coverage map {where} has the impossible order {order}.", url=where)
    frame = frame_name(str(header.get("COORDSYS", "C")))
    if frame != "equatorial":
        ranges, order = _turned(ranges, order, frame), _level(order)
    moc = MOC.from_depth29_ranges(order, ranges.astype(np.uint64))
    return from_mocpy(moc, where)


def _moc_table(data: bytes, where: str) -> tuple[Any, NDArray[Any]]:
    """Header and column of a coverage map."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(io.BytesIO(data), memmap=False) as parts:
                part = next(part for part in parts if isinstance(part, fits.BinTableHDU))
                _need_space_alone(part.header, where)
                part.header.setdefault("TTYPE1", "UNIQ")  # some files leave the column without a name
                return part.header.copy(), np.asarray(part.data.field(0))
    except (OSError, ValueError, TypeError, IndexError, StopIteration) as error:
        raise CoverageError(f"{where} is not a coverage map in FITS ({error}).", url=where) from None


def _need_space_alone(header: Any, where: str) -> None:
    kind = str(header.get("MOCDIM", header.get("MOC", "SPACE"))).strip().upper()
    coding = str(header.get("ORDERING", "NUNIQ")).strip().upper()
    if kind != "SPACE" or coding not in ("NUNIQ", "UNIQ", "RANGE", "RANGE29"):
        raise CoverageError(
            f"{where} is not a coverage map of space alone (it is {kind}, coded as {coding}).", url=where
        )


def _ranges(header: Any, column: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Ranges of cells of order 29, in the frame of the file."""
    coding = str(header.get("ORDERING", "NUNIQ")).strip().upper()
    values = column.astype(np.int64)
    if coding.startswith("RANGE"):
        return values.reshape(-1, 2)
    if len(values) and values.min() < 4:
        raise CoverageError(f"{where} has cell numbers that no cell has.", url=where)
    order = _orders(values)
    shift = 2 * (DEEPEST - order)
    first = (values - (np.int64(4) << (2 * order))) << shift
    return np.stack([first, first + (np.int64(1) << shift)], axis=1)


def _finest(ranges: NDArray[np.int64]) -> int:
    """Order of the finest cells that ranges need, for files that do not say it."""
    bits = int(np.bitwise_or.reduce(ranges, axis=None)) if len(ranges) else 0
    spare = (bits & -bits).bit_length() - 1 if bits else 2 * DEEPEST
    return DEEPEST - min(spare // 2, DEEPEST)


def _turned(ranges: NDArray[np.int64], order: int, frame: str) -> NDArray[np.int64]:
    """Ranges in ICRS that hold all that is covered in another frame."""
    if (ranges[:, 1] - ranges[:, 0]).sum() >= WHOLE_SKY:
        return np.array([[0, WHOLE_SKY]], dtype=np.int64)
    found: list[NDArray[np.int64]] = []
    for level, cells in _split(MOC.from_depth29_ranges(order, ranges.astype(np.uint64))):
        lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.astype(np.uint64), level)
        vectors = unit_vectors(lon.deg, lat.deg) @ rotation_from_icrs(frame)
        # The cells around the one that holds the middle of a turned cell hold all of it.
        here = np.unique(cells_of(vectors, level)).astype(np.uint64)
        around = cdshealpix.nested.neighbours(here, level).astype(np.int64)
        grown = np.unique(around[around >= 0])
        shift = 2 * (DEEPEST - level)
        found.append(np.stack([grown << shift, (grown + 1) << shift], axis=1))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def _level(order: int) -> int:
    """Order of the cells in which cells of an order are turned."""
    return min(max(order, FINEST_TURNED) + 2, DEEPEST)


def _split(moc: Any) -> list[tuple[int, NDArray[np.int64]]]:
    """Cells of a map, split into finer ones: (order, cells)."""
    uniq = np.asarray(moc.uniq_hpx, dtype=np.int64)
    parts: list[tuple[int, NDArray[np.int64]]] = []
    for order in np.unique(_orders(uniq)):
        cells = uniq[_orders(uniq) == order] - (np.int64(4) << (2 * order))
        level = _level(int(order))
        shift = 2 * (level - int(order))
        parts.append((level, ((cells << shift)[:, None] + np.arange(1 << shift)).ravel()))
    return parts


def _orders(uniq: NDArray[np.int64]) -> NDArray[np.int64]:
    """Orders of cells numbered as in MOC 1: uniq = 4 * 4**order + cell."""
    return (np.frexp(uniq.astype(np.float64))[1].astype(np.int64) - 3) // 2


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


def write_moc(coverage: Coverage, path: str | Path) -> None:
    """Write a coverage map as FITS that readers of MOC 1 and MOC 2 take; it appears only when complete.

    Raises
    ------
    CoverageError
        Raised if the file cannot be written.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        to_mocpy(coverage).save(str(part), format="fits", overwrite=True, v1_compatible=True)
        os.replace(part, target)
    except OSError as error:
        raise CoverageError(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)
