"""AB magnitudes of spectra through real filter curves (from speclite)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import FloatArray

SDSS = tuple(f"sdss2010-{band}" for band in "ugriz")
"""Filter curves of the SDSS camera as measured by Doi et al. (2010, AJ 139, 1628)."""

PANSTARRS = tuple(f"panstarrs-{band}" for band in "grizy")
"""Filter curves of Pan-STARRS 1 (Tonry et al. 2012, ApJ 750, 99)."""

LSST = tuple(f"lsst2023-{band}" for band in "ugrizy")
"""Filter curves of the Rubin Observatory."""

# A_band / E(B-V) of Schlafly & Finkbeiner 2011 (ApJ 737, 103), table 6, R_V = 3.1.
_EXTINCTION = {
    "sdss2010": {"u": 4.239, "g": 3.303, "r": 2.285, "i": 1.698, "z": 1.263},
    "panstarrs": {"g": 3.172, "r": 2.271, "i": 1.682, "z": 1.322, "y": 1.087},
    "lsst2023": {"u": 4.145, "g": 3.237, "r": 2.273, "i": 1.684, "z": 1.323, "y": 1.088},
}
# What the magnitudes of a survey's catalogue add to AB magnitudes. SDSS: u_AB = u - 0.04, z_AB = z + 0.02
# (sdss.org, "Photometric flux calibration"; entered from memory).
_CATALOGUE_OFFSET = {"sdss2010-u": 0.04, "sdss2010-z": -0.02}

_SPEED_OF_LIGHT = 2.99792458e18  # Angstrom / s
ZERO_POINT_NANOMAGGY = 22.5  # AB magnitude of one nanomaggy


@cache
def filter_curve(name: str) -> tuple[FloatArray, FloatArray]:
    """Wavelength (Angstrom) and response of a filter.

    Raises
    ------
    UsageError
        Raised if speclite has no such filter.
    """
    from speclite.filters import load_filter  # noqa: PLC0415 - speclite needs seconds to load

    try:
        curve = load_filter(name)
    except (ValueError, OSError) as error:
        raise UsageError(
            f"There is no filter named {name}.", advice="Take a name of speclite, for example sdss2010-r."
        ) from error
    return np.asarray(curve.wavelength, float), np.asarray(curve.response, float)


def wavelength_grid(filters: Sequence[str] = SDSS, step: float = 5.0) -> FloatArray:
    """Observed wavelengths (Angstrom) that cover all the filters, evenly spaced."""
    edges = [filter_curve(name)[0][[0, -1]] for name in filters]
    return np.arange(min(low for low, _ in edges), max(high for _, high in edges) + step, step)


def band_weights(grid: FloatArray, widths: FloatArray, filters: Sequence[str]) -> FloatArray:
    """Matrix that turns f_lambda at the wavelengths of a grid into maggies.

    Parameters
    ----------
    grid, widths : float64 array, shape (w,)
        Wavelengths and the pieces of the integral they stand for, Angstrom.
    filters : sequence of str
        Names of speclite.

    Returns
    -------
    float64 array, shape (w, band)
        Weights.
    """
    columns = []
    for name in filters:
        response = np.interp(grid, *filter_curve(name), left=0, right=0) * widths
        # A photon counter: both integrals carry lambda / hc, so that h and c cancel but for 3631 Jy.
        reference = (3.631e-20 * _SPEED_OF_LIGHT / grid**2 * response * grid).sum()
        columns.append(response * grid / reference)
    return np.stack(columns, axis=1)


@cache
def _weights(filters: tuple[str, ...], low: float, step: float, size: int) -> FloatArray:
    """Matrix (wavelength, band) that turns f_lambda into maggies, for an even grid."""
    return band_weights(np.asarray(low + step * np.arange(size), float), np.full(size, step), filters)


def maggies(wavelength: FloatArray, flux_density: FloatArray, filters: Sequence[str] = SDSS) -> FloatArray:
    """Band fluxes of spectra in maggies (AB).

    Parameters
    ----------
    wavelength : float64 array, shape (w,)
        Observed wavelengths, evenly spaced, Angstrom (see `wavelength_grid`).
    flux_density : float64 array, shape (n, w)
        f_lambda, erg / s / cm2 / Angstrom.
    filters : sequence of str
        Names of speclite.

    Returns
    -------
    float64 array, shape (n, band)
        1 maggy is 3631 Jy (Fukugita et al. 1996, AJ 111, 1748, for the photon-counting definition).

    Raises
    ------
    UsageError
        Raised if the wavelengths are not evenly spaced or do not cover a filter.
    """
    step = np.diff(wavelength)
    if len(step) == 0 or not np.allclose(step, step[0]):
        raise UsageError(
            "The wavelengths of a spectrum must be evenly spaced.", advice="See wavelength_grid."
        )
    for name in filters:
        curve, response = filter_curve(name)
        used = curve[response > 0]
        if used[0] < wavelength[0] or used[-1] > wavelength[-1]:
            raise UsageError(f"The spectrum does not cover the filter {name}.", advice="See wavelength_grid.")
    matrix = _weights(tuple(filters), float(wavelength[0]), float(step[0]), len(wavelength))
    return np.asarray(flux_density @ matrix)


def ab_magnitudes(
    wavelength: FloatArray, flux_density: FloatArray, filters: Sequence[str] = SDSS
) -> NDArray[np.float64]:
    """AB magnitudes of spectra; parameters and errors as in `maggies`, shape (n, band)."""
    return np.asarray(-2.5 * np.log10(np.maximum(maggies(wavelength, flux_density, filters), 1e-30)))


def nanomaggies(magnitude: FloatArray) -> FloatArray:
    """Fluxes in nanomaggies of AB magnitudes."""
    return np.asarray(10 ** (0.4 * (ZERO_POINT_NANOMAGGY - magnitude)))


def extinction_coefficients(filters: Sequence[str] = SDSS) -> FloatArray:
    """Extinction by the Milky Way in each band for E(B-V) = 1, shape (band,).

    Raises
    ------
    UsageError
        Raised if a filter has no published coefficient here.
    """
    try:
        return np.array([_EXTINCTION[name.rpartition("-")[0]][name.rpartition("-")[2]] for name in filters])
    except KeyError:
        raise UsageError(
            f"There are no extinction coefficients for the filters {', '.join(filters)}.",
            advice=f"Take filters of {', '.join(_EXTINCTION)}.",
        ) from None


def catalogue_offsets(filters: Sequence[str] = SDSS) -> FloatArray:
    """What the catalogue of a survey adds to AB magnitudes in each band, shape (band,)."""
    return np.array([_CATALOGUE_OFFSET.get(name, 0.0) for name in filters])
