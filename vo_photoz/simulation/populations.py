"""Who lives on the simulated sky: quasars, stars and galaxies with their magnitudes and shapes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.filters import ab_magnitudes, wavelength_grid
from vo_photoz.simulation.igm import draw_limit_systems
from vo_photoz.simulation.seds import GALAXY_TYPES, QuasarShapes, galaxy_sed, quasar_sed

# A_band / E(B-V) of SDSS ugriz, Schlafly & Finkbeiner 2011 (ApJ 737, 103), table 6, R_V = 3.1.
EXTINCTION_UGRIZ = np.array([4.239, 3.303, 2.285, 1.698, 1.263])

# i magnitudes of SDSS DR16 quasars at 2.75 < z < 5: percentiles measured on 1,634 public stamps; the ends
# are rounded inwards, where labels and photometry are doubtful.
_QUASAR_I = (
    np.array([0, 1, 5, 10, 25, 50, 75, 90, 95, 100]) / 100,
    np.array([17.2, 17.94, 18.67, 19.03, 19.56, 20.05, 20.65, 21.24, 21.67, 22.2]),
)
_CHUNK = 256
_QUASAR_I_SLOPE = -0.42  # median i per unit redshift in the same stamps, about z = 3.75

# Stellar locus: g-i, then u-g, g-r, r-i, i-z. Medians of 3,216 point sources brighter than i = 20 in a field
# of VizieR V/139 (SDSS DR9); bluer than g-i = 0.2 those of spectroscopic stars of SDSS DR14. Beyond
# g-i = 2.3 u-g is noise and held constant.
_LOCUS = np.array([
    (-0.50, 0.27, -0.27, -0.23, -0.22), (-0.10, 1.19, -0.04, -0.06, -0.06), (0.10, 1.10, 0.11, 0.01, -0.03),
    (0.34, 0.99, 0.26, 0.08, 0.01), (0.51, 1.13, 0.38, 0.13, 0.04), (0.68, 1.35, 0.50, 0.18, 0.07),
    (0.90, 1.70, 0.65, 0.25, 0.12), (1.10, 2.06, 0.80, 0.30, 0.15), (1.31, 2.30, 0.96, 0.35, 0.19),
    (1.50, 2.50, 1.09, 0.41, 0.23), (1.70, 2.59, 1.21, 0.49, 0.27), (1.91, 2.64, 1.33, 0.58, 0.33),
    (2.10, 2.64, 1.41, 0.69, 0.39), (2.31, 2.60, 1.44, 0.87, 0.48), (2.49, 2.60, 1.46, 1.03, 0.57),
    (2.70, 2.60, 1.48, 1.22, 0.66), (2.88, 2.60, 1.49, 1.39, 0.74), (3.09, 2.60, 1.55, 1.54, 0.83),
    (3.32, 2.60, 1.68, 1.64, 0.89),
])  # fmt: skip
_LOCUS_SCATTER = np.array([0.08, 0.035, 0.025, 0.025])  # intrinsic, same sources
# Stars with i < 20.5 in bins of 0.3 in g-i from -0.6, and with 15 < i < 21 in bins of 0.5, same field.
_STAR_COLOUR_COUNTS = np.array([4, 11, 50, 627, 553, 353, 264, 306, 363, 489, 525, 314, 155])
_STAR_I_COUNTS = np.array([129, 136, 203, 203, 265, 275, 385, 408, 571, 641, 664, 721])
# Galaxies in bins of 0.5 in r from 16, same field.
_GALAXY_R_COUNTS = np.array([7, 7, 14, 27, 46, 53, 146, 201, 361, 548, 749])


@dataclass(frozen=True)
class Population:
    """Sources before they have a place on the sky; every array has n rows.

    Parameters
    ----------
    kind : str array
        "QSO", "STAR" or "GALAXY".
    z : float64 array
        Redshift; 0 for stars.
    magnitude : float64 array, shape (n, 5)
        True AB magnitudes in ugriz, Galactic extinction included.
    half_light_arcsec : float64 array
        Radius of half the light along the major axis; 0 for point sources.
    axis_ratio, angle_deg : float64 array
        Shape and position angle (north through east) of galaxies.
    sersic : float64 array
        Sersic index; 0 for point sources.
    """

    kind: NDArray[np.str_]
    z: FloatArray
    magnitude: FloatArray
    half_light_arcsec: FloatArray
    axis_ratio: FloatArray
    angle_deg: FloatArray
    sersic: FloatArray

    def __len__(self) -> int:
        return len(self.z)

    def take(self, rows: NDArray[np.intp]) -> Population:
        """The given rows."""
        return Population(*(getattr(self, f.name)[rows] for f in fields(self)))


def join(*parts: Population) -> Population:
    """Several populations as one."""
    names = [f.name for f in fields(Population)]
    return Population(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _points(kind: str, z: FloatArray, magnitude: FloatArray) -> Population:
    nothing = np.zeros(len(z))
    return Population(np.full(len(z), kind), z, magnitude, nothing, nothing + 1, nothing, nothing)


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
    return _points("QSO", redshift, magnitude + (drawn - fixed)[:, None])


def draw_stars(rng: np.random.Generator, n: int) -> Population:
    """Stars on the observed SDSS locus, with the colours and magnitudes of a field at high latitude.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    n : int
        How many, 15 < i < 21.

    Returns
    -------
    Population
        Point sources at redshift 0.
    """
    colour = -0.6 + 0.3 * _draw_bins(rng, n, _STAR_COLOUR_COUNTS)
    colours = np.stack([np.interp(colour, _LOCUS[:, 0], _LOCUS[:, k]) for k in range(1, 5)], axis=1)
    colours += rng.normal(0, 1, (n, 4)) * _LOCUS_SCATTER
    i = 15 + 0.5 * _draw_bins(rng, n, _STAR_I_COUNTS)
    r = i + colours[:, 2]
    g = r + colours[:, 1]
    return _points("STAR", np.zeros(n), np.stack([g + colours[:, 0], g, r, i, i - colours[:, 3]], axis=1))


def draw_galaxies(rng: np.random.Generator, n: int, *, galactic_ebv: float = 0.03) -> Population:
    """Galaxies of three spectral types with Sersic profiles, 16 < r < 21.5 and z below 1.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    n : int
        How many.
    galactic_ebv : float
        Extinction of the Milky Way.

    Returns
    -------
    Population
        Median redshift 0.1 at r = 17 and 0.35 at r = 21; half-light radii falling from 2.2 arcsec at r = 17
        to 0.7 arcsec at r = 21, +- 0.15 dex: round numbers, not fitted to a survey.
    """
    r = 16 + 0.5 * _draw_bins(rng, n, _GALAXY_R_COUNTS)
    z = np.clip(0.1 * 10 ** (0.136 * (r - 17) + rng.normal(0, 0.15, n)), 0.01, 1.0)
    kinds = rng.choice(len(GALAXY_TYPES), n, p=[0.4, 0.3, 0.3])
    wavelength = wavelength_grid()
    magnitude = ab_magnitudes(wavelength, galaxy_sed(wavelength, z, kinds)) + galactic_ebv * EXTINCTION_UGRIZ
    magnitude += rng.normal(0, 1, (n, 5)) * 0.05
    magnitude += (r - magnitude[:, 2])[:, None]
    return Population(
        kind=np.full(n, "GALAXY"),
        z=z,
        magnitude=magnitude,
        half_light_arcsec=2.2 * 10 ** (-0.124 * (r - 17) + rng.normal(0, 0.15, n)),
        axis_ratio=rng.uniform(0.3, 1.0, n),
        angle_deg=rng.uniform(0, 180, n),
        sersic=np.where(kinds == 0, 4.0, 1.0),
    )


def _draw_bins(rng: np.random.Generator, n: int, counts: NDArray[np.integer]) -> FloatArray:
    """Positions, in units of bins, drawn from a histogram."""
    return np.asarray(rng.choice(len(counts), n, p=counts / counts.sum()) + rng.random(n))
