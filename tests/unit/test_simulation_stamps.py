"""Images: fluxes, places, widths and noise of what is rendered."""

from dataclasses import replace

import numpy as np
import pytest

from vo_photoz.simulation.imaging.exposures import SDSS_IMAGING
from vo_photoz.simulation.imaging.profiles import moffat
from vo_photoz.simulation.populations import Population, join
from vo_photoz.simulation.stamps import render_field
from vo_photoz.simulation.stars import draw_stars

QUIET = replace(SDSS_IMAGING, sky_sigma=(0.0,) * 5, offset_pixels=0.0)


def one(magnitude=18.0, radius=0.0, sersic=0.0, axis_ratio=1.0, angle=0.0):
    return Population(
        np.array(["GALAXY" if radius else "STAR"]), np.zeros(1), np.full((1, 5), magnitude),
        np.array([radius]), np.array([axis_ratio]), np.array([angle]), np.array([sersic]),
        np.full((1, 5), 0.0 if radius else 1.0),
    )  # fmt: skip


def render(population, x, y, size=121, imaging=QUIET):
    return render_field(
        np.random.default_rng(1), population, np.array(x), np.array(y), (size, size), imaging=imaging
    )


def moments(image):
    y, x = np.indices(image.shape)
    total = image.sum()
    mx, my = (image * x).sum() / total, (image * y).sum() / total
    return mx, my, (image * (x - mx) ** 2).sum() / total, (image * (y - my) ** 2).sum() / total


def test_moffat_is_normalised_and_has_its_width():
    x = np.arange(-60, 61.0)
    profile = moffat(x[None, :], x[:, None], 3.0, 3.0)
    assert profile.sum() == pytest.approx(1, abs=2e-3)
    assert moffat(np.array([1.5]), np.array([0.0]), 3.0, 3.0)[0] == pytest.approx(profile.max() / 2)


@pytest.mark.parametrize("place", [(60.0, 60.0), (60.37, 59.81)])
def test_point_source_keeps_flux_and_place(place):
    images = render(one(), [place[0]], [place[1]])
    flux = 10 ** (0.4 * (22.5 - 18.0))
    assert images.sum(axis=(1, 2)) == pytest.approx(np.full(5, flux), rel=2e-3)
    core = images[2, 50:71, 50:71]
    x, y, *_ = moments(core)
    assert (x + 50, y + 50) == pytest.approx(place, abs=0.02)


@pytest.mark.parametrize(("radius", "sersic"), [(0.7, 1.0), (2.2, 4.0), (1.5, 1.0)])
def test_galaxy_keeps_flux_and_is_wider_than_a_star(radius, sersic):
    galaxy = render(one(radius=radius, sersic=sersic), [60.2], [60.4])[2]
    star = render(one(), [60.2], [60.4])[2]
    assert galaxy.sum() == pytest.approx(10 ** (0.4 * 4.5), rel=0.01)
    assert galaxy.max() < star.max()
    x, y, *_ = moments(galaxy)
    assert (x, y) == pytest.approx((60.2, 60.4), abs=0.05)


def test_half_of_the_light_is_inside_the_half_light_radius():
    sharp = replace(QUIET, fwhm_arcsec=(0.5,) * 5)
    image = render(one(radius=4.0, sersic=1.0), [60.0], [60.0], imaging=sharp)[2]
    y, x = np.indices(image.shape) - 60.0
    inside = image[np.hypot(x, y) * 0.396 < 4.0].sum() / image.sum()
    assert inside == pytest.approx(0.5, abs=0.03)


def test_position_angle_runs_from_north_through_east():
    # At 90 degrees a galaxy is long in x; at 45 it leans to the north-east, where x falls and y grows.
    *_, wide, high = moments(render(one(radius=1.5, sersic=1.0, axis_ratio=0.4, angle=90), [60.0], [60.0])[2])
    assert wide > 1.3 * high
    image = render(one(radius=1.5, sersic=1.0, axis_ratio=0.4, angle=45), [60.0], [60.0])[2]
    y, x = np.indices(image.shape) - 60.0
    assert (image * x * y).sum() < 0


def test_empty_sky_has_the_noise_of_each_band():
    nobody = draw_stars(np.random.default_rng(1), 1).take(np.array([], dtype=int))
    images = render(nobody, [], [], size=300, imaging=SDSS_IMAGING)
    assert images.std(axis=(1, 2)) == pytest.approx(SDSS_IMAGING.sky_sigma, rel=0.02)
    assert np.abs(images.mean(axis=(1, 2)) / SDSS_IMAGING.sky_sigma).max() < 0.02


def test_bright_sources_add_photon_noise():
    clean = render(one(14.0), [60.0], [60.0])
    noisy = render(one(14.0), [60.0], [60.0], imaging=replace(SDSS_IMAGING, offset_pixels=0.0))
    core = np.s_[:, 58:63, 58:63]
    assert np.all((noisy - clean)[core].std(axis=(1, 2)) > 2 * np.array(SDSS_IMAGING.sky_sigma))


def test_bands_are_shifted_against_each_other():
    shifted = render(one(), [60.0], [60.0], imaging=replace(QUIET, offset_pixels=0.3))
    places = np.array([moments(image[45:76, 45:76])[:2] for image in shifted])
    assert np.ptp(places, axis=0).min() > 0.05


def test_sources_at_and_beyond_the_edge():
    images = render(join(one(), one(), one()), [0.0, -5.0, 500.0], [60.0, 60.0, 60.0])
    assert np.isfinite(images).all()
    # Half of the first star and its middle column, the wing of the second, nothing of the third.
    assert 0.6 < images[2].sum() / 10 ** (0.4 * 4.5) < 0.7
