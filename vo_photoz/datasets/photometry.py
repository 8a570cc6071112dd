"""Photometry of the sources in stamps: what a catalogue would hold, for estimators that read no images.

Fluxes through a point-spread function, in apertures and in total, each with its error, and the size and shape
of the source, all at the place of its light. The unit of a flux is that of the pixels times square arcseconds
(nJy for stamps in nJy/arcsec2).

The total flux is that of a Gaussian fitted by adaptive moments (Bernstein & Jarvis 2002, AJ 123, 583), as the
shapes of the SDSS are measured, on the sum of the bands. Errors are those of the sky and of its level, as if
pixels were independent; the noise of the source's own light is not known from a stamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.sky import BORDER_PIXELS
from vo_photoz.flow import Float32Array, FloatArray

Floats = NDArray[np.floating[Any]]

APERTURES_ARCSEC = (0.8, 1.2, 2.0, 3.2)
PSF_FWHM_ARCSEC = 1.4
"""Width of the Gaussian of the PSF flux, about the seeing of the SDSS after the resampling of stamps. Entered
by hand; the apertures and the total flux do not hang on it."""
ROUNDS = 15
SMALLEST, LARGEST = 0.6, 8.0
"""Limits of the standard deviation of an adaptive Gaussian, pixels."""
INNER_PIXELS = 10.5
"""The adaptive Gaussian is fitted within this distance from the middle along an axis."""
FARTHEST = 2.5
"""How far its centre may go from the middle of the stamp along an axis, pixels."""


@dataclass(frozen=True)
class Photometry:
    """Measurements on n stamps.

    Parameters
    ----------
    psf, psf_error : float array, shape (n, band)
        Flux through a Gaussian point-spread function.
    aperture, aperture_error : float array, shape (n, band, aperture)
        Flux in circles of `APERTURES_ARCSEC`.
    total, total_error : float array, shape (n, band)
        Flux of the adaptive Gaussian.
    size : float array, shape (n,)
        Geometric mean of its two standard deviations, arcsec.
    axis_ratio : float array, shape (n,)
        The smaller over the larger.
    """

    psf: FloatArray
    psf_error: FloatArray
    aperture: FloatArray
    aperture_error: FloatArray
    total: FloatArray
    total_error: FloatArray
    size: FloatArray
    axis_ratio: FloatArray

    def __len__(self) -> int:
        return len(self.size)

    def take(self, rows: NDArray[Any], bands: Sequence[int]) -> Photometry:
        """Some rows and bands, in the order that is asked for."""
        return Photometry(
            *(
                column[rows][:, list(bands)] if column.ndim > 1 else column[rows]
                for column in (getattr(self, one.name) for one in fields(self))
            )
        )


def photometry(pixels: Float32Array, pixel_arcsec: float) -> Photometry:
    """Measure stamps (n, band, y, x); missing pixels count as empty sky."""
    flux, noise = _without_sky(pixels)
    x, y = _offsets(pixels.shape[-1])
    inner = (np.maximum(np.abs(x), np.abs(y)) <= INNER_PIXELS)[0]
    image = _summed(flux, noise)[:, inner].astype(np.float32)
    found = _adaptive(image, x[:, inner].astype(np.float32), y[:, inner].astype(np.float32))
    centre, moments = (one.astype(np.float64) for one in found)
    dx, dy = x - centre[:, :1], y - centre[:, 1:]
    radius2 = dx**2 + dy**2
    area = pixel_arcsec**2
    psf = np.exp(-0.5 * radius2 / (PSF_FWHM_ARCSEC / 2.3548 / pixel_arcsec) ** 2)
    adaptive = _gaussian(dx, dy, moments)
    circles = [np.clip(radius / pixel_arcsec - np.sqrt(radius2) + 0.5, 0, 1) for radius in APERTURES_ARCSEC]
    through = [_through(flux, noise, circle) for circle in circles]
    psf_flux, psf_error = _through(flux, noise, psf)
    norm = psf.sum(-1)[:, None] / (psf**2).sum(-1)[:, None]
    total, total_error = _through(flux, noise, adaptive)
    small, large = _axes(moments)
    return Photometry(
        psf=norm * psf_flux * area,
        psf_error=norm * psf_error * area,
        aperture=np.stack([one for one, _ in through], axis=-1) * area,
        aperture_error=np.stack([error for _, error in through], axis=-1) * area,
        total=2 * total * area,  # a Gaussian seen through itself gives half of its flux
        total_error=2 * total_error * area,
        size=np.sqrt(small * large) * pixel_arcsec,
        axis_ratio=small / large,
    )


def joined(parts: list[Photometry]) -> Photometry:
    """Measurements one after the other."""
    return Photometry(
        *(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Photometry))
    )


def _without_sky(pixels: Float32Array) -> tuple[FloatArray, FloatArray]:
    """Flattened stamps without their sky (n, band, pixel), and the noise of a pixel (n, band)."""
    border = np.ones(pixels.shape[-2:], dtype=bool)
    border[BORDER_PIXELS:-BORDER_PIXELS, BORDER_PIXELS:-BORDER_PIXELS] = False
    flat = pixels.reshape(*pixels.shape[:2], -1).astype(np.float64)
    around = np.where(np.isfinite(flat[..., border.ravel()]), flat[..., border.ravel()], 0.0)
    sky = np.median(around, axis=-1, keepdims=True)
    noise = 1.4826 * np.median(np.abs(around - sky), axis=-1)
    return np.where(np.isfinite(flat), flat - sky, 0.0), np.maximum(noise, 1e-12)


def _offsets(side: int) -> tuple[FloatArray, FloatArray]:
    offset = np.arange(side) - (side - 1) / 2
    x, y = np.meshgrid(offset, offset)
    return x.ravel()[None], y.ravel()[None]


def _summed(flux: FloatArray, noise: FloatArray) -> FloatArray:
    """Sum of the bands, each with the inverse of its variance, in units of its noise."""
    weight = 1 / noise**2
    total: FloatArray = np.einsum("nbp,nb->np", flux, weight) / np.sqrt(weight.sum(1))[:, None]
    return total


def _adaptive(image: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Centre (n, 2) and moments xx, yy, xy (n, 3) of the Gaussian that fits best, pixels.

    Seen through a Gaussian of its own shape, a Gaussian has half of its moments.
    """
    n, kind = len(image), image.dtype
    centre, moments = np.zeros((n, 2), kind), np.tile(np.array([2.5, 2.5, 0.0], kind), (n, 1))
    for _ in range(ROUNDS):
        dx, dy = x - centre[:, :1], y - centre[:, 1:]
        seen = image * _gaussian(dx, dy, moments)
        light = seen.sum(1)
        good = light > 0
        light = np.where(good, light, 1.0)
        move = np.stack([(seen * dx).sum(1), (seen * dy).sum(1)], axis=1) / light[:, None]
        found = np.stack([(seen * dx * dx).sum(1), (seen * dy * dy).sum(1), (seen * dx * dy).sum(1)], axis=1)
        centre = np.where(good[:, None], np.clip(centre + 2 * move, -FARTHEST, FARTHEST), centre)
        moments = np.where(good[:, None], _bounded(2 * found / light[:, None]), moments)
    return centre, moments


def _gaussian(dx: Floats, dy: Floats, moments: Floats) -> Floats:
    """Gaussian of these moments with maximum 1, (n, pixel)."""
    xx, yy, xy = (moments[:, k, None] for k in range(3))
    determinant = xx * yy - xy**2
    found: Floats = np.exp(-0.5 * (yy * dx**2 + xx * dy**2 - 2 * xy * dx * dy) / determinant)
    return found


def _bounded(moments: Floats) -> Floats:
    """Moments whose axes are neither shorter nor longer than a source can be."""
    xx, yy, xy = moments.T
    mean, half = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
    low, high = SMALLEST**2, LARGEST**2
    small, large = np.clip(mean - half, low, high), np.clip(mean + half, low, high)
    scale = np.where(half > 0, 0.5 * (large - small) / np.where(half > 0, half, 1.0), 0.0)
    middle = 0.5 * (small + large)
    return np.stack([middle + 0.5 * (xx - yy) * scale, middle - 0.5 * (xx - yy) * scale, xy * scale], axis=1)


def _axes(moments: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Standard deviations along the short and the long axis."""
    xx, yy, xy = moments.T
    mean, half = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
    return np.sqrt(np.maximum(mean - half, SMALLEST**2)), np.sqrt(mean + half)


def _through(flux: FloatArray, noise: FloatArray, weight: Floats) -> tuple[FloatArray, FloatArray]:
    """Weighted sum of the pixels of every band (n, band), and its error, that of the sky level included.

    The variance of a median of m pixels is pi / (2 m) times that of a pixel.
    """
    side = round(flux.shape[-1] ** 0.5)
    border = side**2 - max(side - 2 * BORDER_PIXELS, 0) ** 2
    variance = (weight**2).sum(-1) + weight.sum(-1) ** 2 * np.pi / (2 * border)
    return np.einsum("nbp,np->nb", flux, weight), noise * np.sqrt(variance)[:, None]
