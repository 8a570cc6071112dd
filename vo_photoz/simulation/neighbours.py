"""Stars and galaxies that happen to stand beside a source."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.counts import star_counts
from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.populations import Population, join
from vo_photoz.simulation.sky_file import NeighboursWanted
from vo_photoz.simulation.stars import draw_stars

STAR_RANGE = (14.0, 22.5)  # z
FAINTEST = 24.0
_BRIGHTEST = 16.0
# Galaxies brighter than r grow as 10^(0.42 r) between r = 18 and 24: between the Euclidean 0.6 of bright
# counts and the 0.35 of deep ones; a round number from memory.
_SLOPE = 0.45
_SIZE_SLOPE = 0.124  # dex per magnitude, that of `draw_galaxies`


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
    densities = wanted.stars * _stars_per_arcmin2(), wanted.galaxies
    stars, galaxies = (int(rng.poisson(area * density)) for density in densities)
    population = join(
        draw_stars(rng, stars, magnitude_range=STAR_RANGE, galactic_ebv=0.0),
        draw_faint_galaxies(rng, galaxies),
    )
    owner = rng.integers(0, images, len(population))
    x, y = rng.uniform(-width_arcsec / 2, width_arcsec / 2, (2, len(population)))
    rows = np.flatnonzero(rng.random(len(x)) * wanted.isolation_arcsec <= np.hypot(x, y))
    return population.take(rows), owner[rows], x[rows], y[rows]


@cache
def _stars_per_arcmin2() -> float:
    return float(sum(count.sum() for count in star_counts(STAR_RANGE)[1].values())) / 3600


def draw_faint_galaxies(rng: np.random.Generator, n: int) -> Population:
    """Galaxies with r < 24: those of `draw_galaxies`, their light and size changed to deeper counts."""
    drawn = draw_galaxies(rng, n, galactic_ebv=0.0)
    r = np.maximum(FAINTEST + np.log10(1 - rng.random(n)) / _SLOPE, _BRIGHTEST)
    fainter = r - drawn.magnitude[:, 2]
    size = drawn.half_light_arcsec * 10 ** (-_SIZE_SLOPE * fainter)
    return replace(drawn, magnitude=drawn.magnitude + fainter[:, None], half_light_arcsec=size)
