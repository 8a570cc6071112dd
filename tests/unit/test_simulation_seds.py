"""Quasar and galaxy spectra: line strengths, slopes, and what redshift does to colours."""

from dataclasses import replace

import numpy as np
import pytest

from vo_photoz.simulation.filters import ab_magnitudes, wavelength_grid
from vo_photoz.simulation.seds import GALAXY_TYPES, QuasarShapes, galaxy_sed, quasar_sed, smc_reddening


def shapes(n, **changes):
    """Plain quasars, all the same."""
    values = {
        "slope": -0.44, "slope_uv": -1.5, "line_strength": 1.0, "luminosity": 0.0, "iron": 100.0,
        "balmer": 0.1, "ebv": 0.0, "igm_series": 1.0, **changes,
    }  # fmt: skip
    return QuasarShapes(**{name: np.full(n, value) for name, value in values.items()})


def colours(z, **changes):
    wavelength = wavelength_grid()
    magnitude = ab_magnitudes(wavelength, quasar_sed(wavelength, z, shapes(len(z), **changes)))
    return -np.diff(magnitude, axis=1)


def test_continuum_has_its_slope():
    rest = np.array([1300.0, 2200.0])
    flux = quasar_sed(rest, np.zeros(1), shapes(1, line_strength=0.0, iron=0.0, balmer=0.0))[0]
    assert np.log(flux[1] / flux[0]) / np.log(2200 / 1300) == pytest.approx(-2 + 0.44)


@pytest.mark.parametrize(("centre", "width"), [(1546.15, 23.78), (2800.26, 32.28), (4853.13, 46.21)])
def test_lines_have_their_equivalent_width(centre, width):
    rest = np.arange(centre - 100, centre + 100, 0.5)
    line = quasar_sed(rest, np.zeros(1), shapes(1, iron=0.0, balmer=0.0))
    bare = quasar_sed(rest, np.zeros(1), shapes(1, iron=0.0, balmer=0.0, line_strength=0.0))
    level = np.interp(centre, rest, bare[0])
    near = np.abs(rest - centre) < 80
    # Neighbouring weak lines add a little.
    assert ((line - bare)[0, near].sum() * 0.5 / level) == pytest.approx(width, rel=0.08)


def test_luminous_quasars_have_weaker_lines():
    peak = quasar_sed(np.array([1546.15]), np.zeros(2), replace(shapes(2), luminosity=np.array([0.0, 1.0])))
    assert peak[1, 0] < peak[0, 0]


def test_dust_reddens():
    passed = smc_reddening(np.array([1500.0, 5000.0]), np.float64(0.1))
    assert passed[0] < passed[1] < 1
    # A(1500) / E(B-V) = 1.39 * 0.15^-1.2 = 13.5
    assert -2.5 * np.log10(passed[0]) == pytest.approx(1.354, abs=0.01)


def test_bands_drop_out_in_order():
    z = np.arange(2.6, 6.3, 0.1)
    u_g, g_r, r_i, i_z = colours(z).T
    assert u_g[np.searchsorted(z, 3.4)] - u_g[0] > 1  # the Lyman limit has left u
    assert np.all(np.diff(g_r[(z > 3.0) & (z < 5.0)]) > 0)  # forest and limit move through g
    assert r_i[np.searchsorted(z, 4.85)] - r_i[np.searchsorted(z, 4.0)] > 0.8  # forest in r
    assert i_z[-1] > 1.5  # forest in i
    assert np.abs(i_z[z < 4.8]).max() < 0.4


@pytest.mark.parametrize("kind", range(len(GALAXY_TYPES)))
def test_break_of_galaxies_moves_through_g(kind):
    wavelength = wavelength_grid()
    z = np.array([0.05, 0.2, 0.38])
    magnitude = ab_magnitudes(wavelength, galaxy_sed(wavelength, z, np.full(3, kind)))
    assert np.all(np.diff(magnitude[:, 1] - magnitude[:, 2]) > 0.05)


def test_early_galaxies_are_redder():
    wavelength = wavelength_grid()
    magnitude = ab_magnitudes(wavelength, galaxy_sed(wavelength, np.full(3, 0.08), np.arange(3)))
    g_r = magnitude[:, 1] - magnitude[:, 2]
    assert g_r[0] > g_r[1] > g_r[2]
    # SDSS DR14 galaxies have a median of 0.70 at this redshift.
    assert 0.3 < g_r[2] < g_r[0] < 1.0
