"""The way of a picture from the camera into a stamp: into the pixels of a HiPS, and out of it again.

Resampling twice smooths a picture and correlates its noise, so simulated stamps must go the way of real ones:
bilinearly from the source pixels to HEALPix pixels, as `hips.write` does, and bilinearly from these to the
stamp, as `hips.cutouts` does. At a place on the sky this is a fixed linear map. It is found once for some
places, with the kernels that those two use for their geometry, and applied to any number of pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import Float32Array, FloatArray
from vo_photoz.simulation.imaging.exposures import PIXEL_ARCSEC
from vo_photoz.sky.frames import tangent_frames

PIXEL_ORDER = 19  # of the HiPS of SDSS, Pan-STARRS and the Legacy Surveys: pixels of 0.403 arcsec
PLACES = 256


@dataclass(frozen=True)
class StampPath:
    """Linear maps from pictures to stamps at n places of the sky.

    Parameters
    ----------
    ra, dec : float64 array, shape (n,)
        The places, ICRS degrees: the middle of picture and stamp.
    picture_pixels, stamp_pixels : int
        Sides.
    end : int64 array, shape (n + 1,)
        The HEALPix pixels of place k are those from end[k] to end[k + 1].
    corner : int32 array, shape (m,)
        First of the four pixels of the picture around a HEALPix pixel, row by row.
    part : float32 array, shape (m, 2)
        Distance from it in x and y, pixels.
    inner : int32 array, shape (n, stamp pixels squared, 4)
        The four HEALPix pixels around a pixel of the stamp, counted from end[k].
    weight : float32 array, same shape
        Their weights.
    """

    ra: FloatArray
    dec: FloatArray
    picture_pixels: int
    stamp_pixels: int
    end: NDArray[np.int64]
    corner: NDArray[np.int32]
    part: Float32Array
    inner: NDArray[np.int32]
    weight: Float32Array

    def __len__(self) -> int:
        return len(self.ra)

    def apply(self, pictures: Float32Array, which: NDArray[np.integer]) -> Float32Array:
        """Stamps of pictures.

        Parameters
        ----------
        pictures : float32 array, shape (m, band, y, x)
            Their side is ``picture_pixels``.
        which : int array, shape (m,)
            The place of each.

        Returns
        -------
        float32 array, shape (m, band, stamp pixels, stamp pixels)
            In the unit of the pictures: values per source pixel.
        """
        from vo_photoz.simulation.imaging.path_kernels import apply_path  # noqa: PLC0415 - numba

        side = self.stamp_pixels
        stamps = np.empty((*pictures.shape[:2], side * side), np.float32)
        flat = np.ascontiguousarray(pictures).reshape(*pictures.shape[:2], -1)
        maps = self.end, self.corner, self.part, self.inner, self.weight
        apply_path(flat, pictures.shape[-1], np.asarray(which, np.int64), *maps, stamps)
        return stamps.reshape(*pictures.shape[:2], side, side)


def stamp_path(
    ra: FloatArray,
    dec: FloatArray,
    *,
    pixel_arcsec: float = PIXEL_ARCSEC,
    stamp_pixels: int = 28,
    stamp_arcsec: float = 0.4,
    pixel_order: int = PIXEL_ORDER,
) -> StampPath:
    """Find the maps of some places.

    Parameters
    ----------
    ra, dec : float array, shape (n,)
        ICRS degrees.
    pixel_arcsec : float
        Side of a pixel of the pictures.
    stamp_pixels, stamp_arcsec
        Side of the stamps in pixels, and of their pixels.
    pixel_order : int
        HEALPix order of the pixels of the HiPS.
    """
    from vo_photoz.simulation.imaging.path_kernels import healpix_places, stamp_places  # noqa: PLC0415 - numba

    axes = tangent_frames(ra, dec, "equatorial")
    arcsec = np.radians(1 / 3600)
    number, weight = stamp_places(*axes, stamp_arcsec * arcsec, stamp_pixels, pixel_order)
    inner, count, offsets = np.empty(number.shape, np.int32), [0], []
    for k in range(len(number)):
        used, where = np.unique(number[k], return_inverse=True)
        inner[k] = where.reshape(inner[k].shape)
        count.append(len(used))
        frame = [axis[k] for axis in axes]
        offsets.append(healpix_places(used, *frame, pixel_arcsec * arcsec, pixel_order))
    offset = np.concatenate(offsets)
    side = 2 * int(np.ceil(np.abs(offset).max())) + 2
    place = offset + (side - 1) / 2
    first = np.floor(place).astype(np.int64)
    corner = (first[:, 1] * side + first[:, 0]).astype(np.int32)
    part = (place - first).astype(np.float32)
    end = np.cumsum(count)
    return StampPath(ra, dec, side, stamp_pixels, end, corner, part, inner, weight.astype(np.float32))


@cache
def spread_path(places: int = PLACES) -> StampPath:
    """Maps of places evenly spread over the sky: a spiral of equal areas, the poles left out."""
    k = np.arange(places) + 0.5
    dec = np.degrees(np.arcsin(1 - 2 * k / places))
    ra = (k * 180 * (3 - np.sqrt(5))) % 360  # the golden angle
    return stamp_path(ra, dec)
