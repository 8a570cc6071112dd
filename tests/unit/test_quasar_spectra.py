"""Quasar spectra: line strengths, slopes, absorption, and the fast path against the exact one."""

from dataclasses import replace

import numpy as np
import pytest

from vo_photoz.errors import UsageError
from vo_photoz.simulation.cosmology import distance_modulus
from vo_photoz.simulation.filters import LSST, PANSTARRS, SDSS, ab_magnitudes, maggies, wavelength_grid
from vo_photoz.simulation.quasars.components import GROUPS
from vo_photoz.simulation.quasars.draws import (
    absolute_1450,
    draw_shapes,
    magnitude_over_1450,
)
from vo_photoz.simulation.quasars.exact import quasar_sed, trough_transmission
from vo_photoz.simulation.quasars.fluxes import band_fluxes
from vo_photoz.simulation.quasars.shapes import FOREST_NODES, QuasarShapes, Troughs

ALL_LINES = (1.0,) * len(GROUPS)


def plain(n, *, strength=ALL_LINES, **changes):
    """Plain quasars, all the same."""
    values = {"slope": -0.44, "slope_uv": -1.5, "slope_red": -0.44, "ebv": 0.0, "host": 0.0, **changes}
    return QuasarShapes(
        **{name: np.full(n, value) for name, value in values.items()},
        strength=np.tile(strength, (n, 1)),
        forest=np.ones((n, len(FOREST_NODES))),
    )


NO_LINES = (0.0,) * len(GROUPS)


def colours(z, **changes):
    wavelength = wavelength_grid()
    return -np.diff(ab_magnitudes(wavelength, quasar_sed(wavelength, z, plain(len(z), **changes))), axis=1)


def test_continuum_has_its_slopes():
    rest = np.array([1000.0, 1090.0, 1300.0, 2200.0, 4000.0, 6000.0])
    flux = quasar_sed(rest, np.zeros(1), plain(1, strength=NO_LINES, slope_red=0.1))[0]
    slopes = np.log(flux[1::2] / flux[::2]) / np.log(rest[1::2] / rest[::2])
    assert slopes == pytest.approx([-2 + 1.5, -2 + 0.44, -2 - 0.1])


@pytest.mark.parametrize(("centre", "width"), [(1546.15, 23.78), (2800.26, 32.28), (4853.13, 46.21)])
def test_lines_have_their_published_equivalent_width(centre, width):
    rest = np.arange(centre - 100, centre + 100, 0.5)
    no_iron = tuple(0.0 if name.startswith("iron") or name == "balmer_continuum" else 1.0 for name in GROUPS)
    line = quasar_sed(rest, np.zeros(1), plain(1, strength=no_iron))
    bare = quasar_sed(rest, np.zeros(1), plain(1, strength=NO_LINES))
    near = np.abs(rest - centre) < 80
    # Neighbouring weak lines add a little.
    assert ((line / bare - 1)[0, near].sum() * 0.5) == pytest.approx(width, rel=0.08)


def test_luminous_quasars_have_weaker_lines_and_fainter_hosts():
    shapes = draw_shapes(np.random.default_rng(1), np.full(2, 2.0), np.array([0.0, 1.0]), scatter=0.0)
    lya, c_iv = (GROUPS.index(name) for name in ("lya", "high"))
    assert np.all(shapes.strength[1, [lya, c_iv]] < shapes.strength[0, [lya, c_iv]])
    # Croom et al. 2002: host light grows as the power 0.42 of the quasar's.
    assert shapes.host[1] / shapes.host[0] == pytest.approx(10 ** (0.42 - 1))


def test_dust_reddens():
    rest = np.array([1500.0, 5000.0])
    passed = quasar_sed(rest, np.zeros(1), plain(1, ebv=0.1)) / quasar_sed(rest, np.zeros(1), plain(1))
    # A(1500) / E(B-V) = 1.39 * 0.15^-1.2 = 13.5
    assert -2.5 * np.log10(passed[0]) == pytest.approx([1.354, 0.319], abs=0.002)


def test_troughs_absorb_blueward_of_their_lines():
    rest = np.array([1440.0, 1500.0, 1560.0, 2740.0])
    troughs = Troughs(np.array([0.8]), np.array([5000.0]), np.array([12_000.0]), np.array([0.0]))
    assert trough_transmission(rest, troughs, 0) == pytest.approx([1, 0.2, 1, 1])
    low = trough_transmission(rest, replace(troughs, low=np.array([1.0])), 0)
    assert low[3] == pytest.approx(1 - 0.8 * 0.7)  # Mg II


def test_bands_drop_out_in_order():
    z = np.arange(2.6, 6.3, 0.1)
    u_g, g_r, r_i, i_z = colours(z).T
    assert u_g[np.searchsorted(z, 3.4)] - u_g[0] > 1  # the Lyman limit has left u
    assert np.all(np.diff(g_r[(z > 3.0) & (z < 5.0)]) > 0)  # forest and limit move through g
    assert r_i[np.searchsorted(z, 4.85)] - r_i[np.searchsorted(z, 4.0)] > 0.8  # forest in r
    assert i_z[-1] > 1.5  # forest in i
    assert np.abs(i_z[z < 4.8]).max() < 0.4


@pytest.mark.parametrize("filters", [SDSS, PANSTARRS, LSST])
@pytest.mark.parametrize("systems", [True, False])
def test_fast_fluxes_are_those_of_the_exact_spectra(filters, systems):
    z = np.linspace(0.02, 6.6, 70)
    shapes = draw_shapes(np.random.default_rng(2), z, np.linspace(-1, 1, 70))
    if not systems:
        shapes = replace(shapes, systems=None)
    wavelength = wavelength_grid(filters, step=1.0)
    exact = maggies(wavelength, quasar_sed(wavelength, z, shapes), filters)
    fast = sum(band_fluxes(z, shapes, filters))
    # Bands that have lost nearly all light do not matter: 4 % of the brightest band is 3.5 magnitudes.
    counts = exact > 0.04 * exact.max(axis=1, keepdims=True)
    assert counts.mean() > 0.65
    error = np.abs(2.5 * np.log10(fast[counts] / exact[counts]))
    assert error.max() < 0.02  # a limit system in a narrow band
    assert np.percentile(error, 99) < 0.005


def test_hosts_are_told_apart():
    z, bare = np.array([0.2, 0.2]), plain(2)
    quasar, galaxy = band_fluxes(z, replace(bare, host=np.array([0.0, 1.0])))
    assert quasar[0] == pytest.approx(quasar[1])
    assert np.all(galaxy[0] == 0)
    share = galaxy[1] / (quasar + galaxy)[1]
    assert np.all(np.diff(share[:4]) > 0)  # hosts are redder
    assert share[2] == pytest.approx(0.5, abs=0.1)


def test_redshifts_beyond_the_tables_are_one_sentence():
    with pytest.raises(UsageError, match="redshifts from 0 to"):
        band_fluxes(np.array([9.5]), plain(1))


def test_magnitudes_become_absolute_ones():
    # A power law without lines, dust or hydrogen has the same magnitude at 1450 A as f_nu there.
    assert distance_modulus(np.array([1.0])) == pytest.approx([44.10], abs=0.01)
    over = magnitude_over_1450(np.array([2.0, 6.5]))
    assert -0.6 < over[0, 3] < 0  # i lies at 2500 A in the rest frame, where f_nu is higher
    assert over[1, 3] > 1.5  # forest
    assert absolute_1450(np.array([2.0]), np.array([18.0])) == pytest.approx([18 - 45.96 + 1.19], abs=0.02)


def test_no_scatter_makes_all_alike():
    z = np.full(40, 1.5)
    same = draw_shapes(np.random.default_rng(3), z, np.zeros(40), scatter=0.0)
    spread = draw_shapes(np.random.default_rng(3), z, np.zeros(40))
    twice = draw_shapes(np.random.default_rng(3), z, np.zeros(40), scatter=2.0)
    assert np.ptp(same.slope) == 0
    assert twice.slope - same.slope == pytest.approx(2 * (spread.slope - same.slope))
    assert np.all(twice.ebv >= 0)
