"""Simulated stamps have the noise, the seeing, the offsets and the neighbours of real ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests import stamp_statistics as measure
from tests.stamp_statistics import half_width


@pytest.fixture(scope="module")
def everything(shared):
    """Real stamps, their magnitudes, and simulated stamps of the same magnitudes."""
    real, magnitudes = measure.real_stamps(shared / "data" / "quasars" / "sdss_quasars_ugriz.npz")
    return real, measure.simulated_stamps(magnitudes), magnitudes


@pytest.fixture(scope="module")
def both(everything):
    return everything[:2]


@pytest.fixture(scope="module")
def magnitudes(everything):
    return everything[2]


def bright(magnitudes, band: int):
    return np.flatnonzero(magnitudes[:, band] < (19.2 if band == 4 else 19.8))


@pytest.mark.parametrize("band", range(5))
def test_noise_of_the_sky_and_its_spread(both, band):
    one, other = (some.noise[:, band] for some in both)
    assert np.median(other) == pytest.approx(np.median(one), rel=0.03)
    assert half_width(np.log10(other)) == pytest.approx(half_width(np.log10(one)), rel=0.15)


def test_noise_of_the_bands_goes_together(both):
    one, other = (np.corrcoef(np.log(some.noise).T) for some in both)
    assert np.abs(one - other).max() < 0.1


@pytest.mark.parametrize("band", range(5))
def test_noise_of_an_aperture(both, band):
    # Off the source: sky noise correlated by the resampling, level of the sky, faint neighbours.
    one, other = (measure.aperture_noise(some, band) for some in both)
    assert other == pytest.approx(one, rel=0.05)


@pytest.mark.parametrize("band", [1, 2, 3, 4])
def test_width_of_point_sources_and_its_spread(both, magnitudes, band):
    for radii in ((2, 4), (3, 8)):
        one, other = (measure.concentration(some, band, bright(magnitudes, band), *radii) for some in both)
        assert np.median(other) == pytest.approx(np.median(one), abs=0.015)
        assert half_width(other) == pytest.approx(half_width(one), rel=0.25)


@pytest.mark.parametrize("band", [1, 2, 3])
def test_profile_of_point_sources(both, magnitudes, band):
    rows = bright(magnitudes, band)
    flux = 10 ** (0.4 * (22.5 - magnitudes[rows, band]))
    one, other = (measure.profile(some, band, rows, flux) for some in both)
    # From the peak down to a hundredth of it.
    assert other[:4] == pytest.approx(one[:4], rel=0.07)
    assert other[4:] == pytest.approx(one[4:], rel=0.12)


@pytest.mark.parametrize("band", [1, 2, 3])
def test_total_flux_is_that_of_the_catalogue(both, magnitudes, band):
    rows = bright(magnitudes, band)
    flux = 10 ** (0.4 * (22.5 - magnitudes[rows, band]))
    one, other = (np.median(measure.aperture(some.light(band, rows), 12) / flux) for some in both)
    assert other == pytest.approx(one, abs=0.025)


def test_sources_are_as_far_from_the_middle_and_bands_from_each_other(both, magnitudes):
    rows = np.flatnonzero((magnitudes[:, 2] < 20) & (magnitudes[:, 3] < 20))
    one, other = ({band: measure.centres(some, band, rows) for band in (2, 3)} for some in both)
    # Some 450 sources: the standard error of such a median is 6 %.
    for band in (2, 3):
        assert np.median(np.abs(other[band])) == pytest.approx(np.median(np.abs(one[band])), rel=0.2)
    between = [np.median(np.abs(some[2] - some[3])) for some in (one, other)]
    assert between[1] == pytest.approx(between[0], rel=0.2)


@pytest.mark.parametrize("band", [1, 2, 3])
def test_as_many_stamps_have_a_neighbour(both, band):
    one, other = (measure.neighbours(some, band) for some in both)
    assert 0.08 < one < 0.25
    # 2,140 stamps each: 0.01 is the standard error of the difference.
    assert other == pytest.approx(one, abs=0.035)
