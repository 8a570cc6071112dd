"""Where the pixels of a HiPS lie, and an image cut out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vo_photoz.flow import BoolArray, Float32Array

if TYPE_CHECKING:
    from astropy.wcs import WCS


@dataclass(frozen=True)
class Grid:
    """What decides which pixels of a HiPS lie where: bands with one grid share their pixel numbers.

    Parameters
    ----------
    frame : str
        equatorial, galactic or ecliptic.
    width : int
        Side of a tile, pixels.
    order : int
        Order of the tiles.
    """

    frame: str
    width: int
    order: int

    @property
    def pixel_order(self) -> int:
        """HEALPix order of the pixels."""
        return self.order + self.width.bit_length() - 1


@dataclass(frozen=True)
class Cutout:
    """An image cut out of a HiPS.

    Parameters
    ----------
    image : float32 array, shape (y, x)
        NaN where there is no value.
    wcs : `astropy.wcs.WCS`
        TAN, north up, east left.
    pixel_arcsec : float
        Side of a pixel.
    order : int
        Order of the tiles used.
    complete : bool
        False when a tile could not be had (its pixels are NaN).
    """

    image: Float32Array
    wcs: WCS
    pixel_arcsec: float
    order: int
    complete: bool

    @property
    def mask(self) -> BoolArray:
        """True where a pixel has no value; shape (y, x)."""
        return ~np.isfinite(self.image)

    @property
    def nan_fraction(self) -> float:
        """Share of the pixels without a value."""
        return float(self.mask.mean())
