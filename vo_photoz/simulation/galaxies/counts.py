"""How many galaxies a square degree holds, by magnitude, redshift and kind."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.cosmology import distance_modulus
from vo_photoz.simulation.galaxies.seds import BAND_SHIFT, dimming, template_fluxes

# Luminosity function in r shifted to z = 0.1: Blanton et al. 2003 (ApJ 592, 819), table 2, for H0 = 100:
# density 1.49e-2, M* -20.44, slope -1.05, luminosity evolution 1.62 mag and density evolution 0.18 per unit
# of redshift; here for H0 = 70. They measured it to z = 0.2; beyond, the evolution is carried on: the
# brightening of M* agrees with the 1.2 to 1.3 mag in B to z = 1 of Faber et al. 2007 (ApJ 665, 265). Entered
# from memory; checked by the counts of a field of SDSS and by 90 galaxies per deg2 with r < 17.77 (Strauss et
# al. 2002, AJ 124, 1810).
_HUBBLE = 0.7
_DENSITY, _STAR, _SLOPE = 1.49e-2 * _HUBBLE**3, -20.44 + 5 * np.log10(_HUBBLE), -1.05
LUMINOSITY_EVOLUTION, _DENSITY_EVOLUTION = 1.62, 0.18

# Share of red galaxies by absolute magnitude near z = 0.1, from 9,817 SDSS galaxies (tools/fit_galaxies.py).
# That of galaxies fainter than -20, which are few there, was lowered until the colours of SDSS DR14 galaxies
# with RA < 180 and z < 0.05 were met (sdss_dr14_skyserver_10k; those with RA > 180 are the test).
_RED_AT = np.array(
    [-23.75, -23.25, -22.75, -22.25, -21.75, -21.25, -20.75, -20.25, -19.75, -19.25, -18.5, -17.0]
)
_RED_SHARE = np.array([0.90, 0.90, 0.80, 0.74, 0.72, 0.68, 0.62, 0.58, 0.50, 0.40, 0.25, 0.12])
# The density of red galaxies falls by half to z = 1 against that of all: of the order of what Faber et al.
# (2007) find; a round number from memory.
_RED_FALL = 0.5

_LIGHT_OVER_HUBBLE = 299_792.458 / (100 * _HUBBLE)  # Mpc
_OMEGA = 0.3
_DEG2 = (np.pi / 180) ** 2


def red_share(absolute: FloatArray, z: FloatArray) -> FloatArray:
    """Share of red galaxies at absolute magnitudes (r at z = 0.1, as they are at their redshift)."""
    today = np.interp(absolute + LUMINOSITY_EVOLUTION * (z - BAND_SHIFT), _RED_AT, _RED_SHARE)
    return np.asarray(today * _RED_FALL ** np.clip((z - BAND_SHIFT) / (1 - BAND_SHIFT), 0, None))


def galaxy_density(absolute: FloatArray, z: FloatArray) -> FloatArray:
    """Galaxies per comoving Mpc3 and magnitude at absolute magnitudes and redshifts (Schechter 1976)."""
    star = _STAR - LUMINOSITY_EVOLUTION * (z - BAND_SHIFT)
    density = _DENSITY * 10 ** (0.4 * _DENSITY_EVOLUTION * (z - BAND_SHIFT))
    x = 10 ** (-0.4 * (absolute - star))
    return np.asarray(0.4 * np.log(10) * density * x ** (_SLOPE + 1) * np.exp(-x))


def volume_per_deg2(z: FloatArray) -> FloatArray:
    """Comoving Mpc3 per square degree and unit redshift (flat, Omega_m = 0.3, H0 = 70)."""
    comoving = 10 ** ((distance_modulus(z) - 25) / 5) / (1 + z)
    return np.asarray(_LIGHT_OVER_HUBBLE * comoving**2 / np.sqrt(_OMEGA * (1 + z) ** 3 + 1 - _OMEGA) * _DEG2)


def absolute_magnitude(r: FloatArray, z: FloatArray, red: NDArray[np.bool_]) -> FloatArray:
    """Absolute magnitude (r at redshift 0.1) of typical blue or red galaxies with a magnitude r at z."""
    grid = template_fluxes()[0]
    blue_gain, red_gain = (np.interp(z, grid, gain) for gain in dimming())
    return np.asarray(r - distance_modulus(z) - np.where(red, red_gain, blue_gain))


@lru_cache(32)
def galaxy_cells(
    magnitude_range: tuple[float, float], z_range: tuple[float, float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Galaxies per deg2 in cells of kind, r and redshift.

    Parameters
    ----------
    magnitude_range : (float, float)
        Bright and faint end in r, without Galactic extinction.
    z_range : (float, float)
        Lowest and highest redshift.

    Returns
    -------
    r : float64 array, shape (m,)
        Middles of the cells, 0.1 mag or a little less apart.
    z : float64 array, shape (k,)
        Middles of the cells, 0.005 or a little less apart.
    counts : float64 array, shape (2, m, k)
        Blue and red galaxies. Read-only.
    """
    rows = int(np.ceil((magnitude_range[1] - magnitude_range[0]) / 0.1))
    columns = int(np.ceil((z_range[1] - z_range[0]) / 0.005))
    r_edges, z_edges = np.linspace(*magnitude_range, rows + 1), np.linspace(*z_range, columns + 1)
    r, z = (r_edges[1:] + r_edges[:-1]) / 2, (z_edges[1:] + z_edges[:-1]) / 2
    cell = volume_per_deg2(z) * (z_edges[1] - z_edges[0]) * (r_edges[1] - r_edges[0])
    counts = []
    for red in (False, True):
        absolute = absolute_magnitude(r[:, None], z, np.array(red))
        share = red_share(absolute, z)
        counts.append(galaxy_density(absolute, z) * (share if red else 1 - share) * cell)
    cells = np.stack(counts)
    cells.setflags(write=False)
    return r, z, cells
