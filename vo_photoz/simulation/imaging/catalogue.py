"""What a photometric catalogue says of a simulated source: asinh magnitudes with noise."""

from __future__ import annotations

import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.filters import ZERO_POINT_NANOMAGGY, nanomaggies
from vo_photoz.simulation.imaging.exposures import PIXEL_ARCSEC, SDSS_IMAGING, Exposures
from vo_photoz.simulation.imaging.profiles import CORE_BETA, moffat_scale
from vo_photoz.simulation.populations import Population

# Softening of the asinh magnitudes of SDSS in units of the zero-point flux: Stoughton et al. 2002
# (AJ 123, 485), table 21, ugriz.
_SOFTENING = np.array([1.4, 0.9, 1.2, 1.8, 7.4]) * 1e-10
# Point sources are measured in an effective area of pixels, 4 pi sigma^2 of the Gaussian as wide as the
# point spread function with its wings, 1.29 times the width at half maximum.
_EFFECTIVE_WIDTH = 1.29
_CALIBRATION = 0.01  # error of a bright flux


def measured_magnitudes(
    rng: np.random.Generator,
    population: Population,
    exposures: Exposures | None = None,
    pixel_arcsec: float = PIXEL_ARCSEC,
) -> tuple[FloatArray, FloatArray]:
    """Asinh magnitudes as a photometric pipeline would give them, and their errors; shape (n, 5).

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    population : Population
        n sources.
    exposures : Exposures or None
        The conditions of each of n images; None for those in the middle of the range.
    pixel_arcsec : float
        Side of a pixel.
    """
    flux = nanomaggies(population.magnitude)
    sky, photon, fwhm = _conditions(exposures, pixel_arcsec)
    # A model fitted to a galaxy adds up the sky under it.
    size = population.half_light_arcsec / pixel_arcsec * np.sqrt(population.axis_ratio)
    extended = (1 - population.point_share) * size[:, None] ** 2
    area = 4 * np.pi * ((fwhm * _EFFECTIVE_WIDTH / 2.3548) ** 2 + extended)
    error = np.sqrt(area * sky**2 + photon * flux + (_CALIBRATION * flux) ** 2)
    return asinh_magnitudes(flux + error * rng.standard_normal(flux.shape), error)


def asinh_magnitudes(flux: FloatArray, error: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Asinh magnitudes of SDSS, ugriz, and their errors, from nanomaggies.

    They are defined for negative fluxes too (Lupton et al. 1999, AJ 118, 1406).
    """
    scaled, error = (one * 10 ** (-0.4 * ZERO_POINT_NANOMAGGY) for one in (flux, error))
    magnitude = -2.5 / np.log(10) * (np.arcsinh(scaled / (2 * _SOFTENING)) + np.log(_SOFTENING))
    slope = 2.5 / np.log(10) / np.sqrt(scaled**2 + (2 * _SOFTENING) ** 2)
    return magnitude, slope * error


def _conditions(exposures: Exposures | None, pixel_arcsec: float) -> tuple[FloatArray, ...]:
    """Noise of the sky, variance per flux, width of a point source in pixels."""
    if exposures is None:
        sky = np.array(SDSS_IMAGING.sky_sigma)
        photon = sky**2 / np.array(SDSS_IMAGING.sky_nanomaggies)
        return sky, photon, np.array(SDSS_IMAGING.fwhm_arcsec) / pixel_arcsec
    fwhm = exposures.spread[..., 0].astype(float) / moffat_scale(1, CORE_BETA)
    return exposures.sigma.astype(float), exposures.per_flux.astype(float), fwhm
