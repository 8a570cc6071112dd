"""Positions in the order of the sky, so that neighbours travel together, and pairs of chunks as one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cdshealpix.nested
import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from numpy.typing import NDArray

from vo_photoz.flow import BoolArray, Positions
from vo_photoz.sky.pairs import IntArray, Pairs

SORT_ORDER = 12
"""HEALPix order by which positions are sorted: neighbours on the sky lie together on an archive's disk."""


def usable(positions: Positions) -> BoolArray:
    """Which rows have a position on the sphere."""
    with np.errstate(invalid="ignore"):
        good: BoolArray = positions.valid & np.isfinite(positions.ra) & (np.abs(positions.dec) <= 90)
    return good


def sorted_rows(positions: Positions) -> IntArray:
    """Rows with a position, by their place on the sky."""
    rows = np.flatnonzero(usable(positions)).astype(np.int64)
    if not len(rows):
        return rows
    lon, lat = Longitude(positions.ra[rows] % 360, u.deg), Latitude(positions.dec[rows], u.deg)
    cells = cdshealpix.nested.lonlat_to_healpix(lon, lat, depth=SORT_ORDER)
    return rows[np.argsort(cells, kind="stable")]


def joined_pairs(parts: Sequence[Pairs]) -> Pairs:
    """One list of pairs from those of several chunks, which have the same columns."""
    if not parts:
        return Pairs(np.zeros(0, np.int64), np.zeros(0), [])
    columns = [
        replace(first, values=end_to_end([part.columns[i].values for part in parts]))
        for i, first in enumerate(parts[0].columns)
    ]
    rows = np.concatenate([part.rows for part in parts])
    return Pairs(rows, np.concatenate([part.separation for part in parts]), columns)


def end_to_end(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    """Masked arrays of one kind as one."""
    data = np.concatenate([np.ma.getdata(array) for array in arrays])
    return np.ma.MaskedArray(data, mask=np.concatenate([np.ma.getmaskarray(array) for array in arrays]))
