"""What the photometry of a survey means, in sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vo_photoz.flow import FloatArray
from vo_photoz.hips.checks.photometry import Calibration, Sources, scatter_against

LIKE_ANOTHER = 0.6
"""A band whose stars scatter so much less about another band's magnitudes is taken for that band."""


@dataclass(frozen=True)
class Limits:
    """How far a survey may be from the catalogue.

    Parameters
    ----------
    zero_point : float
        Difference from the zero point that the survey states, mag.
    offset_arcsec : float
        Median astrometric offset, arcsec.
    scatter : float
        Robust scatter of single stars, mag.
    slope : float
        Change of the zero point with magnitude, mag per mag, if it is five times its error.
    """

    zero_point: float = 0.05
    offset_arcsec: float = 0.2
    scatter: float = 0.15
    slope: float = 0.03


@dataclass(frozen=True)
class Region:
    """What the stars of one HEALPix cell (nested, ICRS) say of one band; units as in `Calibration`."""

    cell: int
    stars: int
    zero_point: float
    scatter: float
    east: float
    north: float


def verdict(
    band: str,
    found: Calibration,
    expected: float | None,
    limits: Limits,
    sources: Sources,
    every: Mapping[str, FloatArray],
) -> list[str]:
    """Why a band cannot be trusted, one sentence each; empty when it can.

    Parameters
    ----------
    band : str
        The band.
    found : Calibration
        What its stars say.
    expected : float or None
        Zero point that the survey states.
    limits : Limits
        What is tolerated.
    sources : Sources
        The measurements.
    every : mapping of str to float64 array
        Magnitudes of the sources in all bands of the catalogue.
    """
    swapped = list(_swapped(band, found, sources, every))
    if swapped:  # wrong fluxes and large scatter follow from that
        return [*swapped, *_offset_problems(band, found, limits)]
    return [
        *_flux_problems(band, found, expected, limits),
        *_linearity_problems(band, found, limits),
        *_offset_problems(band, found, limits),
    ]


def region_problems(
    band: str, found: Calibration, order: int, regions: Sequence[Region], limits: Limits
) -> Iterator[str]:
    """Regions whose fluxes or places differ from those of the whole survey, the worst by name.

    Parameters
    ----------
    band, found, limits
        As in `verdict`.
    order : int
        HEALPix order of the regions.
    regions : sequence of Region
        All regions with enough stars.
    """

    def in_flux(one: Region) -> float:
        return abs(one.zero_point - found.zero_point)

    def in_place(one: Region) -> float:
        return math.hypot(one.east - found.east, one.north - found.north)

    kinds: list[tuple[str, str, float, float, Callable[[Region], float]]] = [
        ("zero point", "mag", limits.zero_point, found.scatter, in_flux),
        ("place", "arcsec", limits.offset_arcsec, found.rms, in_place),
    ]
    for what, unit, limit, spread, distance in kinds:
        away = [one for one in regions if distance(one) > max(limit, 5 * spread / math.sqrt(one.stars))]
        if away:
            worst = max(away, key=distance)
            yield (
                f"Band {band}: in {len(away)} of {len(regions)} regions the {what} differs from that of the "
                f"others, most in cell {worst.cell} of order {order}, by {distance(worst):.2f} {unit} "
                f"({worst.stars} stars)."
            )


def _flux_problems(band: str, found: Calibration, expected: float | None, limits: Limits) -> Iterator[str]:
    if expected is None:
        yield (
            f"Band {band}: the survey does not say its zero point; the stars say {found.zero_point:.3f} "
            "(AB, per source pixel)."
        )
        return
    difference = found.zero_point - expected
    if abs(difference) > limits.zero_point:
        yield (
            f"Band {band}: the fluxes are {10 ** (0.4 * difference):.2f} times those of the catalogue "
            f"(zero point {found.zero_point:.3f} +- {found.zero_point_error:.3f}, "
            f"the survey says {expected:.3f})."
        )


def _linearity_problems(band: str, found: Calibration, limits: Limits) -> Iterator[str]:
    if abs(found.slope) > max(limits.slope, 5 * found.slope_error):
        yield (
            f"Band {band}: the pixels are not linear in flux, or the brightest stars are saturated: the zero "
            f"point changes by {found.slope:+.3f} +- {found.slope_error:.3f} mag per magnitude."
        )
    if found.scatter > limits.scatter:
        yield (
            f"Band {band}: single stars scatter by {found.scatter:.2f} mag about the catalogue, more than "
            f"{limits.scatter:g}."
        )


def _offset_problems(band: str, found: Calibration, limits: Limits) -> Iterator[str]:
    if math.hypot(found.east, found.north) > limits.offset_arcsec:
        yield (
            f"Band {band}: the images lie {found.east:+.2f} arcsec east and {found.north:+.2f} arcsec north "
            "of the catalogue."
        )


def _swapped(
    band: str, found: Calibration, sources: Sources, every: Mapping[str, FloatArray]
) -> Iterator[str]:
    """Say which band the pixels look like, when that is another one."""
    scatter = {other: scatter_against(sources, found.used, values) for other, values in every.items()}
    closest = min(scatter, key=lambda other: scatter[other])
    if closest != band and scatter[closest] < LIKE_ANOTHER * scatter[band]:
        yield (
            f"Band {band}: the pixels look like band {closest} of the catalogue (scatter "
            f"{scatter[closest]:.2f} mag, against {scatter[band]:.2f} for {band})."
        )
