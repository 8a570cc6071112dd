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
from vo_photoz.flow import FloatArray

CELL_ORDER = 4
FOLDS = 5
TEST_FOLD = 0
STOP_FOLD = 1


def sky_folds(ra: FloatArray, dec: FloatArray, folds: int = FOLDS) -> NDArray[np.int32]:
    """Fold 0 .. folds - 1 of every position.

    All positions of a HEALPix cell (nside 16, nested, 3.7 deg wide) share a fold: the first eight bytes of
    sha256("vo_photoz/nside16/<cell>"), big-endian, modulo the number of folds.

    Parameters
    ----------
    ra, dec : float array, shape (n,)
        ICRS degrees.
    folds : int
        Number of folds.

    Raises
    ------
    TableError
        Raised if a position is not a number.
    """
    if not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        raise TableError("Some objects have no position, so they cannot be split by place on the sky.")
    lon, lat = Longitude(ra, u.deg), Latitude(dec, u.deg)
    cells = cdshealpix.nested.lonlat_to_healpix(lon, lat, CELL_ORDER)
    unique, where = np.unique(cells, return_inverse=True)
    return np.array([_fold_of(int(cell), folds) for cell in unique], dtype=np.int32)[where]


def _fold_of(cell: int, folds: int) -> int:
    digest = hashlib.sha256(f"vo_photoz/nside16/{cell}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % folds
