"""Populations: what stars and galaxies have in common."""

import numpy as np

from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.populations import join
from vo_photoz.simulation.stars import draw_stars


def test_join_and_take():
    both = join(draw_stars(np.random.default_rng(7), 3), draw_galaxies(np.random.default_rng(7), 2))
    picked = both.take(np.array([4, 0]))
    assert list(picked.kind) == ["GALAXY", "STAR"]
    assert picked.magnitude.shape == (2, 5)
