"""Hydrogen absorption: the formulae of Inoue et al. (2014) against measurements and against themselves."""

import numpy as np
import pytest

from vo_photoz.simulation.quasars import igm


def forest_transmission(z_absorber):
    """Transmission of the Lyman alpha forest alone, seen just blueward of the line of a farther source."""
    return igm.igm_transmission(1215.67 * (1 + z_absorber), z_absorber + 0.1)


@pytest.mark.parametrize("z", [2.2, 2.5, 3.0, 3.5, 4.0, 4.5])
def test_forest_agrees_with_the_measured_effective_depth(z):
    # Becker et al. 2013 (MNRAS 430, 2067), equation 5, measured on 6,065 SDSS quasars.
    measured = np.exp(-(0.751 * ((1 + z) / 4.5) ** 2.90 - 0.132))
    assert forest_transmission(z) == pytest.approx(measured, abs=0.04)


def test_forest_agrees_with_madau():
    # Madau 1995 (ApJ 441, 18), equation 12: depth of Lyman alpha 0.0036 (1 + z)^3.46.
    assert -np.log(forest_transmission(3.0)) == pytest.approx(0.0036 * 4**3.46, rel=0.1)


def test_depth_is_continuous_at_the_breaks():
    for at in (2.2, 5.7):
        low, high = igm._forest_segment(np.array([at - 1e-9, at + 1e-9]), 0.0169)
        assert low == pytest.approx(high, rel=1e-6)
    low, high = igm._damped_segment(np.array([3 - 1e-9, 3 + 1e-9]), 1.617e-4)
    assert low == pytest.approx(high, rel=1e-6)


def test_derived_coefficients_are_those_printed():
    # Table 2 prints for Lyman alpha A2 = 2.354e-3, A3 = 1.026e-4 (forest) and 5.390e-5 (damped).
    forest = igm._forest_segment(np.array([3.0, 6.0]), 1.690e-2)
    assert forest == pytest.approx([2.354e-3 * 3**3.7, 1.026e-4 * 6**5.5], rel=1e-3)
    assert igm._damped_segment(np.array([4.0]), 1.617e-4) == pytest.approx(5.390e-5 * 4**3, rel=1e-3)


@pytest.mark.parametrize("z", [0.8, 1.5, 3.0, 5.5])
def test_lyman_continuum_is_smooth_and_starts_at_the_limit(z):
    wavelength = np.arange(igm.LYMAN_LIMIT, igm.LYMAN_LIMIT * (1 + z), 0.5)
    depth = igm.continuum_depth(wavelength, z)
    assert depth[-1] == pytest.approx(0, abs=0.06)
    # Three printed digits leave steps of a hundredth of the depth at the breaks.
    assert np.abs(np.diff(depth)).max() < max(0.01 * depth.max(), 0.005)
    assert igm.continuum_depth(igm.LYMAN_LIMIT * (1 + z) + 1, z) == 0


def test_nothing_is_absorbed_redward_of_lyman_alpha():
    assert igm.igm_transmission(1215.67 * 4.01, 3.0) == 1


def test_transmission_falls_with_redshift():
    wavelength = 4000.0
    values = igm.igm_transmission(wavelength, np.array([2.3, 2.5, 3.0, 3.3, 3.5, 4.0]))
    assert np.all(np.diff(values) <= 0)
    assert values[0] > 0.8
    assert values[-1] < 0.1


def test_drawn_systems_take_their_mean():
    z = np.full(4000, 3.5)
    systems = igm.draw_limit_systems(np.random.default_rng(1), z)
    wavelength = igm.LYMAN_LIMIT * np.array([3.2, 3.8, 4.3])
    drawn = -np.log(np.exp(-igm.limit_systems_depth(wavelength, systems)).mean(axis=0))
    assert drawn == pytest.approx(igm.mean_limit_depth(wavelength, 3.5), rel=0.06)


def test_sightlines_scatter_about_the_published_mean():
    z = np.full(3000, 3.2)
    systems = igm.draw_limit_systems(np.random.default_rng(2), z)
    wavelength = np.array([3300.0, 3600.0])
    each = igm.igm_transmission(wavelength, z[:, None], systems=systems)
    assert each.mean(axis=0) == pytest.approx(igm.igm_transmission(wavelength, 3.2), rel=0.06)
    # Thick systems make the sky two-faced: some sightlines are black, some nearly free.
    assert np.percentile(each[:, 0], 10) < 0.02
    assert np.percentile(each[:, 0], 90) > 0.3


def test_no_system_lies_behind_its_source():
    z = np.array([0.0, 0.5, 2.0, 6.0])
    systems = igm.draw_limit_systems(np.random.default_rng(3), np.repeat(z, 50))
    assert np.all(systems.z <= np.repeat(z, 50)[:, None])
    assert np.all(systems.depth[systems.z > 0] >= 1)
