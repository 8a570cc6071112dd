"""Populations: stars and galaxies."""

import numpy as np
import pytest

from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.populations import join
from vo_photoz.simulation.stars import draw_stars


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
