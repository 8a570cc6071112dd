"""Galaxies of the simulated sky: spectral types, profiles, number counts."""

from __future__ import annotations

import numpy as np

from vo_photoz.simulation.filters import ab_magnitudes, wavelength_grid
from vo_photoz.simulation.populations import EXTINCTION_UGRIZ, Population, draw_bins
from vo_photoz.simulation.seds import GALAXY_TYPES, galaxy_sed

# Galaxies in bins of 0.5 in r from 16, same field.
_GALAXY_R_COUNTS = np.array([7, 7, 14, 27, 46, 53, 146, 201, 361, 548, 749])


def draw_galaxies(rng: np.random.Generator, n: int, *, galactic_ebv: float = 0.03) -> Population:
    """Galaxies of three spectral types with Sersic profiles, 16 < r < 21.5 and z below 1.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    n : int
        How many.
    galactic_ebv : float
        Extinction of the Milky Way.

    Returns
    -------
    Population
        Median redshift 0.1 at r = 17 and 0.35 at r = 21; half-light radii falling from 2.2 arcsec at r = 17
        to 0.7 arcsec at r = 21, +- 0.15 dex: round numbers, not fitted to a survey.
    """
    r = 16 + 0.5 * draw_bins(rng, n, _GALAXY_R_COUNTS)
    z = np.clip(0.1 * 10 ** (0.136 * (r - 17) + rng.normal(0, 0.15, n)), 0.01, 1.0)
    kinds = rng.choice(len(GALAXY_TYPES), n, p=[0.4, 0.3, 0.3])
    wavelength = wavelength_grid()
    magnitude = ab_magnitudes(wavelength, galaxy_sed(wavelength, z, kinds)) + galactic_ebv * EXTINCTION_UGRIZ
    magnitude += rng.normal(0, 1, (n, 5)) * 0.05
    magnitude += (r - magnitude[:, 2])[:, None]
    return Population(
        kind=np.full(n, "GALAXY"),
        z=z,
        magnitude=magnitude,
        half_light_arcsec=2.2 * 10 ** (-0.124 * (r - 17) + rng.normal(0, 0.15, n)),
        axis_ratio=rng.uniform(0.3, 1.0, n),
        angle_deg=rng.uniform(0, 180, n),
        sersic=np.where(kinds == 0, 4.0, 1.0),
        point_share=np.zeros((n, 5)),
    )
