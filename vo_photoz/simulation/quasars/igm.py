"""Absorption by hydrogen between a source and us: the analytic mean of Inoue et al. (2014)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from vo_photoz.flow import FloatArray

LYMAN_LIMIT = 911.8  # Angstrom

# Inoue et al. 2014 (MNRAS 442, 1805), table 2: wavelength of the Lyman series line (Angstrom), coefficient
# of the first segment for the forest (A_LAF,1) and for the damped systems (A_DLA,1). The coefficients of the
# further segments follow, to the four digits printed, from the continuity of the optical depth at the
# breaks, so that they need not stand here.
_SERIES = np.array([
    (1215.67, 1.690e-2, 1.617e-4), (1025.72, 4.692e-3, 1.545e-4), (972.537, 2.239e-3, 1.498e-4),
    (949.743, 1.319e-3, 1.460e-4), (937.803, 8.707e-4, 1.429e-4), (930.748, 6.178e-4, 1.402e-4),
    (926.226, 4.609e-4, 1.377e-4), (923.150, 3.569e-4, 1.355e-4), (920.963, 2.843e-4, 1.335e-4),
    (919.352, 2.318e-4, 1.316e-4), (918.129, 1.923e-4, 1.298e-4), (917.181, 1.622e-4, 1.281e-4),
    (916.429, 1.385e-4, 1.265e-4), (915.824, 1.196e-4, 1.250e-4), (915.329, 1.043e-4, 1.236e-4),
    (914.919, 9.174e-5, 1.222e-4), (914.576, 8.128e-5, 1.209e-4), (914.286, 7.251e-5, 1.197e-4),
    (914.039, 6.505e-5, 1.185e-4), (913.826, 5.868e-5, 1.173e-4), (913.641, 5.319e-5, 1.162e-4),
    (913.480, 4.843e-5, 1.151e-4), (913.339, 4.427e-5, 1.140e-4), (913.215, 4.063e-5, 1.130e-4),
    (913.104, 3.738e-5, 1.120e-4), (913.006, 3.454e-5, 1.110e-4), (912.918, 3.199e-5, 1.101e-4),
    (912.839, 2.971e-5, 1.091e-4), (912.768, 2.766e-5, 1.082e-4), (912.703, 2.582e-5, 1.073e-4),
    (912.645, 2.415e-5, 1.065e-4), (912.592, 2.263e-5, 1.056e-4), (912.543, 2.126e-5, 1.048e-4),
    (912.499, 2.000e-5, 1.040e-4), (912.458, 1.885e-5, 1.032e-4), (912.420, 1.779e-5, 1.024e-4),
    (912.385, 1.682e-5, 1.017e-4), (912.353, 1.593e-5, 1.009e-4), (912.324, 1.510e-5, 1.002e-4),
])  # fmt: skip


def series_depth(wavelength: ArrayLike, z: ArrayLike) -> FloatArray:
    """Mean optical depth of the Lyman series lines (Inoue et al. 2014, equations 21 and 22).

    Parameters
    ----------
    wavelength : array
        Observed wavelength, Angstrom.
    z : array
        Redshift of the source; broadcast against ``wavelength``.

    Returns
    -------
    float64 array
        Optical depth, zero redward of Lyman alpha.
    """
    observed, redshift = np.asarray(wavelength, float), np.asarray(z, float)
    depth = np.zeros(np.broadcast_shapes(observed.shape, redshift.shape))
    for line, forest, damped in _SERIES:
        # x = 1 + z of the absorber: only gas between us and the source absorbs.
        x = observed / line
        here = np.where(x > 1, _forest_segment(x, forest) + _damped_segment(x, damped), 0)
        depth += here * (x < 1 + redshift)
    return depth


def _forest_segment(x: FloatArray, first: float) -> FloatArray:
    """Equation 21 with breaks at absorber redshifts 1.2 and 4.7."""
    second = first * 2.2 ** (1.2 - 3.7)
    third = second * 5.7 ** (3.7 - 5.5)
    return np.where(x < 2.2, first * x**1.2, np.where(x < 5.7, second * x**3.7, third * x**5.5))


def _damped_segment(x: FloatArray, first: float) -> FloatArray:
    """Equation 22 with its break at absorber redshift 2."""
    return np.where(x < 3, first * x**2, first / 3 * x**3)


def continuum_depth(wavelength: ArrayLike, z: ArrayLike) -> FloatArray:
    """Mean optical depth of the Lyman continuum (Inoue et al. 2014, equations 25 to 29).

    Parameters
    ----------
    wavelength : array
        Observed wavelength, Angstrom.
    z : array
        Redshift of the source; broadcast against ``wavelength``.

    Returns
    -------
    float64 array
        Optical depth, zero redward of the source's Lyman limit. Below the Lyman limit at redshift zero
        the formula does not hold; there it is continued with its value at the limit.
    """
    observed, redshift = np.broadcast_arrays(np.asarray(wavelength, float), np.asarray(z, float))
    one = 1 + redshift
    x = np.clip(observed / LYMAN_LIMIT, 1, one)
    return np.asarray(np.where(observed < LYMAN_LIMIT * one, _forest_lc(x, one) + _damped_lc(x, one), 0.0))


def _forest_lc(x: FloatArray, one: FloatArray) -> FloatArray:
    """Equations 25, 26, 27: Lyman continuum of the forest; ``one`` is 1 + z of the source."""
    near = 0.325 * (x**1.2 - one**-0.9 * x**2.1)
    middle = np.where(
        x < 2.2,
        2.55e-2 * one**1.6 * x**2.1 + 0.325 * x**1.2 - 0.250 * x**2.1,
        2.55e-2 * (one**1.6 * x**2.1 - x**3.7),
    )
    far = 5.22e-4 * one**3.4 * x**2.1 + np.where(
        x < 2.2,
        0.325 * x**1.2 - 3.14e-2 * x**2.1,
        np.where(x < 5.7, 0.218 * x**2.1 - 2.55e-2 * x**3.7, -5.22e-4 * x**5.5),
    )
    return np.asarray(np.where(one < 2.2, near, np.where(one < 5.7, middle, far)))


def _damped_lc(x: FloatArray, one: FloatArray) -> FloatArray:
    """Equations 28, 29: Lyman continuum of the damped systems."""
    near = 0.211 * one**2 - 7.66e-2 * one**2.3 * x**-0.3 - 0.135 * x**2
    far = (
        4.70e-2 * one**3
        - 1.78e-2 * one**3.3 * x**-0.3
        + np.where(x < 3, 0.634 - 0.135 * x**2 - 0.291 * x**-0.3, -2.92e-2 * x**3)
    )
    return np.asarray(np.where(one < 3, near, far))


@dataclass(frozen=True)
class LimitSystems:
    """Lyman limit systems on the way to n sources, at most k on a sightline.

    Parameters
    ----------
    z : float64 array, shape (n, k)
        Redshift of each system; 0 stands for none.
    depth : float64 array, shape (n, k)
        Optical depth at its Lyman limit; 0 for none.
    """

    z: FloatArray
    depth: FloatArray


# Incidence of systems with a depth above 1 per unit redshift: Songaila & Cowie 2010 (ApJ 721, 1448),
# 2.84 ((1 + z) / 4.5)^2.04. Their column densities follow N^-1.3 (as in McGreer et al. 2013, ApJ 768, 105),
# so that the depth does too.
_RATE, _RATE_PIVOT, _RATE_EXPONENT = 2.84, 4.5, 2.04
_DEPTH_EXPONENT = 1.3
_DEPTH_MAX = 1e4


def draw_limit_systems(rng: np.random.Generator, z: FloatArray) -> LimitSystems:
    """Draw the Lyman limit systems between redshift 0 and each source.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    z : float64 array, shape (n,)
        Redshifts of the sources.

    Returns
    -------
    LimitSystems
        A Poisson number of systems a sightline.
    """
    power = _RATE_EXPONENT + 1
    expected = _RATE * _RATE_PIVOT / power * (((1 + z) / _RATE_PIVOT) ** power - _RATE_PIVOT**-power)
    number = rng.poisson(np.maximum(expected, 0))  # rounding at redshift 0
    slots = np.arange(max(int(number.max(initial=0)), 1))
    there = slots[None, :] < number[:, None]
    # Inverse of the cumulative number of systems along redshift.
    low, high = 1.0, ((1 + z) ** power)[:, None]
    where = (low + rng.random(there.shape) * (high - low)) ** (1 / power) - 1
    tail = 1 - _DEPTH_EXPONENT
    depth = (1 + rng.random(there.shape) * (_DEPTH_MAX**tail - 1)) ** (1 / tail)
    where = np.minimum(where, z[:, None])
    return LimitSystems(np.where(there, where, 0.0), np.where(there, depth, 0.0))


def limit_systems_depth(wavelength: ArrayLike, systems: LimitSystems) -> FloatArray:
    """Optical depth of drawn systems in their Lyman continua, shape (n, w); falls as wavelength cubed."""
    observed = np.asarray(wavelength, float)
    total = np.zeros((len(systems.z), len(observed)))
    for z, depth in zip(systems.z.T, systems.depth.T, strict=True):
        x = observed[None, :] / (LYMAN_LIMIT * (1 + z[:, None]))
        total += np.where(x < 1, depth[:, None] * x**3, 0)
    return total


def mean_limit_depth(wavelength: ArrayLike, z: ArrayLike) -> FloatArray:
    """-ln of the mean transmission of limit systems: what `draw_limit_systems` takes away on average."""
    observed, redshift = np.broadcast_arrays(np.asarray(wavelength, float), np.asarray(z, float))
    x = np.clip(observed / LYMAN_LIMIT, 1, 1 + redshift)
    # With u = (1 + z of the absorber) / x the integral over absorbers depends on its upper end alone.
    scale = _RATE * _RATE_PIVOT**-_RATE_EXPONENT * x ** (_RATE_EXPONENT + 1)
    return np.asarray(scale * np.interp((1 + redshift) / x, *_blocked_table()))


@cache
def _blocked_table() -> tuple[FloatArray, FloatArray]:
    """Integral from 1 to u of u^exponent times the mean light blocked by a system of depth / u^3."""
    quantile = (np.arange(2000) + 0.5) / 2000
    tail = 1 - _DEPTH_EXPONENT
    depth = (1 + quantile * (_DEPTH_MAX**tail - 1)) ** (1 / tail)
    u = np.linspace(1, 12, 2201)
    rate = u**_RATE_EXPONENT * np.array([-np.expm1(-depth / v**3).mean() for v in u])
    integral = np.concatenate([[0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(u))])
    return u, integral


def igm_transmission(
    wavelength: ArrayLike, z: ArrayLike, *, series: ArrayLike = 1.0, systems: LimitSystems | None = None
) -> FloatArray:
    """Fraction of the light that the intergalactic hydrogen lets through.

    Parameters
    ----------
    wavelength : array, shape (w,)
        Observed wavelength, Angstrom.
    z : array
        Redshift of the source; broadcast against ``wavelength`` (shape (n, 1) for n sources).
    series : array
        Factor on the mean optical depth of the Lyman lines: the scatter between sightlines.
    systems : LimitSystems or None
        Thick absorbers of each sightline. Their mean is then taken out of the mean Lyman continuum, and
        they are put in one by one; the mean over many sightlines stays that of Inoue et al. where the latter
        is the larger.

    Returns
    -------
    float64 array
        Transmission between 0 and 1.
    """
    depth = np.asarray(series) * series_depth(wavelength, z)
    continuum = np.maximum(continuum_depth(wavelength, z), 0)
    if systems is not None:
        thin = np.maximum(continuum - mean_limit_depth(wavelength, z), 0)
        continuum = thin + limit_systems_depth(wavelength, systems)
    return np.asarray(np.exp(-(depth + continuum)))
