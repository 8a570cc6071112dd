"""The natural sky: densities, weights, what is left out."""

import numpy as np
import pytest

from vo_photoz.errors import UsageError
from vo_photoz.simulation.natural_sky import REDDEST_LEFT_OUT, natural_sky
from vo_photoz.simulation.stars.counts import star_counts


@pytest.fixture(scope="module")
def sky():
    return natural_sky(np.random.default_rng(1), 20_000.0, most_per_stratum=3000, galactic_ebv=0.0)


def test_weights_give_the_densities_of_the_counts(sky):
    _, counts = star_counts((15.0, 20.5))
    for kind in ("M0-M4", "M5-M9", "L", "T"):
        density, error = sky.density(sky.kind == kind)
        assert density == pytest.approx(counts[kind].sum(), abs=4 * error), kind
    # K stars lost their blue half, and with them the sum is whole.
    density, error = sky.density(sky.kind == "K")
    assert density + sky.left_out["K"] == pytest.approx(counts["K"].sum(), abs=4 * error)
    assert sky.left_out["F"] == pytest.approx(counts["F"].sum(), rel=1e-6)


def test_another_number_of_objects_is_the_same_sky(sky):
    other = natural_sky(np.random.default_rng(2), 5000.0, most_per_stratum=800, galactic_ebv=0.0)
    assert len(other) < 0.4 * len(sky)
    for kind in ("QSO", "M0-M4", "M5-M9", "L"):
        (one, error), (two, wider) = (s.density(s.kind == kind) for s in (sky, other))
        assert one == pytest.approx(two, abs=4 * np.hypot(error, wider)), kind


def test_quasars_are_rare_and_rarer_at_high_redshift(sky):
    quasar = sky.kind == "QSO"
    z = sky.population.z
    density = [sky.density(quasar & (z >= low) & (z < low + 0.6))[0] for low in (3.7, 4.7, 5.8)]
    assert density[0] > 3 * density[1] > 9 * density[2] > 0
    # SDSS found 29 quasars beyond 5.7 to z = 20 in 11,240 deg2 with known incompleteness (Jiang et al. 2016,
    # ApJ 833, 222; read from memory).
    bright = quasar & (z > 5.7) & (sky.population.magnitude[:, 4] < 20.0)
    assert 0.3 < sky.density(bright)[0] * 11_240 / 29 < 3


def test_red_dwarfs_outnumber_the_farthest_quasars(sky):
    magnitude = sky.population.magnitude
    dropout = magnitude[:, 3] - magnitude[:, 4] > 2.2
    quasars = sky.density(dropout & (sky.kind == "QSO"))[0]
    dwarfs = sky.density(dropout & np.isin(sky.kind, ["L", "T"]))[0]
    assert 2 < dwarfs / quasars < 30


def test_no_object_is_fainter_than_the_limit_and_blue_stars_are_missing(sky):
    assert sky.population.magnitude[:, 4].max() < 20.5
    star = ~np.isin(sky.kind, ["QSO", "GALAXY"])
    r_i = sky.population.magnitude[star, 2] - sky.population.magnitude[star, 3]
    assert np.percentile(r_i, 1) > REDDEST_LEFT_OUT - 0.1
    assert len(sky.weight) == len(sky.kind) == len(sky.population)


def test_everything_can_be_asked_for():
    whole = natural_sky(
        np.random.default_rng(3), 50.0, z_limit_mag=19.0, most_per_stratum=500, blue_stars=True, galaxies=True
    )
    assert whole.left_out == {}
    assert {"QSO", "GALAXY", "F", "G", "K", "WD"} <= set(whole.kind)
    assert set(whole.population.kind) == {"QSO", "GALAXY", "STAR"}
    assert np.all((whole.kind == "GALAXY") == (whole.population.kind == "GALAXY"))


def test_more_scatter_takes_stars_farther_from_their_sequence():
    tight, wide = (
        natural_sky(np.random.default_rng(4), 100.0, most_per_stratum=500, scatter=s, galactic_ebv=0.0)
        for s in (0.0, 2.0)
    )
    i_z = [
        np.std((s.population.magnitude[:, 3] - s.population.magnitude[:, 4])[s.kind == "L"])
        for s in (tight, wide)
    ]
    assert i_z[1] > i_z[0]


def test_what_cannot_be_drawn_is_told():
    for arguments in ({"area_deg2": 0.0}, {"area_deg2": 1.0, "z_limit_mag": 30.0}):
        with pytest.raises(UsageError, match="limit between 16 and 22"):
            natural_sky(np.random.default_rng(5), **arguments)
