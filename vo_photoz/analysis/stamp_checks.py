"""Checks of a stamp on its own source: whether it is centred and alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import Flag, FlagArray, Float32Array, Stamps

CORE_ARCSEC = 4.0
"""A neighbour within this radius shares its light with the source: beyond twice the FWHM of SDSS images."""
OFF_CENTRE_ARCSEC = 1.5
DETECTION_SIGMA = 5.0
LEAST = 1e-15
"""Smallest noise: the inverse of its square is still a float32."""
NEIGHBOUR_FRACTION = 0.1
"""A peak fainter than this part of the source's is a wiggle of its wings."""


def check_stamps(stamps: Stamps) -> FlagArray:
    """Flags `Flag.NEIGHBOUR` and `Flag.OFF_CENTRE` of a batch.

    Peaks are sought in the sum of the bands, each weighted by its inverse variance, smoothed over 3x3 pixels.

    Parameters
    ----------
    stamps : Stamps
        n stamps, any linear unit.

    Returns
    -------
    int16 array, shape (n,)
        0 where the source is alone and centred, or where nothing is detected.
    """
    image = _detection_image(stamps.pixels)
    distance = _distance_arcsec(image.shape[1:], stamps.pixel_arcsec)
    peaks = _peaks(image) & (distance <= CORE_ARCSEC)

    reach = np.where(peaks, distance, np.inf).reshape(len(image), -1)
    main = reach.argmin(axis=1)
    nearest = np.take_along_axis(reach, main[:, None], axis=1)[:, 0]
    height = np.take_along_axis(image.reshape(len(image), -1), main[:, None], axis=1)
    others = peaks.reshape(len(image), -1) & (image.reshape(len(image), -1) > NEIGHBOUR_FRACTION * height)
    detected = np.isfinite(nearest)

    flags = np.zeros(len(image), dtype=np.int16)
    flags[detected & (nearest > OFF_CENTRE_ARCSEC)] |= Flag.OFF_CENTRE
    flags[detected & (others.sum(axis=1) > 1)] |= Flag.NEIGHBOUR
    return flags


def _detection_image(pixels: Float32Array) -> Float32Array:
    """Signal to noise of the smoothed sum of the bands, shape (n, y, x)."""
    filled = np.nan_to_num(pixels, nan=0.0)
    sky = np.median(filled, axis=(2, 3), keepdims=True)
    sigma = 1.4826 * np.median(np.abs(filled - sky), axis=(2, 3), keepdims=True)
    weight = np.where(sigma > 0, 1 / np.maximum(sigma, LEAST) ** 2, 0)
    total = ((filled - sky) * weight).sum(axis=1)
    smooth = sum(_shifted(total, dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
    noise = 1.4826 * np.median(np.abs(smooth), axis=(1, 2), keepdims=True)
    return (smooth / np.where(noise > 0, noise, np.inf)).astype(np.float32)


def _peaks(image: Float32Array) -> NDArray[np.bool_]:
    """Local maxima above the detection limit."""
    neighbours = [_shifted(image, dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    highest = np.maximum.reduce(neighbours)
    return np.asarray((image > highest) & (image > DETECTION_SIGMA))


def _shifted(image: Float32Array, dy: int, dx: int) -> Float32Array:
    """The image moved by whole pixels, zero where nothing comes in."""
    out = np.zeros_like(image)
    height, width = image.shape[1:]
    out[:, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = image[
        :, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
    ]
    return out


def _distance_arcsec(shape: tuple[int, ...], pixel_arcsec: float) -> NDArray[np.float64]:
    y, x = np.indices(shape, dtype=float)
    return np.asarray(np.hypot(y - (shape[0] - 1) / 2, x - (shape[1] - 1) / 2) * pixel_arcsec)
