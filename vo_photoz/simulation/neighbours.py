"""Stars and galaxies that happen to stand beside a source."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.galaxies.counts import galaxy_cells
from vo_photoz.simulation.populations import Population, join
from vo_photoz.simulation.sky_file import NeighboursWanted
from vo_photoz.simulation.stars import draw_stars
from vo_photoz.simulation.stars.counts import star_counts

STAR_RANGE = (14.0, 22.5)  # z
GALAXY_RANGE = (14.0, 24.0)  # r
_REDSHIFTS = (0.0, 1.0)


def draw_neighbours(
    rng: np.random.Generator, images: int, width_arcsec: float, wanted: NeighboursWanted
) -> tuple[Population, NDArray[np.int64], FloatArray, FloatArray]:
    """Sources that fall into squares of the sky.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    images : int
        Number of squares.
    width_arcsec : float
        Their side.
    wanted : NeighboursWanted
        How many.

    Returns
    -------
    population : Population
        n sources, without Galactic extinction.
    owner : int64 array, shape (n,)
        The square of each.
    x, y : float64 array, shape (n,)
        Place from the middle of the square, arcsec.
    """
    area = images * (width_arcsec / 60) ** 2
    natural = _per_arcmin2()
    stars = int(rng.poisson(area * wanted.stars * natural[0]))
    galaxies = int(rng.poisson(area * wanted.galaxies * natural[1]))
    population = join(
        draw_stars(rng, stars, magnitude_range=STAR_RANGE, galactic_ebv=0.0),
        draw_galaxies(rng, galaxies, magnitude_range=GALAXY_RANGE, z_range=_REDSHIFTS, galactic_ebv=0.0),
    )
    owner = rng.integers(0, images, len(population))
    x, y = rng.uniform(-width_arcsec / 2, width_arcsec / 2, (2, len(population)))
    rows = np.flatnonzero(rng.random(len(x)) * wanted.isolation_arcsec <= np.hypot(x, y))
    return population.take(rows), owner[rows], x[rows], y[rows]


@cache
def _per_arcmin2() -> tuple[float, float]:
    """Natural densities of stars and galaxies."""
    stars = sum(count.sum() for count in star_counts(STAR_RANGE)[1].values())
    return float(stars) / 3600, float(galaxy_cells(GALAXY_RANGE, _REDSHIFTS)[2].sum()) / 3600
