"""Simulated stamps have the noise, the seeing, the offsets and the neighbours of real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, maximum_filter

from vo_photoz.flow import Float32Array, FloatArray
from vo_photoz.simulation.populations import point_sources
from vo_photoz.simulation.resampling import stamp_path
from vo_photoz.simulation.sky import SimulatedSky

Y, X = np.indices((28, 28)) - 13.5
RADIUS = np.hypot(X, Y)
PER_NANOMAGGY = 3631 / 0.396**2


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


@pytest.fixture(scope="module")
def magnitudes(shared):
    return np.load(shared / "data" / "quasars" / "sdss_quasars_ugriz.npz")["mag"].astype(float)


@pytest.fixture(scope="module")
def real(shared) -> Seen:
    """All real stamps on their way through a HiPS; the map equals the genuine way (other test)."""
    held = np.load(shared / "data" / "quasars" / "sdss_quasars_ugriz.npz")
    path = stamp_path(held["ra"], held["dec"])
    cut = (48 - path.picture_pixels) // 2
    inner = held["images"][:, :, cut : 48 - cut, cut : 48 - cut]
    return seen(path.apply(np.ascontiguousarray(inner), np.arange(len(inner))))


@pytest.fixture(scope="module")
def simulated(magnitudes) -> Seen:
    """Point sources of the same magnitudes, as the sky of quasars has them imaged."""
    sky, rng = SimulatedSky("quasars"), np.random.default_rng(11)
    parts = []
    for first in range(0, len(magnitudes), 535):
        some = magnitudes[first : first + 535]
        population = point_sources("QSO", np.full(len(some), 3.0), some)
        parts.append(sky.observed(rng, population, np.full(len(some), 0.03)).stamps.pixels / PER_NANOMAGGY)
    return seen(np.concatenate(parts))


def aperture(light: FloatArray, radius: float, x: float = 0, y: float = 0) -> FloatArray:
    return np.asarray((light * (np.hypot(X - x, Y - y) < radius)).sum(axis=(1, 2)))


def half_width(values: FloatArray) -> float:
    low, high = np.percentile(values, [16, 84])
    return float((high - low) / 2)


@pytest.mark.parametrize("band", range(5))
def test_noise_of_the_sky_and_its_spread(real, simulated, band):
    one, other = real.noise[:, band], simulated.noise[:, band]
    assert np.median(other) == pytest.approx(np.median(one), rel=0.03)
    assert half_width(np.log10(other)) == pytest.approx(half_width(np.log10(one)), rel=0.15)


def test_noise_of_the_bands_goes_together(real, simulated):
    one, other = (np.corrcoef(np.log(some.noise).T) for some in (real, simulated))
    assert np.abs(one - other).max() < 0.1


@pytest.mark.parametrize("band", range(5))
def test_noise_of_an_aperture(real, simulated, band):
    # Off the source: sky noise correlated by the resampling, level of the sky, faint neighbours.
    corners = [(x, y) for x in (-9, 9) for y in (-9, 9)]
    everyone = np.arange(len(real.pixels))
    widths = [
        half_width(np.concatenate([aperture(some.light(band, everyone), 3, *at) for at in corners]))
        for some in (real, simulated)
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.05)


@pytest.mark.parametrize("band", [1, 2, 3, 4])
def test_width_of_point_sources_and_its_spread(real, simulated, magnitudes, band):
    bright = np.flatnonzero(magnitudes[:, band] < (19.2 if band == 4 else 19.8))
    for inner, outer in ((2, 4), (3, 8)):
        one, other = (
            aperture(some.light(band, bright), inner) / aperture(some.light(band, bright), outer)
            for some in (real, simulated)
        )
        assert np.median(other) == pytest.approx(np.median(one), abs=0.015)
        assert half_width(other) == pytest.approx(half_width(one), rel=0.25)


@pytest.mark.parametrize("band", [1, 2, 3])
def test_profile_of_point_sources(real, simulated, magnitudes, band):
    bright = np.flatnonzero(magnitudes[:, band] < 19.8)
    flux = 10 ** (0.4 * (22.5 - magnitudes[bright, band]))
    for radius in range(7):
        ring = (radius <= RADIUS) & (radius + 1 > RADIUS)
        one, other = (
            float(np.median(np.median(some.light(band, bright)[:, ring], axis=1) / flux))
            for some in (real, simulated)
        )
        assert other == pytest.approx(one, rel=0.07 if radius < 4 else 0.12), radius


def test_total_flux_is_that_of_the_catalogue(real, simulated, magnitudes):
    for band in (1, 2, 3):
        bright = np.flatnonzero(magnitudes[:, band] < 19.8)
        flux = 10 ** (0.4 * (22.5 - magnitudes[bright, band]))
        one, other = (np.median(aperture(some.light(band, bright), 12) / flux) for some in (real, simulated))
        assert other == pytest.approx(one, abs=0.025)


def centres(some: Seen, band: int, rows: np.ndarray) -> FloatArray:
    weight = np.exp(-0.5 * (RADIUS / 2.5) ** 2) * some.light(band, rows)
    total = weight.sum(axis=(1, 2))
    return np.stack([(weight * axis).sum(axis=(1, 2)) / total for axis in (X, Y)], axis=1)


def test_sources_are_as_far_from_the_middle_and_bands_from_each_other(real, simulated, magnitudes):
    bright = np.flatnonzero((magnitudes[:, 2] < 20) & (magnitudes[:, 3] < 20))
    one, other = ({band: centres(some, band, bright) for band in (2, 3)} for some in (real, simulated))
    for band in (2, 3):
        assert np.median(np.abs(other[band])) == pytest.approx(np.median(np.abs(one[band])), rel=0.12)
    between = [np.median(np.abs(some[2] - some[3])) for some in (one, other)]
    # Some 450 sources: the standard error of the median is 6 %.
    assert between[1] == pytest.approx(between[0], rel=0.2)


def neighbours(some: Seen, band: int) -> float:
    """Share of stamps with a peak of 6 sigma far from the source."""
    found = 0
    for light, noise in zip(some.light(band, np.arange(len(some.pixels))), some.noise[:, band], strict=True):
        smooth = gaussian_filter(light, 1.2)
        peaks = (smooth == maximum_filter(smooth, 5)) & (smooth > 6 * 0.38 * noise) & (RADIUS > 6)
        found += peaks.any()
    return found / len(some.pixels)


@pytest.mark.parametrize("band", [1, 2, 3])
def test_as_many_stamps_have_a_neighbour(real, simulated, band):
    one, other = neighbours(real, band), neighbours(simulated, band)
    assert 0.08 < one < 0.25
    # 2,140 stamps each: 0.01 is the standard error of the difference.
    assert other == pytest.approx(one, abs=0.035)
