"""Quasars beyond redshift 5 against real ones, which nothing was fitted to."""

import numpy as np
import pytest

from vo_photoz.simulation.filters import PANSTARRS
from vo_photoz.simulation.quasars import draw_quasars

# Redshift, r, i, z of quasars as Pan-STARRS DR1 has them (mean PSF magnitudes), from the public tables of
# Ross & Cross 2020 (arXiv:1906.06974); r where it was detected. The first ones of the table with i and z,
# whatever their colours.
REAL = np.array([
    (5.000, 20.838, 19.295, 19.308), (5.000, 21.242, 19.848, 19.207), (5.000, 22.141, 20.748, 20.522),
    (5.000, 21.657, 20.099, 19.839), (5.011, 21.329, 19.567, 19.625), (5.040, 21.810, 21.604, 21.471),
    (5.065, 22.026, 20.551, 20.069), (5.085, 21.569, 20.917, 20.569), (5.140, 20.683, 19.274, 19.096),
    (5.140, 22.007, 20.429, 20.238), (5.150, 21.851, 20.246, 19.969), (5.150, 21.478, 20.033, 19.552),
    (5.167, 21.258, 19.638, 19.234), (5.185, 21.698, 20.196, 20.030), (5.200, np.nan, 21.500, 21.153),
    (5.215, 21.775, 20.168, 20.197), (5.220, 21.547, 19.858, 19.764), (5.260, 20.443, 18.765, 18.385),
    (5.290, 21.737, 19.983, 19.880), (5.300, np.nan, 20.803, 20.632), (5.320, np.nan, 20.756, 20.288),
    (5.330, 21.567, 19.813, 19.294), (5.330, 21.875, 20.384, 20.206), (5.350, 21.682, 20.035, 19.576),
    (5.360, 21.329, 19.710, 19.261), (5.530, 22.130, 20.291, 19.417), (5.690, np.nan, 21.288, 19.245),
    (5.690, np.nan, 21.808, 20.236), (5.710, np.nan, 21.647, 20.026), (5.730, np.nan, 21.467, 19.194),
    (5.800, np.nan, 21.747, 19.738), (5.810, np.nan, 21.050, 18.818),
])  # fmt: skip


@pytest.mark.parametrize(("low", "high"), [(4.99, 5.1), (5.1, 5.24), (5.24, 5.4), (5.6, 5.85)])
def test_colours_beyond_redshift_5(low, high):
    real = REAL[(REAL[:, 0] >= low) & (REAL[:, 0] < high)]
    z = np.repeat(real[:, 0], 300)
    drawn = draw_quasars(
        np.random.default_rng(1), len(z), z=z, magnitudes=np.full(len(z), 19.8), filters=PANSTARRS
    ).magnitude
    i_z, error = real[:, 2] - real[:, 3], 1.25 * np.std(real[:, 2] - real[:, 3]) / np.sqrt(len(real))
    assert np.median(drawn[:, 2] - drawn[:, 3]) == pytest.approx(np.median(i_z), abs=0.1 + 2 * error)
    if high < 5.5:  # beyond, few are detected in r
        r_i = real[:, 1] - real[:, 2]
        assert np.median(drawn[:, 1] - drawn[:, 2]) == pytest.approx(np.nanmedian(r_i), abs=0.15)


def test_i_dropouts_stay_dropouts():
    z = np.full(2000, 6.1)
    drawn = draw_quasars(np.random.default_rng(2), 2000, z=z, magnitudes=np.full(2000, 19.8)).magnitude
    # Fan et al. 2001 (AJ 122, 2833) select z > 5.8 by i - z > 2.2 in SDSS.
    assert np.mean(drawn[:, 3] - drawn[:, 4] > 2.2) > 0.9
    assert np.median(drawn[:, 3] - drawn[:, 4]) < 3.5


def test_the_limit_in_z_beyond_the_reach_of_i():
    for limit in (21.5, 19.5):
        drawn = draw_quasars(
            np.random.default_rng(2),
            400,
            z_range=(4.8, 6.8),
            magnitudes="flat",
            far_limit=limit,
            galactic_ebv=0.0,
        )
        far = drawn.z > 5.5
        assert limit - 0.3 < drawn.magnitude[far, 4].max() <= limit + 0.3
        assert drawn.magnitude[~far, 3].max() > 21.8, "that in i is another"
