"""A coverage map made from positions, where an archive tells no map of what it observed."""

from __future__ import annotations

import cdshealpix.nested
import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from mocpy import MOC
from numpy.typing import NDArray

from vo_photoz.errors import CoverageError, UsageError
from vo_photoz.flow import Coverage, Positions
from vo_photoz.sky.moc import DEEPEST, from_mocpy

FINEST, COARSEST = 12, 5
"""Cells of 52 arcsec and of 1.8 degrees: orders between which one is chosen."""
SOURCES_A_CELL = 10
"""Sources in a mean cell. Of cells that expect 10, one in 22,000 is empty by chance (Poisson), and would
leave a hole in the map."""


def footprint(positions: Positions, *, order: int | None = None) -> Coverage:
    """The cells that hold at least one of the positions.

    Parameters
    ----------
    positions : Positions
        ICRS; rows without a position count for nothing.
    order : int or None
        Order of the cells. None takes the finest, from 12 to 5, whose cells hold 10 positions in the mean, so
        that the map has no holes by chance.

    Returns
    -------
    Coverage
        Its ``origin`` tells the order and how many positions a cell has.

    Raises
    ------
    CoverageError
        Raised if there is no position.
    UsageError
        Raised if there is no such order.
    """
    if order is not None and not 0 <= order <= DEEPEST:
        raise UsageError(f"There is no order {order}.", advice=f"Give an order from 0 to {DEEPEST}.")
    usable = positions.valid & np.isfinite(positions.ra) & np.isfinite(positions.dec)
    if not usable.any():
        raise CoverageError("A coverage map cannot be made: no row has a position.")
    lon, lat = Longitude(positions.ra[usable], u.deg), Latitude(positions.dec[usable], u.deg)
    finest = FINEST if order is None else order
    cells, counts = np.unique(
        cdshealpix.nested.lonlat_to_healpix(lon, lat, finest).astype(np.int64), return_counts=True
    )
    if order is None:
        finest, cells, counts = _settled(cells, counts)
    shift = 2 * (DEEPEST - finest)
    moc = MOC.from_depth29_ranges(
        finest, np.stack([cells << shift, (cells + 1) << shift], 1).astype(np.uint64)
    )
    told = f"made from {int(usable.sum())} positions, {counts.mean():.1f} a cell of order {finest}"
    return from_mocpy(moc, told)


def _settled(
    cells: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """The finest order with enough sources in a mean cell, its cells and their counts."""
    order = FINEST
    while order > COARSEST and counts.mean() < SOURCES_A_CELL:
        order -= 1
        cells, first = np.unique(cells >> 2, return_index=True)
        counts = np.add.reduceat(counts, first)
    return order, cells, counts
