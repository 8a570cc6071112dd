"""Galaxies of the simulated sky: magnitudes, redshifts, colours and shapes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.simulation.cosmology import distance_modulus
from vo_photoz.simulation.extinction import draw_ebv, extinction
from vo_photoz.simulation.filters import SDSS, catalogue_offsets
from vo_photoz.simulation.galaxies.counts import LUMINOSITY_EVOLUTION, absolute_magnitude, galaxy_cells
from vo_photoz.simulation.galaxies.seds import BAND_SHIFT, Z_MAX, draw_members, member_fluxes
from vo_photoz.simulation.populations import Population

MAGNITUDE_RANGE = (15.0, 21.5)
"""Bright end and limit in r."""

_COLOUR_SCATTER = 0.02  # mag a band: what the templates leave over in the fits of real galaxies
_NEAREST = 0.005  # redshift

# Half-light radii: Shen et al. 2003 (MNRAS 343, 978), equations 14 to 16 and table 1 (read in the example of
# SkyPy), as functions of the absolute magnitude in r at z = 0.1 for H0 = 70. Their sizes fall with redshift
# as in van der Wel et al. 2014 (ApJ 788, 28; from memory): (1 + z)^-0.75 for blue and (1 + z)^-1.48 for red
# galaxies.
_BLUE_SIZE = (0.21, 0.53, -1.31)
_RED_SIZE = (0.60, -4.63)
_SIZE_KNEE = -20.52
_SIZE_SPREAD = (0.48, 0.25)  # in ln, of faint and of bright galaxies
_SIZE_EVOLUTION = (-0.75, -1.48)
# Sersic indices, medians and spread in ln: discs about 1.2, early types about 3.8. Round numbers after
# Blanton et al. 2003 (ApJ 594, 186), from memory.
_SERSIC = (1.2, 3.8)
_SERSIC_SPREAD = (0.35, 0.25)
_SERSIC_LIMITS = (0.6, 6.0)
_DISC_THICKNESS = (0.222, 0.057)  # Ryden 2004 (ApJ 601, 214; read in the example of SkyPy)
_RED_FLATTENING = (0.72, 0.16)  # mean and spread of the axis ratios of early types, a round number


def draw_galaxies(
    rng: np.random.Generator,
    n: int,
    *,
    z_range: tuple[float, float] = (0.0, 1.0),
    magnitudes: Literal["flat", "natural"] = "natural",
    magnitude_range: tuple[float, float] = MAGNITUDE_RANGE,
    filters: tuple[str, ...] = SDSS,
    galactic_ebv: FloatArray | float | None = None,
    scatter: float = 1.0,
) -> Population:
    """Galaxies with the colours of real ones and the number counts of their luminosity function.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    n : int
        How many.
    z_range : (float, float)
        Lowest and highest redshift, between 0 and `Z_MAX`.
    magnitudes : "flat" or "natural"
        "natural" follows the counts of `galaxy_counts`. "flat" spreads r evenly and, at each r, takes the
        square root of the natural density in redshift: for training, it holds more of what is rare.
    magnitude_range : (float, float)
        Bright end and limit in r, without Galactic extinction.
    filters : tuple of str
        Filters of speclite; one must be an r.
    galactic_ebv : float, float64 array, shape (n,), or None
        E(B-V) of a dust map towards each galaxy; None draws it. The magnitudes are not corrected for it.
    scatter : float
        Factor on the scatter of the colours that templates do not explain.

    Returns
    -------
    Population
        Magnitudes as in the survey's catalogue.

    Raises
    ------
    UsageError
        Raised if a range is empty or too wide, or the magnitudes are of no known kind.
    """
    if magnitudes not in ("flat", "natural"):
        raise UsageError(f"Galaxies have no magnitudes named {magnitudes}.", advice="Take flat or natural.")
    z, r, red = _draw_cells(rng, n, z_range, magnitude_range, flat=magnitudes == "flat")
    return galaxies_at(rng, z, r, red, filters=filters, galactic_ebv=galactic_ebv, scatter=scatter)


def _draw_cells(
    rng: np.random.Generator,
    n: int,
    z_range: tuple[float, float],
    magnitude_range: tuple[float, float],
    *,
    flat: bool,
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Redshift, r and kind of n galaxies."""
    low = max(z_range[0], _NEAREST)
    if not (low < z_range[1] <= Z_MAX and magnitude_range[0] < magnitude_range[1]):
        raise UsageError(
            f"No galaxies can be drawn at redshifts {z_range} and magnitudes {magnitude_range}.",
            advice=f"Give the low end first, and redshifts up to {Z_MAX}.",
        )
    r, z, counts = galaxy_cells(
        (float(magnitude_range[0]), float(magnitude_range[1])), (float(low), float(z_range[1]))
    )
    if flat:
        counts = np.sqrt(counts)
        counts = counts / counts.sum(axis=(0, 2), keepdims=True)
    cell = np.searchsorted(np.cumsum(counts), rng.random(n) * counts.sum())
    kind, row, column = np.unravel_index(np.minimum(cell, counts.size - 1), counts.shape)
    r_step = (magnitude_range[1] - magnitude_range[0]) / len(r)
    z_step = (z_range[1] - low) / len(z)
    drawn_r = r[row] + (rng.random(n) - 0.5) * r_step
    return z[column] + (rng.random(n) - 0.5) * z_step, drawn_r, kind == 1


def galaxies_at(
    rng: np.random.Generator,
    z: FloatArray,
    r: FloatArray,
    red: NDArray[np.bool_],
    *,
    filters: tuple[str, ...] = SDSS,
    galactic_ebv: FloatArray | float | None = None,
    scatter: float = 1.0,
) -> Population:
    """Galaxies of given redshifts, r magnitudes (without Galactic extinction) and kinds.

    Parameters and errors as in `draw_galaxies`; arrays have shape (n,).
    """
    absolute = absolute_magnitude(r, z, red)
    # The library is of the time of z = 0.1; luminosities then and now are compared without the evolution.
    member = draw_members(rng, absolute + LUMINOSITY_EVOLUTION * (z - BAND_SHIFT), red)
    magnitude = -2.5 * np.log10(member_fluxes(member, z, filters)) + catalogue_offsets(filters)
    magnitude += rng.normal(0, _COLOUR_SCATTER * scatter, magnitude.shape)
    magnitude += (r - magnitude[:, _band_r(filters)])[:, None]
    ebv = draw_ebv(rng, len(z)) if galactic_ebv is None else galactic_ebv
    magnitude += extinction(rng, ebv, len(z), filters)
    axis_ratio = _draw_axis_ratios(rng, red)
    return Population(
        kind=np.full(len(z), "GALAXY"),
        z=z,
        magnitude=magnitude,
        half_light_arcsec=_draw_sizes(rng, absolute, z, red) / np.sqrt(axis_ratio),
        axis_ratio=axis_ratio,
        angle_deg=rng.uniform(0, 180, len(z)),
        sersic=_draw_sersic(rng, red),
        point_share=np.zeros(magnitude.shape),
    )


def _band_r(filters: tuple[str, ...]) -> int:
    for k, name in enumerate(filters):
        if name.endswith("-r"):
            return k
    raise UsageError("Galaxies are drawn by their r magnitude.", advice="Give a filter r among the filters.")


def _draw_sizes(
    rng: np.random.Generator, absolute: FloatArray, z: FloatArray, red: NDArray[np.bool_]
) -> FloatArray:
    """Half-light radii in arcsec, the geometric mean of both axes."""
    today = absolute + LUMINOSITY_EVOLUTION * (z - BAND_SHIFT)
    slope, bright_slope, zero = _BLUE_SIZE
    bend = 10 ** (-0.4 * (today - _SIZE_KNEE))
    blue_kpc = 10 ** (-0.4 * slope * today + zero) * (1 + bend) ** (bright_slope - slope)
    red_kpc = 10 ** (-0.4 * _RED_SIZE[0] * np.minimum(today, -19.0) + _RED_SIZE[1])
    spread = _SIZE_SPREAD[1] + (_SIZE_SPREAD[0] - _SIZE_SPREAD[1]) / (1 + bend**2)
    evolution = ((1 + z) / (1 + BAND_SHIFT)) ** np.where(red, _SIZE_EVOLUTION[1], _SIZE_EVOLUTION[0])
    kpc = np.where(red, red_kpc, blue_kpc) * evolution * np.exp(rng.normal(0, 1, len(z)) * spread)
    angular_distance = 10 ** ((distance_modulus(z) + 5) / 5) / (1 + z) ** 2  # pc
    return np.asarray(np.degrees(kpc * 1e3 / angular_distance) * 3600)


def _draw_axis_ratios(rng: np.random.Generator, red: NDArray[np.bool_]) -> FloatArray:
    """Discs seen from all sides; early types from a Gaussian."""
    n = len(red)
    thick = np.clip(rng.normal(*_DISC_THICKNESS, n), 0.1, 0.5)
    disc = np.sqrt(thick**2 + (1 - thick**2) * rng.random(n) ** 2)
    early = np.clip(rng.normal(*_RED_FLATTENING, n), 0.3, 1.0)
    # A third of the red galaxies are discs too (dust and old discs): a guess.
    return np.where(red & (rng.random(n) > 1 / 3), early, disc)


def _draw_sersic(rng: np.random.Generator, red: NDArray[np.bool_]) -> FloatArray:
    middle, spread = (np.where(red, two[1], two[0]) for two in (_SERSIC, _SERSIC_SPREAD))
    return np.asarray(np.clip(middle * np.exp(rng.normal(0, 1, len(red)) * spread), *_SERSIC_LIMITS))
