"""Where the sources of the sandbox stand, and which of them there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.imaging.exposures import PIXEL_ARCSEC
from vo_photoz.simulation.populations import Population, join
from vo_photoz.simulation.quasars import draw_quasars
from vo_photoz.simulation.stars import draw_stars

ISOLATED_ARCSEC = 12.0  # no other source is closer, but for companions
COMPANION_ARCSEC = (3.0, 9.0)
COMPANION_FRACTION = 0.12
MARGIN_ARCSEC = 12.0


@dataclass(frozen=True)
class Plan:
    """Size and inhabitants of a sandbox sky.

    Parameters
    ----------
    ra, dec : float
        ICRS degrees of the middle of the field. The defaults lie near the north Galactic pole, where the
        field meets few HEALPix tiles.
    side_deg : float
        Side of the square field.
    quasars : int
        Quasars with 2.75 < z < 5, the domain of the SDSS quasar model.
    nearer_quasars, farther_quasars : int
        Quasars with 0.3 < z < 2.75 and 5 < z < 6.4.
    galaxies, stars : int
        The others.
    seed : int
        Of all randomness.
    """

    ra: float = 184.08
    dec: float = 31.37
    side_deg: float = 0.2
    quasars: int = 300
    nearer_quasars: int = 80
    farther_quasars: int = 20
    galaxies: int = 200
    stars: int = 400
    seed: int = 20260101

    @property
    def pixels(self) -> int:
        """Side of the images."""
        return round(self.side_deg * 3600 / PIXEL_ARCSEC)

    @property
    def sources(self) -> int:
        """Number of all sources."""
        return self.quasars + self.nearer_quasars + self.farther_quasars + self.galaxies + self.stars


FULL = Plan()
SMALL = Plan(
    ra=185.89, dec=33.69, side_deg=0.08, quasars=30, nearer_quasars=6, farther_quasars=4, galaxies=8, stars=16
)


def draw_population(rng: np.random.Generator, plan: Plan) -> Population:
    """All sources of the plan, shuffled."""
    everyone = join(
        draw_quasars(rng, plan.quasars, z_range=(2.75, 5.0)),
        draw_quasars(rng, plan.nearer_quasars, z_range=(0.3, 2.75)),
        draw_quasars(rng, plan.farther_quasars, z_range=(5.0, 6.4)),
        draw_galaxies(rng, plan.galaxies, magnitude_range=(16.0, 21.0)),
        draw_stars(rng, plan.stars, magnitudes="flat", magnitude_range=(15.0, 20.0)),
    )
    return everyone.take(rng.permutation(len(everyone)))


def draw_places(rng: np.random.Generator, plan: Plan) -> tuple[FloatArray, FloatArray]:
    """Offsets of the sources from the middle of the field to the west and north, arcsec.

    Most stand alone; the last `COMPANION_FRACTION` of them are put close to a source that was placed before.

    Raises
    ------
    UsageError
        Raised if the field is too small for that many sources.
    """
    half = plan.side_deg * 1800 - MARGIN_ARCSEC
    alone = plan.sources - round(COMPANION_FRACTION * plan.sources)
    places = np.empty((plan.sources, 2))
    placed = 0
    for _ in range(400 * plan.sources):
        if placed == plan.sources:
            break
        if placed < alone:
            trial = rng.uniform(-half, half, 2)
            keep = ISOLATED_ARCSEC
        else:
            trial = places[rng.integers(alone)] + _companion(rng)
            keep = COMPANION_ARCSEC[0]
        near = np.hypot(*(places[:placed] - trial).T).min(initial=np.inf)
        if near >= keep and np.abs(trial).max() <= half:
            places[placed] = trial
            placed += 1
    if placed < plan.sources:
        raise UsageError(
            f"A field of {plan.side_deg} deg has no room for {plan.sources} sources.",
            advice="Give fewer sources or a larger field.",
        )
    return places[:, 0], places[:, 1]


def _companion(rng: np.random.Generator) -> NDArray[np.float64]:
    distance = rng.uniform(*COMPANION_ARCSEC)
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([distance * np.cos(angle), distance * np.sin(angle)])


def to_pixels(plan: Plan, west: FloatArray, north: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pixel coordinates, counted from 0, of offsets in arcsec from the middle of the field."""
    middle = (plan.pixels - 1) / 2
    return middle + west / PIXEL_ARCSEC, middle + north / PIXEL_ARCSEC


def to_sky(plan: Plan, west: FloatArray, north: FloatArray) -> tuple[FloatArray, FloatArray]:
    """ICRS degrees of tangent plane offsets in arcsec (inverse gnomonic projection)."""
    xi, eta = -np.radians(west / 3600), np.radians(north / 3600)
    dec0 = np.radians(plan.dec)
    depth = np.cos(dec0) - eta * np.sin(dec0)
    ra = plan.ra + np.degrees(np.arctan2(xi, depth))
    dec = np.degrees(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, depth)))
    return np.asarray(ra % 360), np.asarray(dec)


def nearest_neighbour(west: FloatArray, north: FloatArray) -> FloatArray:
    """Distance of each source to the nearest other one, arcsec."""
    separation = np.hypot(west[:, None] - west, north[:, None] - north)
    np.fill_diagonal(separation, np.inf)
    return np.asarray(separation.min(axis=1))
