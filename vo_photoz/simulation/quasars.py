"""Quasars of the simulated sky: redshifts, magnitudes, spectral shapes."""

from __future__ import annotations

import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.filters import ab_magnitudes, wavelength_grid
from vo_photoz.simulation.igm import draw_limit_systems
from vo_photoz.simulation.populations import EXTINCTION_UGRIZ, Population, point_sources
from vo_photoz.simulation.seds import QuasarShapes, quasar_sed

# i magnitudes of SDSS DR16 quasars at 2.75 < z < 5: percentiles measured on 1,634 public stamps; the ends
# are rounded inwards, where labels and photometry are doubtful.
_QUASAR_I = (
    np.array([0, 1, 5, 10, 25, 50, 75, 90, 95, 100]) / 100,
    np.array([17.2, 17.94, 18.67, 19.03, 19.56, 20.05, 20.65, 21.24, 21.67, 22.2]),
)
_CHUNK = 256
_QUASAR_I_SLOPE = -0.42  # median i per unit redshift in the same stamps, about z = 3.75


def draw_redshifts(rng: np.random.Generator, n: int, low: float, high: float) -> FloatArray:
    """Redshifts whose density falls linearly by a quarter from ``low`` to ``high``.

    This is a choice, not the population of the sky: it fills the range of a model evenly.
    """
    u = rng.random(n)
    # Inverse of the cumulative (x - x^2 / 8) / (7 / 8).
    return np.asarray(low + (high - low) * 4 * (1 - np.sqrt(1 - u * 7 / 16)))


def draw_shapes(rng: np.random.Generator, z: FloatArray, magnitude: FloatArray) -> QuasarShapes:
    """Spectral shapes of quasars with the scatter of published samples.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    z, magnitude : float64 array, shape (n,)
        Redshift and apparent AB magnitude near 1500 Angstrom in the rest frame.

    Returns
    -------
    QuasarShapes
        Slope -0.35 (Temple et al. 2021, MNRAS 508, 737; Vanden Berk et al. 2001 have -0.44), and -1.5
        blueward of 1100 Angstrom, each +- 0.3 (the quasar model of Ross et al. 2013, ApJ 773, 14). Line
        strengths +- 0.15 dex and iron +- 0.2 dex, of the order of the spread in Shen et al. 2011 (ApJS 194,
        45). Exponential reddening with mean 0.012: most SDSS quasars have E(B-V) < 0.04 (Hopkins et al. 2004,
        AJ 128, 1112). Slope and break among the published ones, the mean of the iron and of the Balmer
        continuum, and the forest's +- 0.04 dex were chosen by comparing median colours with 1,634 real SDSS
        quasars at 2.75 < z < 5.
    """
    n = len(z)
    return QuasarShapes(
        slope=rng.normal(-0.35, 0.3, n),
        slope_uv=rng.normal(-1.5, 0.3, n),
        line_strength=10 ** rng.normal(0, 0.15, n),
        luminosity=log_luminosity(z, magnitude),
        iron=100 * 10 ** rng.normal(0, 0.2, n),
        balmer=0.1 * 10 ** rng.normal(0, 0.2, n),
        ebv=rng.exponential(0.012, n),
        igm_series=10 ** rng.normal(0, 0.04, n),
        limit_systems=draw_limit_systems(rng, z),
    )


def log_luminosity(z: FloatArray, magnitude: FloatArray) -> FloatArray:
    """log10 of the luminosity at 1450 Angstrom over that of the Vanden Berk composite.

    The composite's median quasar has z = 1.25 and r about 19: M_1450 = -24.5 (H0 = 70, Omega_m = 0.3).
    """
    from astropy.cosmology import FlatLambdaCDM  # noqa: PLC0415 - slow to import

    modulus = FlatLambdaCDM(H0=70, Om0=0.3).distmod(z).value
    absolute = magnitude - modulus + 2.5 * np.log10(1 + z)
    return np.asarray(-0.4 * (absolute + 24.5))


def draw_quasars(
    rng: np.random.Generator,
    n: int,
    *,
    z_range: tuple[float, float] = (2.75, 5.0),
    z: FloatArray | None = None,
    galactic_ebv: float = 0.03,
) -> Population:
    """Quasars with SDSS-like magnitudes and colours that follow the redshift.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    n : int
        How many.
    z_range : (float, float)
        Range of redshift; the density falls by a quarter across it.
    z : float64 array, shape (n,), or None
        Redshifts to take instead.
    galactic_ebv : float
        Extinction of the Milky Way; the magnitudes are not corrected for it.

    Returns
    -------
    Population
        Point sources. The i magnitude (z magnitude beyond redshift 5, where i drops out) is drawn.
    """
    redshift = draw_redshifts(rng, n, *z_range) if z is None else np.asarray(z, float)
    drawn = np.interp(rng.random(n), *_QUASAR_I)
    drawn += _QUASAR_I_SLOPE * (np.clip(redshift, 2.75, 5.0) - 3.75)
    drawn = np.clip(drawn, 17.0, 22.2)
    wavelength = wavelength_grid()
    shapes = draw_shapes(rng, redshift, drawn)
    magnitude = np.empty((n, 5))
    for first in range(0, n, _CHUNK):  # spectra are large
        rows = np.arange(first, min(first + _CHUNK, n))
        spectra = quasar_sed(wavelength, redshift[rows], shapes.take(rows))
        magnitude[rows] = ab_magnitudes(wavelength, spectra)
    magnitude += galactic_ebv * EXTINCTION_UGRIZ
    fixed = np.where(redshift > 5, magnitude[:, 4], magnitude[:, 3])
    return point_sources("QSO", redshift, magnitude + (drawn - fixed)[:, None])
