"""Features for estimators that read a catalogue: magnitudes, colours, errors and shapes from photometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from vo_photoz.datasets.photometry import APERTURES_ARCSEC, Photometry
from vo_photoz.flow import FloatArray


@dataclass(frozen=True)
class Softening:
    """Typical errors of the training objects, the softening of their asinh magnitudes.

    Lupton et al. 1999, AJ 118, 1406: a magnitude that stays a number for fluxes below zero.

    Parameters
    ----------
    psf, total : float array, shape (band,)
        Of these fluxes.
    aperture : float array, shape (band, aperture)
        Of the fluxes in circles.
    """

    psf: FloatArray
    total: FloatArray
    aperture: FloatArray

    @classmethod
    def of(cls, measured: Photometry) -> Softening:
        """Median errors of training objects."""
        return cls(
            np.median(measured.psf_error, axis=0),
            np.median(measured.total_error, axis=0),
            np.median(measured.aperture_error, axis=0),
        )


def features(measured: Photometry, softening: Softening) -> FloatArray:
    """Features of n objects, shape (n, m); `feature_names` says what the columns are.

    Asinh magnitudes of all fluxes, all colours of the PSF and of the total fluxes, their difference in each
    band (point or extended), logarithms of the errors, size and axis ratio.
    """
    psf, total = asinh(measured.psf, softening.psf), asinh(measured.total, softening.total)
    aperture = asinh(measured.aperture, softening.aperture)
    pairs = list(combinations(range(psf.shape[1]), 2))
    columns = [
        psf,
        total,
        aperture.reshape(len(measured), -1),
        *(np.stack([one[:, a] - one[:, b] for a, b in pairs], axis=1) for one in (psf, total) if pairs),
        psf - total,
        np.log10(measured.psf_error),
        np.log10(measured.total_error),
        np.log10(measured.size)[:, None],
        measured.axis_ratio[:, None],
    ]
    return np.concatenate(columns, axis=1)


def feature_names(bands: Sequence[str]) -> list[str]:
    """Names of the columns of `features`."""
    pairs = list(combinations(bands, 2))
    return [
        *(f"psf {band}" for band in bands),
        *(f"total {band}" for band in bands),
        *(f"{radius:g} arcsec {band}" for band in bands for radius in APERTURES_ARCSEC),
        *(f"{kind} {a}-{b}" for kind in ("psf", "total") for a, b in pairs),
        *(f"psf-total {band}" for band in bands),
        *(f"psf error {band}" for band in bands),
        *(f"total error {band}" for band in bands),
        "size",
        "axis ratio",
    ]


def asinh(flux: FloatArray, softening: FloatArray) -> FloatArray:
    """Asinh magnitudes without a zero point."""
    magnitude: FloatArray = -2.5 / np.log(10) * (np.arcsinh(flux / (2 * softening)) + np.log(softening))
    return magnitude
