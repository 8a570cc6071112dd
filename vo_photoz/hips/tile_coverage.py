"""Coverage maps made from the tiles of a HiPS: which are there, and which of their pixels have a value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from mocpy import MOC
from numpy.typing import NDArray

from vo_photoz.errors import CoverageError, UsageError
from vo_photoz.flow import Coverage, Positions, Progress, no_progress
from vo_photoz.hips.access.tiles import tile_path
from vo_photoz.hips.access.web_tiles import MAX_TILE_BYTES
from vo_photoz.hips.decode import as_image
from vo_photoz.hips.moc_frames import turned, turned_order
from vo_photoz.hips.tree import HiPS
from vo_photoz.settings import defaults
from vo_photoz.sky.frames import rotation_from_icrs, unit_vectors
from vo_photoz.sky.moc import DEEPEST, from_mocpy
from vo_photoz.sky.pixels import cells_of, interleave

EXTENSIONS = {"jpeg": "jpg"}
FINER = 4
"""A map of pixels is so many orders finer than the tiles, unless another order is asked for."""
MOST_REQUESTS = 20_000
"""Tiles that a server is asked for at most; then the order reached so far is the order of the map."""
FIRST_BYTES = np.array([[0, 80]], dtype=np.int64)

Cells = NDArray[np.int64]


def tile_coverage(
    hips: HiPS,
    *,
    pixels: bool = False,
    order: int | None = None,
    near: Positions | None = None,
    progress: Progress = no_progress,
) -> Coverage:
    """Coverage made from the tiles of a HiPS.

    In a folder the deepest tiles are listed. A server lists nothing: it is asked for the tiles of the lowest
    order, then for the four tiles below each that is there, down to the order wanted, or as far as
    `MOST_REQUESTS` go.

    Parameters
    ----------
    hips : HiPS
        The HiPS; with FITS tiles when the pixels are looked at.
    pixels : bool
        Look at the pixels: a cell is covered when any pixel in it has a value. This reads every tile.
    order : int or None
        Order of the map. None: that of the deepest tiles, or 4 more with ``pixels``.
    near : Positions or None
        Look only for tiles that hold one of these, of the deepest order at once.
    progress : Progress
        Told how many tiles are done.

    Raises
    ------
    CoverageError
        Raised if there is no tile.
    UsageError
        Raised if the order cannot be had.
    SurveyError, ServiceError
        Raised if a tile cannot be read, or the server fails.
    """
    wanted = _wanted_order(hips, pixels, order)
    depth, numbers = _tiles(hips, hips.order if pixels else min(wanted, hips.order), near, progress)
    if not len(numbers):
        raise CoverageError(
            f"{hips.address} has neither a coverage map nor tiles of order {depth}.",
            advice="Check the address, or copy the Norder folders completely.",
            url=hips.address,
        )
    how = f"its {len(numbers)} tiles of order {depth}" + (", where sources are" if near is not None else "")
    if pixels and depth < hips.order:
        raise UsageError(
            f"{hips.address} has more tiles than the {MOST_REQUESTS} that are looked for on a server.",
            advice="Copy the HiPS into a folder, or make the map without --pixels.",
        )
    if pixels:
        numbers = _with_values(hips, numbers, wanted, progress)
        depth, how = wanted, f"the pixels of {how}, cells of order {wanted}"
    shift = 2 * (DEEPEST - depth)
    ranges = np.stack([numbers << shift, (numbers + 1) << shift], axis=1)
    if hips.frame != "equatorial":
        ranges, depth = turned(ranges, depth, hips.frame), turned_order(depth)
    moc = MOC.from_depth29_ranges(depth, ranges.astype(np.uint64))
    return from_mocpy(moc, f"{hips.address} (made from {how})")


def _wanted_order(hips: HiPS, pixels: bool, order: int | None) -> int:
    finest = hips.order + (hips.width.bit_length() - 1 if pixels else 0)
    wanted = order if order is not None else hips.order + (min(FINER, finest - hips.order) if pixels else 0)
    if not (hips.order if pixels else 0) <= wanted <= finest:
        what = "The pixels" if pixels else "The tiles"
        raise UsageError(
            f"{what} of {hips.address} give no coverage map of order {wanted}.",
            advice=f"Give an order from {hips.order if pixels else 0} to {finest}.",
        )
    return wanted


def _tiles(hips: HiPS, order: int, near: Positions | None, progress: Progress) -> tuple[int, Cells]:
    """Tiles of an order; of a server that has too many, those of the deepest order that can be asked for."""
    extension = _extension(hips)
    folder = hips.tiles.folder
    if folder is None:
        if near is None:
            return _asked(hips, order, extension, progress)
        held = _holding(hips, order, near)
        while len(held) > MOST_REQUESTS and order > hips.min_order:
            order, held = order - 1, np.unique(held >> 2)
        _need_few(hips, held)
        return order, _present(hips, order, held, extension, progress)
    # Lower orders may be absent from a folder, and each says the same as the deepest.
    deepest = np.array(sorted(listed(folder, hips.order, extension)), dtype=np.int64)
    numbers = np.unique(deepest >> 2 * (hips.order - order))
    return order, numbers if near is None else np.intersect1d(numbers, _holding(hips, order, near))


def _holding(hips: HiPS, order: int, near: Positions) -> Cells:
    """Tiles of an order that hold a position."""
    good = near.valid & np.isfinite(near.ra) & np.isfinite(near.dec)
    vectors = unit_vectors(near.ra[good], near.dec[good]) @ rotation_from_icrs(hips.frame).T
    return np.unique(cells_of(vectors, order)).astype(np.int64)


def _extension(hips: HiPS) -> str:
    form = "fits" if "fits" in hips.formats else hips.formats[0]
    return EXTENSIONS.get(form, form)


def listed(folder: Path, order: int, extension: str = "fits") -> Iterator[int]:
    """Numbers of the tiles of an order in a folder.

    Parameters
    ----------
    folder : Path
        Root of the HiPS.
    order : int
        Order of the tiles.
    extension : str
        Of their files.
    """
    name = re.compile(rf"Npix(\d+)\.{extension}")
    root = folder / f"Norder{order}"
    for part in sorted(root.glob("Dir*")):
        with os.scandir(part) as files:
            yield from (int(found[1]) for file in files if (found := name.fullmatch(file.name)))


def _asked(hips: HiPS, order: int, extension: str, progress: Progress) -> tuple[int, Cells]:
    """Tiles of a server, level by level."""
    level = min(hips.min_order, order)
    numbers = np.arange(12 << 2 * hips.min_order, dtype=np.int64)
    _need_few(hips, numbers)
    asked, level = len(numbers), hips.min_order
    numbers = _present(hips, level, numbers, extension, progress)
    while level < order and asked + 4 * len(numbers) <= MOST_REQUESTS:
        below = (4 * numbers[:, None] + np.arange(4)).ravel()
        asked, level = asked + len(below), level + 1
        numbers = _present(hips, level, below, extension, progress)
    return min(level, order), np.unique(numbers >> 2 * max(level - order, 0))


def _need_few(hips: HiPS, numbers: Cells) -> None:
    if len(numbers) > MOST_REQUESTS:
        raise CoverageError(
            f"{hips.address} has no coverage map, and its lowest order, {hips.min_order}, has too many tiles "
            "to ask for each.",
            advice="Look near the sources of a table (--near), or make the map from a table of the survey.",
            url=hips.address,
        )


def _present(hips: HiPS, order: int, numbers: Cells, extension: str, progress: Progress) -> Cells:
    """Those of the tiles that a server has; only their first bytes are asked for."""
    source = hips.tiles.source

    def is_there(number: int) -> bool:
        path = tile_path(order, number, extension)
        found = source.take(
            path, lambda _: True, max_bytes=MAX_TILE_BYTES, wanted=FIRST_BYTES, expected=MAX_TILE_BYTES
        )
        return found is not None

    step, there = f"tiles of order {order}", np.zeros(len(numbers), dtype=bool)
    with ThreadPoolExecutor(defaults().http_connections) as pool:
        for done, answer in enumerate(pool.map(is_there, numbers.tolist())):
            there[done] = answer
            progress(step, done + 1, len(numbers))
    return numbers[there]


def _with_values(hips: HiPS, numbers: Sequence[int] | Cells, order: int, progress: Progress) -> Cells:
    """Cells of an order in which any pixel of the tiles has a value."""
    hips.need_fits()
    found: list[Cells] = []
    for done, number in enumerate(int(one) for one in numbers):
        tile = hips.tiles.get(hips.order, number)
        if tile is not None:
            finite = np.isfinite(as_image(tile, hips.width))
            found.append((number << 2 * (order - hips.order)) + cells_with_values(finite, order - hips.order))
        progress("pixels of tiles", done + 1, len(numbers))
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def cells_with_values(finite: NDArray[np.bool_], finer: int) -> Cells:
    """Nested cells inside a tile in which any pixel is True.

    Parameters
    ----------
    finite : bool array, shape (width, width)
        Pixels as the rows of the FITS tile lie: x, the bit that counts once, grows against the rows, and y
        with the columns (HiPS 1.0, section 4.1).
    finer : int
        How many orders the cells lie below the tile.
    """
    side = 1 << finer
    block = len(finite) // side
    blocks = finite[::-1].reshape(side, block, side, block).any(axis=(1, 3))
    x, y = np.nonzero(blocks)
    codes = [interleave(int(one), int(other)) for one, other in zip(x, y, strict=True)]
    return np.sort(np.array(codes, dtype=np.int64))
