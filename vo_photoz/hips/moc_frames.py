"""Coverage maps in other frames than ICRS: HiPS are galactic or ecliptic too, and so are their maps."""

from __future__ import annotations

from typing import Any

import cdshealpix.nested
import numpy as np
from mocpy import MOC
from numpy.typing import NDArray

from vo_photoz.sky.frames import rotation_from_icrs, unit_vectors
from vo_photoz.sky.moc import DEEPEST
from vo_photoz.sky.pixels import cells_of

FINEST_TURNED = 8
"""Cells coarser than this order (0.23 degrees) are split before they are turned into another frame."""
WHOLE_SKY = 12 * 4**DEEPEST


def turned(ranges: NDArray[np.int64], order: int, frame: str) -> NDArray[np.int64]:
    """Ranges in ICRS that hold all that is covered in another frame.

    Parameters
    ----------
    ranges : int64 array, shape (n, 2)
        Half open ranges of cells of order 29 in the other frame.
    order : int
        Order of the map.
    frame : str
        equatorial, galactic or ecliptic.

    Returns
    -------
    int64 array, shape (m, 2)
        Not sorted, and some overlap. They hold more than the map, by about a quarter of its finest cell (of a
        cell of order 8 where it is coarser) along its rim.
    """
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


def turned_order(order: int) -> int:
    """Order of the cells in which cells of an order are turned."""
    return min(max(order, FINEST_TURNED) + 2, DEEPEST)


def orders_of(uniq: NDArray[np.int64]) -> NDArray[np.int64]:
    """Orders of cells numbered as in MOC 1: uniq = 4 * 4**order + cell."""
    return (np.frexp(uniq.astype(np.float64))[1].astype(np.int64) - 3) // 2


def _split(moc: Any) -> list[tuple[int, NDArray[np.int64]]]:
    """Cells of a map, split into finer ones: (order, cells)."""
    uniq = np.asarray(moc.uniq_hpx, dtype=np.int64)
    parts: list[tuple[int, NDArray[np.int64]]] = []
    for order in np.unique(orders_of(uniq)):
        cells = uniq[orders_of(uniq) == order] - (np.int64(4) << (2 * order))
        level = turned_order(int(order))
        shift = 2 * (level - int(order))
        parts.append((level, ((cells << shift)[:, None] + np.arange(1 << shift)).ravel()))
    return parts
