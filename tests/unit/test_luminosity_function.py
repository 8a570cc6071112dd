"""The luminosity function against measured densities and counts."""

import numpy as np
import pytest

from vo_photoz.errors import UsageError
from vo_photoz.simulation.quasars.luminosity_function import (
    draw_magnitudes_at,
    draw_sky,
    log_density,
    surface_density,
)

# Redshift, absolute magnitude and log10 of the density per Mpc3 and magnitude in measured bins. The first two
# papers give M_i at z = 2, which is M_1450 - 1.486 (Richards et al. 2006, equation 3).
RICHARDS_2006 = [  # AJ 131, 2766, table 6
    (0.58, -24.75, -6.59), (0.95, -25.65, -6.62), (1.31, -26.55, -6.83), (1.66, -26.85, -6.63),
    (2.02, -27.45, -6.87), (2.44, -27.75, -7.05), (3.25, -28.05, -7.47), (3.76, -27.75, -7.44),
    (4.24, -27.75, -7.81),
]  # fmt: skip
ROSS_2013 = [  # ApJ 773, 14, table 9
    (2.255, -25.95, -5.923), (2.253, -24.75, -5.633), (2.545, -25.95, -6.118), (2.906, -25.95, -6.199),
    (3.12, -26.25, -6.377),
]  # fmt: skip
MCGREER_2013 = [(4.9, -26.55, -8.20), (4.9, -25.35, -7.53), (4.9, -24.25, -7.14)]  # ApJ 768, 105, table 4
JIANG_2016 = [
    (6.0, -27.8, -9.49),
    (6.0, -27.2, -8.96),
    (6.0, -26.59, -8.71),
    (6.0, -25.92, -7.67),
]  # ApJ 833, 222


@pytest.mark.parametrize(
    ("points", "offset", "typical", "worst"),
    [
        (RICHARDS_2006, 1.486, 0.2, 0.3),
        (ROSS_2013, 1.486, 0.10, 0.15),
        (MCGREER_2013, 0.0, 0.12, 0.15),
        (JIANG_2016, 0.0, 0.5, 0.85),  # bins of a few quasars each, with errors up to 0.6
    ],
)
def test_densities_are_those_that_were_measured(points, offset, typical, worst):
    z, magnitude, measured = np.array(points).T
    off = log_density(z, magnitude + offset) - measured
    assert np.abs(off).max() < worst
    assert np.sqrt((off**2).mean()) < typical


def test_density_is_continuous_where_one_fit_hands_over():
    z = np.linspace(4.0, 5.0, 401)
    for magnitude in (-27.5, -26.0, -24.5):
        assert np.abs(np.diff(log_density(z, np.float64(magnitude)))).max() < 0.01


def test_counts_on_the_sky():
    z, magnitude = np.linspace(0.3, 2.2, 191)[:, None], np.linspace(15, 19.1, 83)
    count = surface_density(z, magnitude).sum() * 0.01 * 0.05
    # SDSS DR3 has 5.7 to 6.5 quasars per deg2 with 0.3 < z < 2.2 and i < 19.1 (Richards et al. 2006,
    # figure 12; the number is from memory).
    assert count == pytest.approx(6, rel=0.25)


def test_far_quasars_fade_from_i_before_z():
    density = [surface_density(np.float64(6.2), np.float64(20.5), f"sdss2010-{band}") for band in "iz"]
    assert density[0] < 0.2 * density[1]


def test_drawn_sky_has_the_density():
    rng = np.random.default_rng(1)
    z, i = draw_sky(rng, 300.0, z_range=(1.0, 3.0), magnitude_range=(17.0, 20.0))
    grid = surface_density(np.linspace(1, 3, 201)[:, None], np.linspace(17, 20, 151)).mean() * 6
    assert len(z) == pytest.approx(300 * grid, rel=0.04)
    assert (z.min(), z.max()) == (pytest.approx(1, abs=0.02), pytest.approx(3, abs=0.02))
    bright, faint = (i < 18).sum(), ((i > 19) & (i < 20)).sum()
    assert faint > 3 * bright


def test_magnitudes_at_a_redshift_follow_the_density():
    rng = np.random.default_rng(2)
    drawn = draw_magnitudes_at(rng, np.full(40_000, 3.0), (17.0, 21.0))
    counts = np.histogram(drawn, [17.0, 18.0, 19.0, 20.0, 21.0])[0]
    fine = np.linspace(17.005, 20.995, 400)
    expected = surface_density(np.full(400, 3.0), fine).reshape(4, 100).sum(axis=1)
    assert counts / counts.sum() == pytest.approx(expected / expected.sum(), abs=0.01)


@pytest.mark.parametrize(
    "ranges", [{"z_range": (2.0, 1.0)}, {"z_range": (0.0, 9.0)}, {"magnitude_range": (20.0, 19.0)}]
)
def test_empty_ranges_are_one_sentence(ranges):
    with pytest.raises(UsageError, match="empty or beyond"):
        draw_sky(np.random.default_rng(3), 1.0, **ranges)
