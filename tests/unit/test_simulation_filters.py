"""AB magnitudes against those of speclite and against the definition."""

import numpy as np
import pytest

from vo_photoz.errors import UsageError
from vo_photoz.simulation.filters import (
    SDSS,
    ab_magnitudes,
    filter_curve,
    maggies,
    nanomaggies,
    wavelength_grid,
)


def test_flat_spectrum_in_frequency_has_its_ab_magnitude():
    wavelength = wavelength_grid()
    flux = 3.631e-20 * 2.99792458e18 / wavelength**2  # 3631 Jy
    assert ab_magnitudes(wavelength, flux[None]) == pytest.approx(np.zeros((1, 5)), abs=1e-10)
    assert maggies(wavelength, 1e-9 * flux[None]) == pytest.approx(np.full((1, 5), 1e-9))


@pytest.mark.parametrize("slope", [-3.0, 0.0, 2.0])
def test_agrees_with_speclite(slope):
    import astropy.units as u
    from speclite.filters import load_filters

    wavelength = wavelength_grid(step=2.0)
    flux = 1e-16 * (wavelength / 6000) ** slope
    table = load_filters(*SDSS).get_ab_magnitudes(
        flux * u.erg / u.s / u.cm**2 / u.Angstrom, wavelength * u.Angstrom
    )
    theirs = [float(table[name][0]) for name in SDSS]
    assert ab_magnitudes(wavelength, flux[None])[0] == pytest.approx(theirs, abs=3e-3)


def test_nanomaggies():
    assert nanomaggies(np.array([22.5, 20.0])) == pytest.approx([1.0, 10.0])


def test_unknown_filter_is_one_sentence():
    with pytest.raises(UsageError, match="no filter named sdss2010-q"):
        filter_curve("sdss2010-q")


def test_spectrum_must_cover_the_filters():
    wavelength = np.arange(4000.0, 9000.0, 5.0)
    with pytest.raises(UsageError, match="does not cover the filter sdss2010-u"):
        maggies(wavelength, np.ones((1, len(wavelength))))


def test_uneven_wavelengths_are_refused():
    with pytest.raises(UsageError, match="evenly spaced"):
        maggies(np.geomspace(2900, 11200, 500), np.ones((1, 500)))
