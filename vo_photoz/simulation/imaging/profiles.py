"""Profiles of light and their Fourier transforms: the Moffat point spread function, Sersic galaxies.

The transforms are kept as tables, since a galaxy seen through the atmosphere is the product of two of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from vo_photoz.flow import Float32Array, FloatArray

CORE_BETA = 4.0
WING_BETA = 3.0
"""Exponents of the two Moffat profiles of a point source; the kernels know these two only."""

TRUNCATION = 8.0
"""A galaxy ends at this many half-light radii, as the de Vaucouleurs model of the SDSS pipeline does."""

SERSIC_STEP = 0.05
SERSIC_RANGE = (0.5, 6.2)
ROOT_STEP = 0.01  # of the square root of (wave number times radius)
_MOST_ROOT = 14.0
MTF_STEP = 0.02
_MOST_WAVE = 36.0


def moffat(dx: FloatArray, dy: FloatArray, fwhm: float, beta: float) -> FloatArray:
    """Moffat (1969, A&A 3, 455) profile whose integral over the plane is 1; offsets and width in one unit."""
    scale = moffat_scale(fwhm, beta)
    return np.asarray((beta - 1) / (np.pi * scale**2) * (1 + (dx**2 + dy**2) / scale**2) ** -beta)


def moffat_scale(fwhm: float, beta: float) -> float:
    """Radius in the formula of the Moffat profile, from the full width at half maximum."""
    return float(fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1)))


def moffat_inside(radius: float, fwhm: float, beta: float) -> float:
    """Share of the light of a Moffat profile within a radius."""
    return float(1 - (1 + (radius / moffat_scale(fwhm, beta)) ** 2) ** (1 - beta))


def sersic_scale(index: float) -> float:
    """B of the Sersic profile, 2 n - 1/3 + 0.009876 / n (Prugniel & Simien 1997, A&A 321, 111)."""
    return 2 * index - 1 / 3 + 0.009876 / index


@dataclass(frozen=True)
class SersicTable:
    """Fourier transforms of Sersic profiles that end at `TRUNCATION` radii.

    Parameters
    ----------
    transform : float32 array, shape (index, root)
        Transform, 1 at the origin; rows in steps of `SERSIC_STEP` in the index, columns in steps of
        `ROOT_STEP` in the square root of wave number times radius. The radius is the half-light radius
        of the profile that does not end.
    shrink : float64 array, shape (index,)
        Half-light radius of the profile that ends over that of the one that does not.
    """

    transform: Float32Array
    shrink: FloatArray

    def row(self, index: FloatArray) -> FloatArray:
        """Place of an index among the rows, with fractions."""
        clipped = np.clip(index, *SERSIC_RANGE)
        return np.asarray((clipped - SERSIC_RANGE[0]) / SERSIC_STEP)

    def radius(self, half_light: FloatArray, index: FloatArray) -> FloatArray:
        """Half-light radius of the profile that does not end, from that of the light that is there."""
        places = np.arange(len(self.shrink))
        return np.asarray(half_light / np.interp(self.row(index), places, self.shrink))


@cache
def sersic_table() -> SersicTable:
    """The table; made once, in a second."""
    from scipy.special import j0  # noqa: PLC0415 - slow to import

    radius, weight = _radii()
    indices = np.arange(SERSIC_RANGE[0], SERSIC_RANGE[1] + SERSIC_STEP / 2, SERSIC_STEP)
    light = np.stack([
        np.exp(-sersic_scale(n) * radius ** (1 / n)) * radius * weight for n in indices
    ])  # fmt: skip
    light /= light.sum(axis=1, keepdims=True)
    root = np.arange(0, _MOST_ROOT + ROOT_STEP, ROOT_STEP)
    transform = np.empty((len(indices), len(root)), np.float32)
    for first in range(0, len(root), 128):  # the Bessel functions of all at once would take 70 MB
        wave = root[first : first + 128] ** 2
        transform[:, first : first + 128] = light @ j0(wave[:, None] * radius).T
    half = np.array([np.interp(0.5, np.cumsum(one) - one / 2, radius) for one in light])
    return SersicTable(transform, half)


def _radii() -> tuple[FloatArray, FloatArray]:
    """Radii and weights of a quadrature from 0 to `TRUNCATION`, dense where the light has a cusp."""
    node, weight = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(0, np.sqrt(TRUNCATION), 401)
    half = np.diff(edges)[:, None] / 2
    root = (edges[:-1, None] + half * (1 + node)).ravel()
    return root**2, 2 * root * (half * weight).ravel()


@cache
def moffat_tables() -> tuple[Float32Array, Float32Array]:
    """Fourier transforms of the core and the wing in steps of `MTF_STEP` of wave number times scale.

    (x / 2)^(beta - 1) K_(beta - 1)(x) * 2 / Gamma(beta - 1), with the modified Bessel function K.
    """
    from scipy.special import gamma, kv  # noqa: PLC0415 - slow to import

    x = np.arange(0, _MOST_WAVE + MTF_STEP, MTF_STEP)
    tables = []
    for beta in (CORE_BETA, WING_BETA):
        with np.errstate(invalid="ignore"):
            values = 2 / gamma(beta - 1) * (x / 2) ** (beta - 1) * kv(beta - 1, x)
        values[0] = 1
        tables.append(values.astype(np.float32))
    return tables[0], tables[1]
