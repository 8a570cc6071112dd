"""Photometry on stamps against sources of known flux, size and shape."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.datasets.features import Softening, feature_names, features
from vo_photoz.datasets.photometry import joined, photometry

SIDE, SCALE = 28, 0.4
NOISE = np.array([3.0, 1.0, 2.0])


def sources(
    n: int, sigma: float | np.ndarray, flux: float, *, ratio: float = 1.0, noise: bool = True, seed: int = 1
):
    """Gaussians of a total flux (unit of the pixels times arcsec2), off centre by up to half a pixel."""
    rng = np.random.default_rng(seed)
    offset = np.arange(SIDE) - (SIDE - 1) / 2
    x0, y0 = rng.uniform(-0.5, 0.5, (2, n, 1, 1))
    angle = rng.uniform(0, np.pi, (n, 1, 1))
    dx, dy = offset[None, None, :] - x0, offset[None, :, None] - y0
    u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    a, b = sigma / np.sqrt(ratio), sigma * np.sqrt(ratio)
    shape = np.exp(-0.5 * ((u / a) ** 2 + (v / b) ** 2)) / (2 * np.pi * a * b)
    stamps = np.repeat((flux / SCALE**2 * shape)[:, None], 3, axis=1)
    if noise:
        stamps = stamps + rng.normal(0, 1, stamps.shape) * NOISE[:, None, None]
    return stamps.astype(np.float32)


def test_total_flux_size_and_shape_of_a_gaussian():
    found = photometry(sources(50, 1.8, 500.0, ratio=0.6, noise=False), SCALE)
    assert found.total == pytest.approx(np.full((50, 3), 500.0), rel=0.01)
    assert found.size == pytest.approx(np.full(50, 1.8 * SCALE), rel=0.01)
    assert found.axis_ratio == pytest.approx(np.full(50, 0.6), abs=0.01)


def test_point_sources_have_their_flux_in_the_psf_and_in_large_circles():
    width = 1.4 / 2.3548 / SCALE
    found = photometry(sources(50, width, 500.0, noise=False), SCALE)
    assert found.psf == pytest.approx(np.full((50, 3), 500.0), rel=0.01)
    expected = 500 * (1 - np.exp(-0.5 * (np.array([0.8, 1.2, 2.0, 3.2]) / (1.4 / 2.3548)) ** 2))
    assert found.aperture.mean((0, 1)) == pytest.approx(expected, rel=0.03)


def test_a_shifted_band_mean_is_sky_and_does_not_count():
    stamps = sources(30, 1.5, 500.0)
    lifted = photometry(stamps + np.float32(40), SCALE)
    assert lifted.total == pytest.approx(photometry(stamps, SCALE).total, rel=1e-3)


def test_errors_are_those_of_repeated_measurements():
    found = photometry(sources(1500, 1.5, 300.0), SCALE)
    for flux, error in (
        (found.psf, found.psf_error),
        (found.aperture[..., 2], found.aperture_error[..., 2]),
        (found.total[:, ::2], found.total_error[:, ::2]),  # in the deepest band the common shape counts more
    ):
        assert flux.std(0) == pytest.approx(error.mean(0), rel=0.15)
    assert found.psf.std(0)[0] > 2 * found.psf.std(0)[1]  # the noisier band


def test_extended_sources_differ_from_points():
    point, wide = (photometry(sources(40, sigma, 800.0), SCALE) for sigma in (1.5, 3.0))
    assert np.median(wide.size) == pytest.approx(2 * np.median(point.size), rel=0.05)
    assert np.median(wide.psf / wide.total) < 0.75 * np.median(point.psf / point.total)


def test_empty_and_holed_stamps_give_finite_features():
    stamps = sources(20, 1.5, 300.0)
    stamps[0] = 0
    stamps[1, 2] = np.nan
    stamps[2, :, :5] = np.nan
    stamps[3] = -stamps[3]
    measured = photometry(stamps, SCALE)
    found = features(measured, Softening.of(measured))
    assert np.isfinite(found).all()
    assert found.shape == (20, len(feature_names("gri")))
    assert measured.total[2] == pytest.approx(photometry(sources(20, 1.5, 300.0), SCALE).total[2], rel=0.05)


def test_features_are_what_their_names_say():
    measured = joined([photometry(sources(10, 1.5, flux, seed=int(flux)), SCALE) for flux in (300.0, 3000.0)])
    found = dict(zip(feature_names("gri"), features(measured, Softening.of(measured)).T, strict=True))
    step = np.median(found["total r"][10:]) - np.median(found["total r"][:10])
    assert step == pytest.approx(-2.5, abs=0.05)  # ten times the flux
    assert found["psf g-r"] == pytest.approx(found["psf g"] - found["psf r"])
    assert found["size"] == pytest.approx(np.log10(measured.size))
