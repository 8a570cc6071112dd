"""How many quasars there are: the luminosity function, on the sky and in magnitudes of a band.

Two published double power laws, one after the other:

- z < 4.2: Kulkarni, Worseck & Hennawi 2019 (MNRAS 488, 1035), equations 7, 13 and 16 to 18, "Model 1" of
  table 3. The numbers were compared with a second transcription of the published table. Rounded as they are
  printed, they give five times too few quasars at z = 6, so that they are not used there.
- z > 4.7: McGreer et al. 2013 (ApJ 768, 105), the fit at z = 5 to 6: break at -27.21, slopes -2.03 and -4.0,
  log10 of the density -8.94 at z = 6 and falling by 0.47 per unit redshift; beyond z = 6.5 an extrapolation.

Between them the logarithm of the density is interpolated. The tests hold the result against binned densities
of Richards et al. 2006, Ross et al. 2013, McGreer et al. 2013 and Jiang et al. 2016.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.polynomial.chebyshev import chebval

from vo_photoz.errors import UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.simulation.cosmology import distance_modulus
from vo_photoz.simulation.quasars.draws import magnitude_over_1450

_LOG_PHI = (-7.798, 1.128, -0.120)
_BREAK = (-17.163, -5.512, 0.593, -0.024)
_BRIGHT = (-3.223, -0.258)
_FAINT = (-2.312, 0.559, 3.773, 141.884, -0.171)
_FAR_BREAK, _FAR_BRIGHT, _FAR_FAINT = -27.21, -4.0, -2.03
_FAR_LOG_PHI, _FAR_FALL = -8.94, -0.47
_HANDOVER = (4.2, 4.7)
Z_MAX = 7.5


def log_density(z: FloatArray, absolute: FloatArray) -> FloatArray:
    """log10 of the number of quasars per comoving Mpc3 and magnitude.

    Parameters
    ----------
    z : float64 array
        Redshifts, 0 to 7.5.
    absolute : float64 array
        AB magnitude at 1450 Angstrom, H0 = 70 and Omega_m = 0.3; broadcast against ``z``.

    Returns
    -------
    float64 array
        Of the broadcast shape.
    """
    redshift, magnitude = np.asarray(z, float), np.asarray(absolute, float)
    far = np.clip((redshift - _HANDOVER[0]) / (_HANDOVER[1] - _HANDOVER[0]), 0, 1)
    return np.asarray((1 - far) * _near(redshift, magnitude) + far * _far(redshift, magnitude))


def _near(z: FloatArray, absolute: FloatArray) -> FloatArray:
    """Kulkarni et al. 2019; clipped in redshift, where it is not used."""
    one = 1 + np.minimum(z, _HANDOVER[1])
    base, rise, turn, steep, flat = _FAINT
    zeta = np.log10(one / (1 + turn))
    faint = base + rise / (10 ** np.clip(steep * zeta, -300, 300) + 10 ** (flat * zeta))
    return _double(chebval(one, _LOG_PHI), absolute - chebval(one, _BREAK), chebval(one, _BRIGHT), faint)


def _far(z: FloatArray, absolute: FloatArray) -> FloatArray:
    """McGreer et al. 2013."""
    fixed = np.ones_like(z)
    log_phi = _FAR_LOG_PHI + _FAR_FALL * (z - 6)
    return _double(log_phi, absolute - _FAR_BREAK, _FAR_BRIGHT * fixed, _FAR_FAINT * fixed)


def _double(log_phi: FloatArray, off: FloatArray, bright: FloatArray, faint: FloatArray) -> FloatArray:
    """log10 of a double power law at magnitudes from its break; the slopes are those of luminosity."""
    powers = 10 ** (0.4 * (bright + 1) * off) + 10 ** (0.4 * (faint + 1) * off)
    return np.asarray(log_phi - np.log10(powers))


def surface_density(z: FloatArray, magnitude: FloatArray, band: str = "sdss2010-i") -> FloatArray:
    """Quasars per square degree, unit redshift and magnitude of a band.

    Parameters
    ----------
    z : float64 array
        Redshifts, 0 to 7.5.
    magnitude : float64 array
        Magnitudes without Galactic extinction; broadcast against ``z``.
    band : str
        Filter of speclite. Absolute magnitudes follow from the spectrum of an average quasar.

    Returns
    -------
    float64 array
        Of the broadcast shape.
    """
    redshift = np.asarray(z, float)
    over = magnitude_over_1450(np.atleast_1d(redshift).ravel(), (band,))[:, 0].reshape(redshift.shape)
    absolute = np.asarray(magnitude, float) - over - distance_modulus(redshift) + 2.5 * np.log10(1 + redshift)
    grid, volume = _volumes()
    return np.asarray(10 ** log_density(redshift, absolute) * np.interp(redshift, grid, volume))


@cache
def _volumes() -> tuple[FloatArray, FloatArray]:
    """Comoving Mpc3 per square degree and unit redshift."""
    from astropy.cosmology import FlatLambdaCDM  # noqa: PLC0415 - slow to import

    grid = np.linspace(0, 8, 1601)
    per_steradian = FlatLambdaCDM(H0=70, Om0=0.3).differential_comoving_volume(grid).value
    return grid, np.asarray(per_steradian * (np.pi / 180) ** 2)


def draw_sky(
    rng: np.random.Generator,
    area_deg2: float,
    *,
    z_range: tuple[float, float] = (0.1, 7.0),
    magnitude_range: tuple[float, float] = (15.0, 22.0),
    band: str = "sdss2010-i",
) -> tuple[FloatArray, FloatArray]:
    """Redshifts and magnitudes of the quasars of a piece of sky.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    area_deg2 : float
        Square degrees; the number of quasars is Poisson distributed.
    z_range, magnitude_range : (float, float)
        Limits.
    band : str
        Filter of speclite in which the magnitudes are.

    Returns
    -------
    z, magnitude : float64 array, shape (n,)
        The quasars, in no order.

    Raises
    ------
    UsageError
        Raised if a range is empty or the redshifts reach beyond 7.5.
    """
    if not (0 <= z_range[0] < z_range[1] <= Z_MAX and magnitude_range[0] < magnitude_range[1]):
        raise UsageError(
            "The range of redshift or magnitude is empty or beyond z = 7.5.", advice="Give low and high ends."
        )
    z, magnitude = np.linspace(*z_range, 701), np.linspace(*magnitude_range, 281)
    density = surface_density((z[1:] + z[:-1])[:, None] / 2, (magnitude[1:] + magnitude[:-1]) / 2, band)
    expected = density * (z[1] - z[0]) * (magnitude[1] - magnitude[0]) * area_deg2
    n = int(rng.poisson(expected.sum()))
    cells = rng.choice(expected.size, n, p=expected.ravel() / expected.sum())
    row, column = np.unravel_index(cells, expected.shape)
    u, v = rng.random((2, n))
    return z[row] + u * (z[1] - z[0]), magnitude[column] + v * (magnitude[1] - magnitude[0])


def draw_magnitudes_at(
    rng: np.random.Generator, z: FloatArray, magnitude_range: tuple[float, float], band: str = "sdss2010-i"
) -> FloatArray:
    """Magnitudes that quasars at given redshifts have in nature, down to a limit.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    z : float64 array, shape (n,)
        Redshifts.
    magnitude_range : (float, float)
        Bright end and limit.
    band : str
        Filter of speclite.

    Returns
    -------
    float64 array, shape (n,)
        Magnitudes in the band.
    """
    # At redshift 0 there is no volume.
    grid, magnitude = np.linspace(0.001, Z_MAX, 301), np.linspace(*magnitude_range, 141)
    density = surface_density(grid[:, None], (magnitude[1:] + magnitude[:-1]) / 2, band)
    summed = np.cumsum(density, axis=1) / density.sum(axis=1, keepdims=True)
    row = np.clip(np.rint(z / (grid[1] - grid[0])).astype(int), 0, len(grid) - 1)
    u = rng.random(len(z))
    column = np.minimum((summed[row] < u[:, None]).sum(axis=1), len(magnitude) - 2)
    return np.asarray(magnitude[column] + rng.random(len(z)) * (magnitude[1] - magnitude[0]))
