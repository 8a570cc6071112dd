"""Populations: distributions, colours against real SDSS quasars and stars."""

import numpy as np
import pytest

from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.populations import join
from vo_photoz.simulation.quasars import draw_quasars, draw_redshifts, log_luminosity
from vo_photoz.simulation.stars import draw_stars

SKY_AREA = np.array([0.045, 0.017, 0.028, 0.047, 0.18]) * 4  # noise of a point source, nanomaggies
SOFTENING = np.array([1.4, 0.9, 1.2, 1.8, 7.4]) * 1e-10


def test_redshifts_fill_the_range_and_fall_by_a_quarter():
    z = draw_redshifts(np.random.default_rng(1), 200_000, 2.75, 5.0)
    assert 2.75 <= z.min() < 2.76
    assert 4.99 < z.max() <= 5.0
    first, last = np.histogram(z, [2.75, 2.975, 4.775, 5.0])[0][[0, 2]]
    assert last / first == pytest.approx(0.7625 / 0.9875, rel=0.03)


def test_quasar_magnitudes_are_those_of_the_real_stamps():
    quasars = draw_quasars(np.random.default_rng(2), 1000)
    # Percentiles of i measured on real SDSS quasars: 19.56, 20.05, 20.65.
    assert np.percentile(quasars.magnitude[:, 3], [25, 50, 75]) == pytest.approx(
        [19.56, 20.05, 20.65], abs=0.15
    )
    assert set(quasars.kind) == {"QSO"}
    assert np.all(quasars.half_light_arcsec == 0)


def test_farthest_quasars_are_set_by_z():
    quasars = draw_quasars(np.random.default_rng(3), 100, z_range=(5.8, 6.4))
    assert np.all((quasars.magnitude[:, 4] > 16.9) & (quasars.magnitude[:, 4] < 22.3))
    assert np.median(quasars.magnitude[:, 3] - quasars.magnitude[:, 4]) > 1


def test_given_redshifts_are_kept():
    z = np.array([0.5, 3.0, 4.5])
    assert draw_quasars(np.random.default_rng(4), 3, z=z).z == pytest.approx(z)


def test_luminosity_grows_with_distance():
    low, high = log_luminosity(np.array([1.25, 3.7]), np.array([20.0, 20.0]))
    assert high > low


def test_stars_follow_the_locus():
    stars = draw_stars(np.random.default_rng(5), 4000)
    colour = -np.diff(stars.magnitude, axis=1)
    g_i = colour[:, 1] + colour[:, 2]
    blue = np.median(colour[np.abs(g_i - 0.5) < 0.1], axis=0)
    # F and G stars in SDSS DR9: u-g 1.13, g-r 0.38, r-i 0.13, i-z 0.04.
    assert blue == pytest.approx([1.13, 0.38, 0.13, 0.04], abs=0.06)
    red = np.median(colour[np.abs(g_i - 2.5) < 0.2], axis=0)
    assert red[1] == pytest.approx(1.46, abs=0.06)  # the g-r plateau of M dwarfs
    assert red[2] == pytest.approx(1.03, abs=0.1)


def test_galaxies_are_thin_but_sane():
    galaxies = draw_galaxies(np.random.default_rng(6), 500)
    assert np.all((galaxies.z >= 0.01) & (galaxies.z <= 1))
    assert np.corrcoef(galaxies.z, galaxies.magnitude[:, 2])[0, 1] > 0.4
    assert set(galaxies.sersic) == {1.0, 4.0}
    assert np.all(galaxies.half_light_arcsec > 0.1)


def test_join_and_take():
    both = join(draw_stars(np.random.default_rng(7), 3), draw_galaxies(np.random.default_rng(7), 2))
    picked = both.take(np.array([4, 0]))
    assert list(picked.kind) == ["GALAXY", "STAR"]
    assert picked.magnitude.shape == (2, 5)


def test_the_same_seed_gives_the_same_sky():
    one, two = (draw_quasars(np.random.default_rng(8), 20) for _ in range(2))
    assert np.array_equal(one.magnitude, two.magnitude)


@pytest.mark.shared
def test_colour_tracks_follow_real_quasars(shared):
    with np.load(shared / "data/quasars/sdss_quasars_ugriz.npz", allow_pickle=False) as real:
        use = (real["fold"] > 0) & (real["z"] < 4.75)
        z, magnitude = real["z"][use].astype(float), real["mag"][use]
    rng = np.random.default_rng(9)
    quasars = draw_quasars(rng, len(z), z=z)
    flux = 10 ** (0.4 * (22.5 - quasars.magnitude)) + rng.normal(0, 1, (len(z), 5)) * SKY_AREA
    asinh = -2.5 / np.log(10) * (np.arcsinh(flux * 1e-9 / (2 * SOFTENING)) + np.log(SOFTENING))
    for low in np.arange(2.75, 4.75, 0.25):
        here = (z >= low) & (z < low + 0.25)
        ours, theirs = (np.median(-np.diff(m[here], axis=1), axis=0) for m in (asinh, magnitude))
        # Without u-g: SDSS found red quasars more easily at 3 < z < 3.5 (Worseck & Prochaska 2011).
        tolerance = 0.12 if low < 4.5 else 0.2
        assert np.abs(ours - theirs)[1:] == pytest.approx([0, 0, 0], abs=tolerance), f"z = {low}"
