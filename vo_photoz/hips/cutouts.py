"""Cut stamps of many sources out of a survey: same pixels for all bands, tiles read once, memory bounded."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import PhotozError
from vo_photoz.flow import (
    BoolArray,
    FlagArray,
    Float32Array,
    FloatArray,
    Positions,
    Progress,
    Stamps,
    no_progress,
)
from vo_photoz.hips.access.ranges import Needs
from vo_photoz.hips.arguments import arcsec_of, check, degrees_of, sides_of
from vo_photoz.hips.decode import Tile
from vo_photoz.hips.grid import Cutout, Grid
from vo_photoz.hips.kernels.gathering import TOGETHER, gather
from vo_photoz.hips.kernels.planning import Frame, plan_images, used_tiles
from vo_photoz.hips.stamps.flags import flags_of
from vo_photoz.hips.tree import HiPS
from vo_photoz.sky.frames import rotation_from_icrs, unit_vectors
from vo_photoz.sky.pixels import cells_of

if TYPE_CHECKING:
    from astropy.wcs import WCS

    from vo_photoz.hips.survey import Survey

log = logging.getLogger(__name__)
MAX_BATCH_BYTES = 1 << 24
"""Largest batch of stamps; four of them are in memory at a time: used, given and two coming."""
AHEAD = 2
TILES_TOLD = 3
"""Of each HiPS, tiles that could not be had and are named in warnings."""
PIXELS_AT_A_TIME = 1 << 17
"""Output pixels that a thread works on together: a plan takes 16 bytes each and should stay in the cache."""


def cut_stamps(
    survey: Survey,
    positions: Positions,
    *,
    size: int | tuple[int, int],
    pixel_arcsec: float,
    interpolation: str = "bilinear",
    flux: str = "native",
    batch: int = 1024,
    threads: int = 0,
    progress: Progress = no_progress,
) -> Iterator[tuple[NDArray[np.intp], Stamps]]:
    """Stamps of all valid positions, a batch at a time, in the order of the sky.

    TAN projection, north up, east left; the position lies at ((size - 1) / 2, (size - 1) / 2), from 0.

    Parameters
    ----------
    survey : Survey
        Bands and where their tiles are.
    positions : Positions
        Rows that are not valid are left out.
    size : int or (int, int)
        Pixels: the side of a stamp, or columns and rows.
    pixel_arcsec : float
        Side of a pixel. Of the orders of the HiPS, the one just finer is used.
    interpolation : str
        "bilinear" or "nearest", in the HEALPix grid.
    flux : str
        "native": values as in the tiles, per source pixel. "per_arcsec2": divided by a source pixel's area.
        "per_pixel": what falls into a pixel of the stamp. "nJy/arcsec2": surface brightness.
    batch : int
        Most stamps given at a time; fewer when they are large.
    threads : int
        Threads; 0 takes all cores.
    progress : Progress
        Told how many stamps are done.

    Yields
    ------
    rows : int array, shape (m,)
        Which positions these are.
    stamps : Stamps
        Flags are BAND_MISSING (a band without value in the middle of the stamp), PIXELS_MASKED (some NaN) and
        PIXELS_UNAVAILABLE (a tile could not be fetched, is damaged, or is missing though the coverage map of
        its HiPS promises it).

    Raises
    ------
    UsageError
        Raised if an argument cannot be meant.
    SurveyError
        Raised if the survey cannot be opened, has no FITS tiles, or its fluxes are not known as asked.
    """
    columns, lines = sides_of(size)
    check(pixel_arcsec, interpolation, flux)
    bands = tuple(survey.bands)
    trees = [survey.hips[band] for band in bands]
    cutter = _Cutter(trees, Frame(columns, lines, pixel_arcsec), interpolation == "bilinear")
    scales, unit = flux_scales(survey, flux, pixel_arcsec)
    rows = np.flatnonzero(positions.valid)
    rows = rows[np.argsort(_sky_order(positions.take(rows), cutter.grids[0]), kind="stable")]
    batch = max(1, min(batch, MAX_BATCH_BYTES // (4 * columns * lines * len(bands))))
    parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    workers = threads or os.cpu_count() or 1
    done = 0
    with ThreadPoolExecutor(workers, "stamps") as pool, ThreadPoolExecutor(AHEAD, "batches") as ahead:
        # The next batches are cut while the caller works on this one; two, so that no thread waits for the
        # end of a batch.
        coming = deque(ahead.submit(cutter.cut_all, positions.take(part), pool) for part in parts[:AHEAD])
        for part, later in zip_longest(parts, parts[AHEAD:]):
            pixels, flags = coming.popleft().result()
            if later is not None:
                coming.append(ahead.submit(cutter.cut_all, positions.take(later), pool))
            if (scales != 1).any():
                pixels *= scales[:, None, None]
            done += len(part)
            progress("stamps", done, len(rows))
            yield part, Stamps(pixels, flags, bands, pixel_arcsec, unit)


def cut_image(hips: HiPS, coordinate: Any, size: Any, resolution: Any, interpolation: str) -> Cutout:
    """One image of one HiPS: see `HiPS.extract`."""
    ra, dec = degrees_of(coordinate)
    (columns, rows), scale = sides_of(size), arcsec_of(resolution)
    check(scale, interpolation, "native")
    image, failed = np.zeros((1, 1, rows * columns), np.float32), np.zeros(1, bool)
    step = max(1, PIXELS_AT_A_TIME // columns)
    for first in range(0, rows, step):
        some = min(step, rows - first)
        cutter = _Cutter([hips], Frame(columns, rows, scale, first, some), interpolation == "bilinear")
        here = image[:, :, first * columns : (first + some) * columns]
        cutter.cut(np.array([ra]), np.array([dec]), here, failed)
    wcs = tan_wcs(ra, dec, (columns, rows), scale)
    return Cutout(image.reshape(rows, columns), wcs, scale, cutter.grids[0].order, not failed[0])


def tan_wcs(ra: float, dec: float, size: tuple[int, int], pixel_arcsec: float) -> WCS:
    """WCS of a stamp: TAN, north up, east left, centred on the position."""
    from astropy.wcs import WCS  # noqa: PLC0415 - not needed for stamps

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = ra, dec
    wcs.wcs.crpix = (size[0] + 1) / 2, (size[1] + 1) / 2
    wcs.wcs.cdelt = -pixel_arcsec / 3600, pixel_arcsec / 3600
    wcs.wcs.cunit = "deg", "deg"
    wcs.wcs.lonpole = 180  # said, since the default turns an image at the north pole upside down
    wcs.wcs.radesys = "ICRS"
    return wcs


def flux_scales(survey: Survey, flux: str, pixel_arcsec: float) -> tuple[Float32Array, str]:
    """Factors per band for values as asked, and their unit."""
    if flux == "native":
        return np.ones(len(survey.bands), np.float32), survey.pixel_unit
    if flux == "nJy/arcsec2":
        return np.array([survey.surface_brightness(band) for band in survey.bands], np.float32), flux
    area = np.array([survey.source_pixel_arcsec(band) for band in survey.bands]) ** 2
    if flux == "per_arcsec2":
        return (1 / area).astype(np.float32), f"{survey.pixel_unit}/arcsec2"
    return (pixel_arcsec**2 / area).astype(np.float32), survey.pixel_unit


class _Cutter:
    """Cuts images of one shape out of several HiPS."""

    def __init__(self, trees: list[HiPS], image: Frame, smooth: bool) -> None:
        self.trees = trees
        self.image = image
        self.smooth = smooth
        self.grids = [tree.grid_for(image.pixel_arcsec) for tree in trees]
        self.shape = (image.some_rows or image.rows, image.columns)

    def cut_all(self, places: Positions, pool: ThreadPoolExecutor) -> tuple[Float32Array, FlagArray]:
        """Images (n, band, y, x) and their flags (n,)."""
        ra, dec = places.ra, places.dec
        pixels = np.zeros((len(ra), len(self.trees), *self.shape), np.float32)
        flags = np.zeros(len(ra), np.int16)
        images = max(1, PIXELS_AT_A_TIME // (self.shape[0] * self.shape[1]))
        parts = [slice(start, start + images) for start in range(0, len(ra), images)]

        def work(some: slice) -> None:
            here = pixels[some]
            failed = np.zeros(len(here), bool)
            self.cut(ra[some], dec[some], here.reshape(*here.shape[:2], -1), failed)
            flags[some] = flags_of(here, failed)

        deque(pool.map(work, parts), maxlen=0)  # the first error stops the run
        return pixels, flags

    def cut(self, ra: FloatArray, dec: FloatArray, pixels: Float32Array, failed: BoolArray) -> None:
        """Add the images of a few positions to zeroed pixels (n, band, p), and tell where a tile failed."""
        for grid in dict.fromkeys(self.grids):
            plan = plan_images(
                ra,
                dec,
                self.image,
                frame=grid.frame,
                order=grid.order,
                width=grid.width,
                smooth=self.smooth,
            )
            used = used_tiles(plan)
            needs = Needs(plan, used)
            bands = [band for band in range(len(self.trees)) if self.grids[band] == grid]
            for band in bands:
                store = self.trees[band].tiles
                store.prefetch(grid.order, used.numbers[: store.ahead], needs)
            for band in bands:
                _fill(pixels[:, band], failed, self.trees[band], grid.order, needs)


def _fill(out: Float32Array, failed: BoolArray, hips: HiPS, order: int, needs: Needs) -> None:
    """Bring the pixels of one band into the images; where a tile is missing they are NaN."""
    used, store = needs.used, hips.tiles
    for first in range(0, len(used), TOGETHER):
        here = range(first, min(first + TOGETHER, len(used)))
        store.prefetch(order, used.numbers[first + store.ahead : here.stop + store.ahead], needs)
        found = [_tile(hips, order, used.numbers[index], needs) for index in here]
        for index, (_, lost) in zip(here, found, strict=True):
            if lost:
                failed[used.images(index)] = True
        gather([tile for tile, _ in found], first, used, needs.plan, out)


def _tile(hips: HiPS, order: int, number: int, needs: Needs) -> tuple[Tile | None, bool]:
    """A tile, and whether it could not be had although it should be there."""
    try:
        tile = hips.tiles.get(order, number, needs)
    except PhotozError as error:
        _warn(hips, str(error))
        return None, True
    lost = tile is None and hips.promises(order, number)
    if lost:
        _warn(hips, f"Tile {number} of order {order} of {hips.address} is missing inside its coverage.")
    return tile, lost


def _warn(hips: HiPS, what: str) -> None:
    """Tell of the first few tiles that could not be had; flags tell which rows all of them cost."""
    hips.lost_tiles += 1
    if hips.lost_tiles <= TILES_TOLD:
        log.warning("%s", what)
    elif hips.lost_tiles == TILES_TOLD + 1:
        log.warning("More tiles of %s could not be had; they are not listed.", hips.address)


def _sky_order(positions: Positions, grid: Grid) -> NDArray[np.int64]:
    """Sort key that brings positions of one tile together."""
    turn, order = rotation_from_icrs(grid.frame).T, min(grid.pixel_order, 29)
    cells = np.empty(len(positions), np.int64)
    for start in range(0, len(cells), PIXELS_AT_A_TIME):  # vectors of a million positions take 100 MB
        some = slice(start, start + PIXELS_AT_A_TIME)
        cells[some] = cells_of(unit_vectors(positions.ra[some], positions.dec[some]) @ turn, order)
    return cells
