"""Folds by place on the sky, so that test objects never lie beside training objects.

The fold of a sky cell is fixed for ever: it hangs on the number of the cell alone, not on the data set.
"""

from __future__ import annotations

import hashlib

import astropy.units as u
import cdshealpix
import numpy as np
from astropy.coordinates import Latitude, Longitude
from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.flow import BoolArray, FloatArray
from vo_photoz.sky.pairs import within

CELL_ORDER = 4
FOLDS = 5
TEST_FOLD = 0
STOP_FOLD = 1


def sky_folds(
    ra: FloatArray, dec: FloatArray, folds: int = FOLDS, *, order: int = CELL_ORDER
) -> NDArray[np.int32]:
    """Fold 0 .. folds - 1 of every position.

    All positions of a HEALPix cell (nested; by default of nside 16, 3.7 deg wide) share a fold: the first
    eight bytes of sha256("vo_photoz/nside<nside>/<cell>"), big-endian, modulo the number of folds.

    Parameters
    ----------
    ra, dec : float array, shape (n,)
        ICRS degrees.
    folds : int
        Number of folds.
    order : int
        HEALPix order of the cells.

    Raises
    ------
    TableError
        Raised if a position is not a number.
    """
    unique, where = np.unique(sky_cells(ra, dec, order=order), return_inverse=True)
    return np.array([_fold_of(int(cell), order, folds) for cell in unique], dtype=np.int32)[where]


def sky_cells(ra: FloatArray, dec: FloatArray, *, order: int = CELL_ORDER) -> NDArray[np.uint64]:
    """HEALPix cell (nested, ICRS) of every position, shape (n,); degrees in.

    Raises
    ------
    TableError
        Raised if a position is not a number.
    """
    if not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        raise TableError("Some objects have no position, so they cannot be split by place on the sky.")
    lon, lat = Longitude(ra, u.deg), Latitude(dec, u.deg)
    cells: NDArray[np.uint64] = cdshealpix.nested.lonlat_to_healpix(lon, lat, order)
    return cells


def across_borders(
    ra: FloatArray, dec: FloatArray, fold: NDArray[np.int32], radius_arcsec: float
) -> BoolArray:
    """Objects to leave out so that no two objects of different folds are closer than a radius.

    Of each such pair the object in the fold with the higher number goes: fold 0 is that of the tests, the
    smallest part of the data.

    Parameters
    ----------
    ra, dec : float array, shape (n,)
        ICRS degrees.
    fold : int32 array, shape (n,)
        From `sky_folds`.
    radius_arcsec : float
        With the diagonal of the stamps no pixel of the sky is in stamps of two folds.

    Returns
    -------
    bool array, shape (n,)
        True for objects to leave out.
    """
    first, second, _ = within(ra, dec, ra, dec, radius_arcsec)
    out = np.zeros(len(ra), dtype=bool)
    out[first[fold[first] > fold[second]]] = True
    return out


def _fold_of(cell: int, order: int, folds: int) -> int:
    digest = hashlib.sha256(f"vo_photoz/nside{1 << order}/{cell}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % folds
