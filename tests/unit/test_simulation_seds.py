"""Galaxy spectra: what redshift does to colours."""

import numpy as np
import pytest

from vo_photoz.simulation.filters import ab_magnitudes, wavelength_grid
from vo_photoz.simulation.seds import GALAXY_TYPES, galaxy_sed


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
