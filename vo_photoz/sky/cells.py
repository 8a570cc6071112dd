"""A coverage map as cells that a server can be asked about, few enough and in handy groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cdshealpix.nested
import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import Coverage, FloatArray
from vo_photoz.sky.moc import DEEPEST, from_mocpy, to_mocpy

FINEST_SPLIT = 14
"""Cells are not divided below this order (13 arcsec)."""


@dataclass(frozen=True)
class Cells:
    """HEALPix cells of any orders, nested, ICRS.

    Parameters
    ----------
    order, number : int64 array, shape (n,)
        The cells.
    """

    order: NDArray[np.int64]
    number: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    def text(self) -> str:
        """ASCII of MOC 2.0: ``6/1 2 8/12345``."""
        parts = []
        for order in np.unique(self.order):
            numbers = " ".join(str(number) for number in self.number[self.order == order].tolist())
            parts.append(f"{order}/{numbers}")
        return " ".join(parts)

    def circles(self) -> list[tuple[float, float, float]]:
        """Right ascension, declination and radius (degrees) of a circle around each cell."""
        found = []
        for order in np.unique(self.order):
            numbers = self.number[self.order == order].astype(np.uint64)
            lon, lat = cdshealpix.nested.healpix_to_lonlat(numbers, int(order))
            corner_lon, corner_lat = cdshealpix.nested.vertices(numbers, int(order))
            reach = _separation(lon.deg[:, None], lat.deg[:, None], corner_lon.deg, corner_lat.deg).max(
                axis=1
            )
            # Edges of cells bend outwards a little.
            radii = np.minimum(reach * 1.02 + 1e-6, 180.0)
            found += list(zip(lon.deg.tolist(), lat.deg.tolist(), radii.tolist(), strict=True))
        return found

    def ranges(self) -> NDArray[np.int64]:
        """Half open ranges of cells of order 29, sorted."""
        shift = 2 * (DEEPEST - self.order)
        ranges = np.stack([self.number << shift, (self.number + 1) << shift], axis=1)
        return ranges[np.argsort(ranges[:, 0])]

    def coverage(self) -> Coverage:
        """The same as a coverage map."""
        return Coverage(self.ranges(), int(self.order.max(initial=0)))

    def halves(self) -> tuple[Cells, Cells] | None:
        """Two parts of the cells; a single cell is divided, down to some seconds of arc."""
        if len(self) == 1:
            if self.order[0] >= FINEST_SPLIT:
                return None
            four = Cells(np.repeat(self.order + 1, 4), 4 * self.number[0] + np.arange(4))
            return four.take(slice(0, 2)), four.take(slice(2, 4))
        middle = len(self) // 2
        return self.take(slice(0, middle)), self.take(slice(middle, len(self)))

    def take(self, which: slice) -> Cells:
        """Some of the cells."""
        return Cells(self.order[which], self.number[which])

    def groups(self, size: int) -> Iterator[Cells]:
        """Neighbours together, so many at a time."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))


def cells_of_coverage(coverage: Coverage, most: int) -> Cells:
    """Cells that hold all of a coverage map: its own, or coarser ones where there are too many.

    Parameters
    ----------
    coverage : Coverage
        The map.
    most : int
        Most cells; at order 0 there may be up to 12 all the same.
    """
    if not len(coverage.ranges):
        return Cells(np.zeros(0, np.int64), np.zeros(0, np.int64))
    for order in range(coverage.max_order, -1, -1):
        cells = _cells(coverage if order == coverage.max_order else _coarser(coverage, order))
        if len(cells) <= most:
            break
    return cells


def _coarser(coverage: Coverage, order: int) -> Coverage:
    """All cells of an order that touch a coverage map."""
    return from_mocpy(to_mocpy(coverage).degrade_to_order(order))


def _cells(coverage: Coverage) -> Cells:
    uniq = np.asarray(to_mocpy(coverage).uniq_hpx, dtype=np.int64)
    order = (np.frexp(uniq.astype(np.float64))[1].astype(np.int64) - 3) // 2
    number = uniq - (np.int64(4) << (2 * order))
    place = np.argsort(number << (2 * (DEEPEST - order)))
    return Cells(order[place], number[place])


def _separation(lon1: FloatArray, lat1: FloatArray, lon2: FloatArray, lat2: FloatArray) -> FloatArray:
    """Degrees."""
    d1, d2, dlon = np.radians(lat1), np.radians(lat2), np.radians(lon2 - lon1)
    haversine = np.sin((d2 - d1) / 2) ** 2 + np.cos(d1) * np.cos(d2) * np.sin(dlon / 2) ** 2
    separation: FloatArray = np.degrees(2 * np.arcsin(np.sqrt(np.clip(haversine, 0, 1))))
    return separation
