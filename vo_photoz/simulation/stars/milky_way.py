"""How many stars of a kind a line of sight through the Milky Way holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vo_photoz.flow import FloatArray

_SUN_RADIUS, _SUN_HEIGHT = 8000.0, 25.0  # pc from the centre and above the plane (Juric et al. 2008)


@dataclass(frozen=True)
class Galaxy:
    """Discs and halo as a kind of stars shows them: lengths in pc, shares relative to the thin disc.

    Parameters
    ----------
    thin_height, thin_length : float
        Scale height and length of the thin disc.
    thick_share, thick_height, thick_length : float
        The thick disc.
    halo_share : float
        The halo, flattened to 0.64 and falling as the power -2.77 of the radius (Juric et al. 2008).
    """

    thin_height: float
    thin_length: float
    thick_share: float = 0.0
    thick_height: float = 900.0
    thick_length: float = 3600.0
    halo_share: float = 0.0


# The first was read in public copies of the numbers, the second entered from memory; both are checked by the
# counts of a field of SDSS (tests).
STARS = Galaxy(300.0, 2600.0, 0.12, 900.0, 3600.0, 0.0051)
"""Juric et al. 2008 (ApJ 673, 864), table 10, corrected for bias and binaries."""
M_DWARFS = Galaxy(300.0, 3100.0, 0.04, 2100.0, 3700.0, 0.0025)
"""Bochanski et al. 2010 (AJ 139, 2679), table 6; they leave out the halo, which is here from Juric et al."""
ULTRACOOL = Galaxy(380.0, 2600.0)
"""One disc; the height (340 to 420 pc at 90 %) from 3,665 L dwarfs of Hyper Suprime-Cam (Sorahana et al.
2019, ApJ 870, 118; read in the abstract)."""

_HALO_FLATTENING, _HALO_SLOPE = 0.64, 2.77
_DEG2 = (np.pi / 180) ** 2  # steradian
_STEP_DEX = 0.01
_DISTANCE = 10 ** np.arange(-1, 5, _STEP_DEX)  # pc


def stellar_density(
    distance_pc: FloatArray, longitude_deg: float, latitude_deg: float, galaxy: Galaxy
) -> FloatArray:
    """Density of stars on a line of sight over that near the Sun.

    Parameters
    ----------
    distance_pc : float64 array
        From the Sun.
    longitude_deg, latitude_deg : float
        Galactic coordinates.
    galaxy : Galaxy
        As this kind of stars shows it.
    """
    radius, height = _cylinder(distance_pc, np.radians(longitude_deg), np.radians(latitude_deg))
    halo = np.maximum(np.hypot(radius, height / _HALO_FLATTENING) / _SUN_RADIUS, 0.05)
    total = (
        _disc(radius, height, galaxy.thin_height, galaxy.thin_length)
        + galaxy.thick_share * _disc(radius, height, galaxy.thick_height, galaxy.thick_length)
        + galaxy.halo_share * halo**-_HALO_SLOPE
    )
    return np.asarray(total / (1 + galaxy.thick_share + galaxy.halo_share))


def _cylinder(distance: FloatArray, longitude: float, latitude: float) -> tuple[FloatArray, FloatArray]:
    """Distance from the axis of the Galaxy and height above its plane."""
    flat = distance * np.cos(latitude)
    radius = np.hypot(_SUN_RADIUS - flat * np.cos(longitude), flat * np.sin(longitude))
    return np.asarray(radius), np.asarray(distance * np.sin(latitude) + _SUN_HEIGHT)


def _disc(radius: FloatArray, height: FloatArray, scale_height: float, scale_length: float) -> FloatArray:
    """Exponential disc, 1 at the Sun."""
    above = np.abs(height) - _SUN_HEIGHT
    return np.asarray(np.exp(-above / scale_height - (radius - _SUN_RADIUS) / scale_length))


def count_stars(
    absolute: FloatArray,
    local_density: FloatArray,
    edges: FloatArray,
    galactic: tuple[float, float],
    galaxy: Galaxy,
    *,
    scatter_mag: float,
) -> FloatArray:
    """Stars per deg2 in bins of apparent magnitude.

    Parameters
    ----------
    absolute : float64 array, shape (k,)
        Absolute magnitudes of k kinds of stars.
    local_density : float64 array, shape (k,)
        Stars of each kind per pc3 near the Sun.
    edges : float64 array, shape (m + 1,)
        Edges of the bins, evenly spaced.
    galactic : (float, float)
        Galactic longitude and latitude, degrees.
    galaxy : Galaxy
        Discs and halo.
    scatter_mag : float
        Gaussian scatter of the absolute magnitudes; bright ones are seen farther, which raises the counts.

    Returns
    -------
    float64 array, shape (k, m)
        Stars per deg2 and bin, without extinction.
    """
    per_step = _DISTANCE**3 * stellar_density(_DISTANCE, *galactic, galaxy) * _DEG2 * np.log(10) * _STEP_DEX
    nearer = np.cumsum(per_step)  # up to half a step beyond each distance, for a local density of 1
    modulus = 5 * np.log10(_DISTANCE / 10) + 2.5 * _STEP_DEX
    steps = np.linspace(-2.5, 2.5, 11)
    weights = np.exp(-0.5 * steps**2) / np.exp(-0.5 * steps**2).sum()
    reach = edges - np.asarray(absolute)[:, None]
    brighter = sum(
        weight * np.interp(reach - scatter_mag * step, modulus, nearer, left=0.0)
        for weight, step in zip(weights, steps, strict=True)
    )
    return np.asarray(np.diff(brighter, axis=1) * np.asarray(local_density)[:, None])
