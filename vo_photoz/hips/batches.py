"""Many images of one HiPS, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import BoolArray, FlagArray, Float32Array, FloatArray, Positions
from vo_photoz.hips.arguments import arcsec_of
from vo_photoz.hips.cutouts import cut_stamps, tan_wcs
from vo_photoz.hips.survey import BandPhotometry, Survey
from vo_photoz.hips.tree import HiPS

if TYPE_CHECKING:
    from astropy.wcs import WCS

BAND = "image"


@dataclass(frozen=True)
class Cutouts:
    """Images of several positions.

    Parameters
    ----------
    rows : int array, shape (n,)
        Which of the positions these are.
    ra, dec : float64 array, shape (n,)
        Centres, ICRS degrees.
    images : float32 array, shape (n, y, x)
        NaN where there is no value; north up, east left.
    flags : int16 array, shape (n,)
        Bits of `Flag`.
    pixel_arcsec : float
        Side of a pixel.
    """

    rows: NDArray[np.intp]
    ra: FloatArray
    dec: FloatArray
    images: Float32Array
    flags: FlagArray
    pixel_arcsec: float

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def mask(self) -> BoolArray:
        """True where a pixel has no value; shape (n, y, x)."""
        return ~np.isfinite(self.images)

    @property
    def nan_fraction(self) -> Float32Array:
        """Share of the pixels without a value; shape (n,)."""
        return np.asarray(self.mask.mean(axis=(1, 2)), dtype=np.float32)

    def wcs(self, index: int) -> WCS:
        """WCS of an image."""
        rows, columns = self.images.shape[1:]
        return tan_wcs(float(self.ra[index]), float(self.dec[index]), (columns, rows), self.pixel_arcsec)


def cut_batches(
    hips: HiPS, coordinates: Any, size: Any, resolution: Any, interpolation: str, *, batch: int, threads: int
) -> Iterator[Cutouts]:
    """Images of many positions: see `HiPS.extract_many`."""
    places = positions_of(coordinates)
    alone = Survey(hips.address, "", (BAND,), "unknown", {BAND: hips}, {BAND: BandPhotometry()})
    pixel_arcsec = arcsec_of(resolution)
    for rows, stamps in cut_stamps(
        alone,
        places,
        size=size,
        pixel_arcsec=pixel_arcsec,
        interpolation=interpolation,
        batch=batch,
        threads=threads,
    ):
        yield Cutouts(
            rows, places.ra[rows], places.dec[rows], stamps.pixels[:, 0], stamps.flags, pixel_arcsec
        )


def positions_of(coordinates: Any) -> Positions:
    """Positions from a SkyCoord or from pairs of ICRS degrees.

    Raises
    ------
    UsageError
        Raised if the numbers are not pairs.
    """
    if isinstance(coordinates, Positions):
        return coordinates
    if hasattr(coordinates, "icrs"):
        there = coordinates.icrs
        ra, dec = np.atleast_1d(there.ra.deg).astype(float), np.atleast_1d(there.dec.deg).astype(float)
    else:
        pairs = np.asarray(coordinates, dtype=float)
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise UsageError(
                f"Positions need the shape (n, 2), not {pairs.shape}.", advice="Give pairs of (ra, dec)."
            )
        ra, dec = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    return Positions(ra, dec, np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90))
