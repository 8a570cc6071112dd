"""The sky as it is: quasars, stars and galaxies at their natural densities, down to a limit in z.

Quasars beyond redshift 5.5 are one in a hundred thousand stars. So that both are there, each stratum (a range
of redshift, a type of star) is drawn over an area of its own, and every object carries a weight: the number
of objects per square degree that it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.galaxies.counts import galaxy_cells
from vo_photoz.simulation.populations import Population, join
from vo_photoz.simulation.quasars.luminosity_function import draw_sky, surface_density
from vo_photoz.simulation.quasars.population import DROPOUT, draw_quasars
from vo_photoz.simulation.stars.counts import HIGH_LATITUDE, STAR_TYPES, count_nodes, node_types, sequences
from vo_photoz.simulation.stars.population import stars_at

REDDEST_LEFT_OUT = 0.30
"""Stars bluer than this in r-i, without scatter, are left out unless they are asked for: A to early K stars
and most white dwarfs, a quarter of all stars. Quasars beyond redshift 4.5 are 1 mag redder in g-r."""
QUASAR_EDGES = (0.3, 2.0, 3.5, 4.3, 4.7, 5.3, DROPOUT, 5.8, 6.2, 7.0)
"""Redshifts between the strata of quasars."""

_BRIGHTEST = 15.0
_BAND_Z = 4
# How much fainter than the limit in z quasars may be in i, where they are drawn by i, and galaxies in r.
_I_OVER_Z = 1.5
_R_OVER_Z = 1.6
_MOST_STEPS = 60  # of the integral over a stratum


@dataclass(frozen=True)
class NaturalSky:
    """Objects and how many each stands for; arrays have n rows.

    Parameters
    ----------
    population : Population
        The objects, with Galactic extinction.
    weight : float64 array
        Objects per square degree that each stands for.
    kind : str array
        "QSO", "GALAXY" or a type of star (`counts.STAR_TYPES`).
    left_out : dict of str to float
        Objects per square degree and type that were left out.
    """

    population: Population
    weight: FloatArray
    kind: NDArray[np.str_]
    left_out: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.weight)

    def density(self, chosen: NDArray[np.bool_] | None = None) -> tuple[float, float]:
        """Objects per square degree among the chosen, and the error from the number of those drawn."""
        weight = self.weight if chosen is None else self.weight[chosen]
        return float(weight.sum()), float(np.sqrt((weight**2).sum()))


_Part = tuple[Population, FloatArray, NDArray[np.str_]]


def natural_sky(
    rng: np.random.Generator,
    area_deg2: float,
    *,
    z_limit_mag: float = 20.5,
    scatter: float = 1.0,
    most_per_stratum: int = 20_000,
    blue_stars: bool = False,
    galaxies: bool = False,
    galactic: tuple[float, float] = HIGH_LATITUDE,
    galactic_ebv: float | None = None,
) -> NaturalSky:
    """Quasars with redshifts from 0.3 to 7, stars and galaxies brighter than a limit in z.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    area_deg2 : float
        Area over which rare objects are drawn. It may be larger than the sky: that lessens the noise of their
        numbers.
    z_limit_mag : float
        Limit in z (AB, true magnitude with Galactic extinction), 16 to 22; the brightest have 15.
    scatter : float
        Factor on the scatter of spectra and colours.
    most_per_stratum : int
        How many objects of a stratum are drawn at most; their weight grows instead.
    blue_stars, galaxies : bool
        Whether to draw stars with r-i < `REDDEST_LEFT_OUT`, and galaxies.
    galactic : (float, float)
        Galactic longitude and latitude, degrees, for the numbers of stars.
    galactic_ebv : float or None
        E(B-V) of a dust map; None draws it for each object.

    Returns
    -------
    NaturalSky
        Quasars first, then stars, then galaxies.

    Raises
    ------
    UsageError
        Raised if the area or the number is not positive, or the limit is out of range.
    """
    if not (area_deg2 > 0 and most_per_stratum > 0 and 16 <= z_limit_mag <= 22):
        raise UsageError(
            f"A natural sky of {area_deg2} deg2 to z = {z_limit_mag} cannot be drawn.",
            advice="Give an area and a number above 0, and a limit between 16 and 22.",
        )
    plan = _Plan(rng, area_deg2, z_limit_mag, scatter, most_per_stratum, galactic_ebv)
    parts = [_quasars(plan, low, high) for low, high in pairwise(QUASAR_EDGES)]
    stars, left_out = _stars(plan, blue_stars, galactic)
    parts += stars
    if galaxies:
        parts.append(_galaxies(plan))
    populations, weights, kinds = zip(*parts, strict=True)
    return NaturalSky(join(*populations), np.concatenate(weights), np.concatenate(kinds), left_out)


@dataclass(frozen=True)
class _Plan:
    """What all strata share."""

    rng: np.random.Generator
    area_deg2: float
    limit: float
    scatter: float
    most: int
    ebv: float | None

    def area(self, density: float) -> float:
        """Square degrees over which a stratum of this density is drawn."""
        return min(self.area_deg2, self.most / max(density, 1e-12))

    def part(self, population: Population, area: float, kind: NDArray[np.str_]) -> _Part:
        """The objects brighter than the limit, with their weights and kinds."""
        rows = np.flatnonzero(population.magnitude[:, _BAND_Z] < self.limit)
        return population.take(rows), np.full(len(rows), 1 / area), kind[rows]


def _quasars(plan: _Plan, low: float, high: float) -> _Part:
    """Quasars of a stratum of redshift, drawn by i and beyond `DROPOUT` by z."""
    far = low >= DROPOUT
    band = "sdss2010-z" if far else "sdss2010-i"
    faint = plan.limit + (0.0 if far else _I_OVER_Z)
    z, magnitude = np.linspace(low, high, _MOST_STEPS), np.linspace(_BRIGHTEST, faint, _MOST_STEPS)
    mean = float(surface_density(z[:, None], magnitude, band).mean())
    area = plan.area(mean * (high - low) * (faint - _BRIGHTEST))
    redshift, drawn = draw_sky(
        plan.rng, area, z_range=(low, high), magnitude_range=(_BRIGHTEST, faint), band=band
    )
    population = draw_quasars(
        plan.rng, len(redshift), z=redshift, magnitudes=drawn, scatter=plan.scatter, galactic_ebv=plan.ebv
    )
    return plan.part(population, area, np.full(len(redshift), "QSO", dtype="U6"))


def _stars(
    plan: _Plan, blue_stars: bool, galactic: tuple[float, float]
) -> tuple[list[_Part], dict[str, float]]:
    """Stars of all types, the faintest magnitude of each apart, and the densities of those left out."""
    edges, counts = count_nodes((_BRIGHTEST, plan.limit), galactic)
    types = node_types()
    r_i = np.concatenate([sequence.colours[:, 2] for sequence in sequences().values()])
    wanted = np.full(len(types), True) if blue_stars else r_i >= REDDEST_LEFT_OUT
    last = max(counts.shape[1] - 10, 0)
    parts = []
    for kind in STAR_TYPES:
        nodes = np.flatnonzero((types == kind) & wanted)
        for columns in (np.arange(last), np.arange(last, counts.shape[1])):
            if len(nodes) and len(columns):
                parts.append(_stratum(plan, edges, counts, nodes, columns, kind))
    left = {kind: float(counts[(types == kind) & ~wanted].sum()) for kind in STAR_TYPES}
    return parts, {kind: density for kind, density in left.items() if density > 0}


def _stratum(
    plan: _Plan,
    edges: FloatArray,
    counts: FloatArray,
    nodes: NDArray[np.intp],
    columns: NDArray[np.intp],
    kind: str,
) -> _Part:
    """Stars of one type in a range of magnitude."""
    here = counts[np.ix_(nodes, columns)]
    area = plan.area(float(here.sum()))
    n = int(plan.rng.poisson(here.sum() * area))
    cell = plan.rng.choice(here.size, n, p=here.ravel() / here.sum())
    row, column = np.unravel_index(cell, here.shape)
    z = edges[columns[column]] + plan.rng.random(n) * (edges[1] - edges[0])
    population = stars_at(plan.rng, nodes[row], z, galactic_ebv=plan.ebv, scatter=plan.scatter)
    return plan.part(population, area, np.full(n, kind, dtype="U6"))


def _galaxies(plan: _Plan) -> _Part:
    """Galaxies up to redshift 1, drawn by r."""
    limits = (_BRIGHTEST, plan.limit + _R_OVER_Z)
    area = plan.area(float(galaxy_cells(limits, (0.005, 1.0))[2].sum()))
    n = int(plan.rng.poisson(galaxy_cells(limits, (0.005, 1.0))[2].sum() * area))
    population = draw_galaxies(
        plan.rng, n, magnitude_range=limits, scatter=plan.scatter, galactic_ebv=plan.ebv
    )
    return plan.part(population, area, np.full(n, "GALAXY", dtype="U6"))
