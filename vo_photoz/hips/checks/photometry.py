"""Photometry of stars on stamps, and what it tells of a survey: zero point, scatter, trend, offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vo_photoz.flow import BoolArray, Float32Array, FloatArray

APERTURE_ARCSEC = 3.0
"""Radius in which a star is measured: most of its light, little of the sky's noise."""
WHOLE_ARCSEC = 7.0
"""Radius that holds all light of a star in usual seeing; a Moffat profile of 1.3" leaves 0.1 % outside."""
SKY_ARCSEC = (8.0, 11.0)
"""Ring in which the sky is measured."""
STAMP_ARCSEC = 24.0
"""Side of a stamp that holds the ring around a star up to an arcsecond off."""
REACH_ARCSEC = 3.0
"""A star is sought within this distance of its place in the catalogue."""
WINDOW_ARCSEC = 1.0
"""Standard deviation of the Gaussian window of the centroid."""
LEAST_SIGNAL = 20.0
"""Signal to noise below which a star says little."""
LEAST_STARS = 5
CLIPPED_SPREAD = 0.93
"""Robust deviation of normal values after two clippings at two deviations, over that of all values."""
MODEL_ERROR = 0.02
"""Error in mag that no star is better than: catalogue, colour terms, variable stars."""


@dataclass(frozen=True)
class Sources:
    """Measured sources, n rows; NaN where a source could not be measured.

    Parameters
    ----------
    east, north : float64 array, shape (n,)
        Centroid less catalogue position, arcsec on the sky.
    flux, whole : float64 array, shape (n,)
        Light within `APERTURE_ARCSEC` and `WHOLE_ARCSEC`, sky subtracted, unit of the pixels.
    error : float64 array, shape (n,)
        Of ``flux``, from the noise of the sky.
    """

    east: FloatArray
    north: FloatArray
    flux: FloatArray
    whole: FloatArray
    error: FloatArray

    @classmethod
    def joined(cls, parts: list[Sources], rows: list[np.ndarray], count: int) -> Sources:
        """Measurements of several batches as one of ``count`` rows; rows in no batch are NaN."""
        columns = {name: np.full(count, np.nan) for name in ("east", "north", "flux", "whole", "error")}
        for part, here in zip(parts, rows, strict=True):
            for name, column in columns.items():
                column[here] = getattr(part, name)
        return cls(**columns)


@dataclass(frozen=True)
class Calibration:
    """What stars tell of one band.

    Parameters
    ----------
    used : bool array, shape (n,)
        Which sources count as stars, measured well.
    zero_points : float64 array, shape (n,)
        Magnitude of a pixel value of 1 by each star; NaN where it is not used.
    zero_point, zero_point_error : float
        Their clipped weighted mean, and its error.
    scatter : float
        Robust standard deviation of the zero points of single stars, mag.
    slope, slope_error : float
        Change of the zero point with magnitude, mag per mag: 0 when pixels are linear in flux.
    east, north : float
        Median offset of the images from the catalogue, arcsec.
    rms : float
        Robust rms of the offsets about their median, per axis, arcsec.
    """

    used: BoolArray
    zero_points: FloatArray
    zero_point: float
    zero_point_error: float
    scatter: float
    slope: float
    slope_error: float
    east: float
    north: float
    rms: float

    @property
    def stars(self) -> int:
        """Number of stars used."""
        return int(self.used.sum())


def measure_sources(pixels: Float32Array, pixel_arcsec: float) -> Sources:
    """Centroids and aperture fluxes of the sources in the middle of stamps.

    The centroid is that of a Gaussian window moved until it rests (the windowed position of SExtractor: its
    steps are doubled, as a window halves the distance). Apertures lie on the centroid, so that an
    astrometric offset costs no light; their rim is soft over one pixel.

    Parameters
    ----------
    pixels : float32 array, shape (n, y, x)
        North up, east left; NaN where there is no value.
    pixel_arcsec : float
        Side of a pixel.
    """
    images = pixels.astype(np.float64)
    north, west = (np.indices(images.shape[1:]) - (np.array(images.shape[1:]) - 1)[:, None, None] / 2) * (
        pixel_arcsec
    )
    ring = np.hypot(north, west)
    ring_pixels = images[:, (ring >= SKY_ARCSEC[0]) & (ring <= SKY_ARCSEC[1])]
    with np.errstate(all="ignore"):
        sky, noise = _middle_and_spread(ring_pixels)
        images -= sky[:, None, None]
        x, y = _centroids(images, west, north, pixel_arcsec)
        distance = np.hypot(north - y[:, None, None], west - x[:, None, None])
        inner = np.clip((APERTURE_ARCSEC - distance) / pixel_arcsec + 0.5, 0, 1)
        outer = np.clip((WHOLE_ARCSEC - distance) / pixel_arcsec + 0.5, 0, 1)
        flux = (np.where(inner > 0, images, 0) * inner).sum(axis=(1, 2))
        whole = (np.where(outer > 0, images, 0) * outer).sum(axis=(1, 2))
        error = noise * np.sqrt(inner.sum(axis=(1, 2)))
    return Sources(-x, y, flux, whole, error)


def _middle_and_spread(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median and robust standard deviation of each row; NaN where less than half the values are known.

    What lies more than two deviations off (neighbours, their wings) is left out in a second round.
    """
    few = np.isfinite(values).mean(axis=1) < 0.5
    known = np.where(few[:, None], 0.0, values)
    for _ in range(3):
        middle = np.nanmedian(known, axis=1)
        away = np.abs(known - middle[:, None])
        spread = 1.4826 * np.nanmedian(away, axis=1)
        known = np.where(away <= 2 * spread[:, None], known, np.nan)
    middle[few] = spread[few] = np.nan
    return middle, spread / CLIPPED_SPREAD


def _centroids(
    images: FloatArray, west: FloatArray, north: FloatArray, pixel_arcsec: float
) -> tuple[FloatArray, FloatArray]:
    """Windowed centroids in arcsec to the west and north; NaN where a window does not come to rest."""
    near = np.hypot(west, north) <= REACH_ARCSEC
    highest = np.where(near & np.isfinite(images), images, -np.inf).reshape(len(images), -1).argmax(axis=1)
    x, y = west.ravel()[highest], north.ravel()[highest]
    sigma = max(WINDOW_ARCSEC, 1.2 * pixel_arcsec)
    for _ in range(20):
        dx, dy = west - x[:, None, None], north - y[:, None, None]
        square = dx**2 + dy**2
        # Only what lies within three sigma counts: neighbours and holes beyond do not matter.
        light = np.where(square < (3 * sigma) ** 2, images * np.exp(-square / (2 * sigma**2)), 0)
        total = light.sum(axis=(1, 2))
        step_x = 2 * (light * dx).sum(axis=(1, 2)) / total
        step_y = 2 * (light * dy).sum(axis=(1, 2)) / total
        x, y = x + step_x, y + step_y
    rests = (np.hypot(step_x, step_y) < 0.01 * pixel_arcsec) & (total > 0) & (np.hypot(x, y) <= REACH_ARCSEC)
    return np.where(rests, x, np.nan), np.where(rests, y, np.nan)


def calibrate(sources: Sources, magnitudes: FloatArray) -> Calibration | None:
    """Compare measured sources with their magnitudes in a catalogue.

    Galaxies and sources that are not alone are left out by their concentration. Light outside the small
    aperture is added by the same factor for all stars, taken from the brightest.

    Parameters
    ----------
    sources : Sources
        n measured sources.
    magnitudes : float64 array, shape (n,)
        NaN where there is none.

    Returns
    -------
    Calibration or None
        None when fewer than `LEAST_STARS` sources are left.
    """
    with np.errstate(all="ignore"):
        used = np.isfinite(magnitudes) & (sources.flux > LEAST_SIGNAL * sources.error)
        used &= np.isfinite(sources.whole) & (sources.whole > 0)
        used = _point_sources(sources, used)
        if used.sum() < LEAST_STARS:
            return None
        factor, factor_error = _outer_light(sources, used)
        zero_points = np.where(used, magnitudes + 2.5 * np.log10(sources.flux * factor), np.nan)
        error = np.hypot(2.5 / np.log(10) * sources.error / sources.flux, MODEL_ERROR)
    found = zero_points[used]
    middle, mean_error, keep = _clipped_mean(found, error[used])
    mean_error = float(np.hypot(mean_error, 2.5 / np.log(10) * factor_error / factor))
    slope, slope_error = _slope(magnitudes[used][keep], found[keep], error[used][keep])
    east, east_spread = _robust(sources.east[used])
    north, north_spread = _robust(sources.north[used])
    rms = float(np.sqrt((east_spread**2 + north_spread**2) / 2))
    scatter = _robust(found)[1]
    return Calibration(
        used, zero_points, middle, mean_error, scatter, slope, slope_error, east, north, rms
    )  # fmt: skip


def _point_sources(sources: Sources, used: BoolArray) -> BoolArray:
    """Sources whose light is as concentrated as that of most: stars, alone."""
    concentration = sources.flux / sources.whole
    middle, spread = _robust(concentration[used]) if used.any() else (1.0, 0.0)
    return used & (np.abs(concentration - middle) < max(3 * spread, 0.02))


def _outer_light(sources: Sources, used: BoolArray) -> tuple[float, float]:
    """All light over the light in the small aperture, and its error; the brightest stars count most."""
    ratio, weight = sources.whole[used] / sources.flux[used], sources.flux[used] ** 2
    middle, spread = _robust(ratio)
    keep = np.abs(ratio - middle) <= max(3 * spread, 0.01)
    ratio, weight = ratio[keep], weight[keep] / weight[keep].sum()
    mean = float((weight * ratio).sum())
    return mean, float(np.sqrt((weight**2 * (ratio - mean) ** 2).sum()))


def _robust(values: FloatArray) -> tuple[float, float]:
    """Median and robust standard deviation."""
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))


def _clipped_mean(values: FloatArray, error: FloatArray) -> tuple[float, float, BoolArray]:
    """Weighted mean without outliers, its error (by the scatter that there is), and what was kept."""
    middle, spread = _robust(values)
    keep = np.abs(values - middle) <= 4 * np.maximum(spread, error)
    weight = 1 / (error[keep] ** 2 + max(spread**2 - float(np.median(error**2)), 0.0))
    return float(np.average(values[keep], weights=weight)), float(weight.sum() ** -0.5), keep


def _slope(x: FloatArray, y: FloatArray, error: FloatArray) -> tuple[float, float]:
    """Slope of a weighted straight line, and its error scaled by the scatter about the line."""
    weight = error**-2
    centre, level = np.average(x, weights=weight), np.average(y, weights=weight)
    spread = float((weight * (x - centre) ** 2).sum())
    if spread <= 0 or len(x) < 3:
        return 0.0, float("inf")
    slope = float((weight * (x - centre) * (y - level)).sum() / spread)
    rest = y - level - slope * (x - centre)
    chi2 = float((weight * rest**2).sum() / (len(x) - 2))
    return slope, float(np.sqrt(max(chi2, 1.0) / spread))


def scatter_against(sources: Sources, used: BoolArray, magnitudes: FloatArray) -> float:
    """Robust scatter of the same stars against other magnitudes, mag; infinite when too few have one."""
    here = used & np.isfinite(magnitudes)
    if here.sum() < LEAST_STARS:
        return float("inf")
    return _robust(magnitudes[here] + 2.5 * np.log10(sources.flux[here]))[1]
