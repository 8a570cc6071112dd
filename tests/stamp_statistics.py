"""What is measured on stamps to compare simulated with real ones: noise, widths, offsets, neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

from vo_photoz.flow import Float32Array, FloatArray
from vo_photoz.simulation.imaging.resampling import stamp_path
from vo_photoz.simulation.populations import point_sources
from vo_photoz.simulation.sky import SimulatedSky

Y, X = np.indices((28, 28)) - 13.5
RADIUS = np.hypot(X, Y)
PER_NANOMAGGY = 3631 / 0.396**2  # nJy/arcsec2 of a nanomaggy in a source pixel
CORNERS = [(x, y) for x in (-9, 9) for y in (-9, 9)]


@dataclass
class Seen:
    """Stamps (n, 5, 28, 28) in nanomaggies per source pixel, their sky level and noise (n, 5)."""

    pixels: Float32Array
    level: FloatArray
    noise: FloatArray

    def light(self, band: int, rows: np.ndarray) -> FloatArray:
        """Stamps of a band without the level of the sky."""
        return self.pixels[rows, band] - self.level[rows, band, None, None]


def seen(pixels) -> Seen:
    """Level and noise of the sky far from the source, sources clipped away."""
    border = pixels[:, :, RADIUS > 9].astype(float)
    level = np.median(border, axis=2, keepdims=True)
    noise = 1.4826 * np.median(np.abs(border - level), axis=2, keepdims=True)
    for _ in range(4):
        kept = np.abs(border - level) < 2.5 * noise
        level = np.sum(border * kept, axis=2, keepdims=True) / kept.sum(axis=2, keepdims=True)
        squares = np.sum((border - level) ** 2 * kept, axis=2, keepdims=True)
        noise = 1.0475 * np.sqrt(squares / kept.sum(axis=2, keepdims=True))  # of a Gaussian cut at 2.5 sigma
    return Seen(pixels, level[..., 0], noise[..., 0])


def real_stamps(file: Path) -> tuple[Seen, FloatArray]:
    """All stamps of a file of 48 x 48 SDSS pixels, on their way through a HiPS, and their magnitudes."""
    held = np.load(file)
    path = stamp_path(held["ra"], held["dec"])
    cut = (48 - path.picture_pixels) // 2
    inner = held["images"][:, :, cut : 48 - cut, cut : 48 - cut]
    return seen(path.apply(np.ascontiguousarray(inner), np.arange(len(inner)))), held["mag"].astype(float)


def simulated_stamps(magnitudes: FloatArray, sky: str = "quasars", seed: int = 11) -> Seen:
    """Point sources of given magnitudes, as a simulated sky has them imaged."""
    drawn, rng, parts = SimulatedSky(sky), np.random.default_rng(seed), []
    for some in np.array_split(magnitudes, max(1, len(magnitudes) // 500)):
        population = point_sources("QSO", np.full(len(some), 3.0), some)
        parts.append(drawn.observed(rng, population, np.full(len(some), 0.03)).stamps.pixels / PER_NANOMAGGY)
    return seen(np.concatenate(parts))


def half_width(values: FloatArray) -> float:
    """Half of the distance between the 16th and the 84th percentile."""
    low, high = np.percentile(values, [16, 84])
    return float((high - low) / 2)


def aperture(light: FloatArray, radius: float, x: float = 0, y: float = 0) -> FloatArray:
    """Flux within a radius (pixels) of a place."""
    return np.asarray((light * (np.hypot(X - x, Y - y) < radius)).sum(axis=(1, 2)))


def aperture_noise(some: Seen, band: int, radius: float = 3) -> float:
    """Scatter of the flux of apertures off the source."""
    light = some.light(band, np.arange(len(some.pixels)))
    return half_width(np.concatenate([aperture(light, radius, *at) for at in CORNERS]))


def concentration(some: Seen, band: int, rows: np.ndarray, inner: float = 2, outer: float = 4) -> FloatArray:
    """Ratio of the fluxes in two apertures."""
    light = some.light(band, rows)
    return aperture(light, inner) / aperture(light, outer)


def profile(some: Seen, band: int, rows: np.ndarray, flux: FloatArray) -> FloatArray:
    """Light in rings a pixel wide, as a share of the flux, medians; shape (7,)."""
    light = some.light(band, rows)
    rings = [(radius <= RADIUS) & (radius + 1 > RADIUS) for radius in range(7)]
    return np.array([np.median(np.median(light[:, ring], axis=1) / flux) for ring in rings])


def centres(some: Seen, band: int, rows: np.ndarray) -> FloatArray:
    """Places of sources from the middle, pixels of 0.4 arcsec, weighted with a Gaussian; shape (n, 2)."""
    weight = np.exp(-0.5 * (RADIUS / 2.5) ** 2) * some.light(band, rows)
    total = weight.sum(axis=(1, 2))
    return np.stack([(weight * axis).sum(axis=(1, 2)) / total for axis in (X, Y)], axis=1)


def neighbours(some: Seen, band: int) -> float:
    """Share of stamps with a peak of 6 sigma far from the source."""
    found = 0
    for light, noise in zip(some.light(band, np.arange(len(some.pixels))), some.noise[:, band], strict=True):
        smooth = gaussian_filter(light, 1.2)
        peaks = (smooth == maximum_filter(smooth, 5)) & (smooth > 6 * 0.38 * noise) & (RADIUS > 6)
        found += bool(peaks.any())
    return found / len(some.pixels)
