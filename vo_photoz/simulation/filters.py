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


@cache
def _weights(filters: tuple[str, ...], low: float, step: float, size: int) -> FloatArray:
    """Matrix (wavelength, band) that turns f_lambda into maggies, for an even grid."""
    grid = low + step * np.arange(size)
    columns = []
    for name in filters:
        response = np.interp(grid, *filter_curve(name), left=0, right=0)
        # A photon counter: both integrals carry lambda / hc, so that h and c cancel but for 3631 Jy.
        reference = (3.631e-20 * _SPEED_OF_LIGHT / grid**2 * response * grid).sum()
        columns.append(response * grid / reference)
    return np.stack(columns, axis=1)


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
