"""Drawing what differs between quasars: the population's means and scatters, published or fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.cosmology import distance_modulus
from vo_photoz.simulation.filters import SDSS, catalogue_offsets
from vo_photoz.simulation.quasars.components import BALDWIN, GROUPS, PIVOT
from vo_photoz.simulation.quasars.fluxes import band_fluxes
from vo_photoz.simulation.quasars.igm import draw_limit_systems
from vo_photoz.simulation.quasars.shapes import FOREST_NODES, QuasarShapes, Troughs


@dataclass(frozen=True)
class QuasarModel:
    """Means and scatters of the population; the defaults are those of `tools/fit_quasars.py`.

    Parameters
    ----------
    slope, slope_uv, slope_red : float
        Mean exponents of f_nu between 1100 and 3880 Angstrom, blueward, and redward of that.
    slope_sd, slope_uv_sd, slope_red_sd : float
        Their standard deviations.
    strength : tuple of float
        Factor on each group of emission components (`components.GROUPS`).
    strength_sd : tuple of float
        Scatter of each, dex.
    ebv : float
        Mean of the exponential distribution of E(B-V) in the host.
    red_share, red_ebv : float
        Share of quasars of a redder kind, and their mean E(B-V).
    forest : float
        Factor on the mean depth of the Lyman lines.
    forest_sd, forest_common_sd : float
        Scatter of ln(depth) between sightlines: at each node of the forest (less beyond redshift 4), and of
        the whole sightline.
    host, host_sd : float
        f_lambda of the host over the power law at 5100 Angstrom for M_1450 = -24.5, and its scatter in dex.
    trough_share, low_share : float
        Share of quasars with broad absorption lines, and of these with lines of low ionisation.
    weak_share, far_weak_share : float
        Share of quasars with weak lines at z = 3 and below, and at z = 6 and above.
    """

    slope: float = -0.2077
    slope_uv: float = -1.9332
    slope_red: float = 0.673
    slope_sd: float = 0.2255
    slope_uv_sd: float = 0.4238
    slope_red_sd: float = 0.1904
    strength: tuple[float, ...] = (1.126, 1.885, 1.224, 1.758, 2.989, 0.915, 3.15, 1.137, 0.502, 2.941)
    strength_sd: tuple[float, ...] = (0.099, 0.102, 0.232, 0.082, 0.082, 0.136, 0.144, 0.144, 0.144, 0.144)
    ebv: float = 0.0108
    red_share: float = 0.06
    red_ebv: float = 0.0566
    forest: float = 1.0
    forest_sd: float = 0.5
    forest_common_sd: float = 0.0485
    host: float = 0.2756
    host_sd: float = 0.313
    trough_share: float = 0.12
    low_share: float = 0.1
    weak_share: float = 0.013
    far_weak_share: float = 0.12


MODEL = QuasarModel()
_FOREST_ABSORBER = np.exp(FOREST_NODES) / 1215.67  # 1 + z where Lyman alpha absorbs at the nodes
# Luminous quasars outshine their hosts: host light grows as the luminosity to the power 0.42 +- 0.05
# (Croom et al. 2002, MNRAS 337, 275), so that its share falls with this exponent.
_HOST_EXPONENT = 0.42 - 1
_WEAK = 0.15  # lines of weak-line quasars over those of others
# Reddening of quasars with troughs of high and of low ionisation: Reichard et al. 2003 (AJ 126, 2594).
_TROUGH_EBV, _LOW_TROUGH_EBV = 0.023, 0.077


def draw_shapes(
    rng: np.random.Generator,
    z: FloatArray,
    luminosity: FloatArray,
    *,
    model: QuasarModel = MODEL,
    scatter: float = 1.0,
) -> QuasarShapes:
    """Spectral shapes of quasars.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    z : float64 array, shape (n,)
        Redshifts.
    luminosity : float64 array, shape (n,)
        log10 of the luminosity at 1450 Angstrom over that of M_1450 = -24.5; drives the Baldwin effect and
        the share of the host.
    model : QuasarModel
        The population.
    scatter : float
        Factor on all scatter between spectra. Absorption systems and troughs stay as they are.

    Returns
    -------
    QuasarShapes
        n rows.
    """
    n = len(z)
    troughs = _draw_troughs(rng, n, model)
    normal = rng.standard_normal((n, 4 + len(GROUPS))) * scatter
    strength = np.array(model.strength) * 10 ** (
        normal[:, 4:] * model.strength_sd + np.clip(luminosity, -2, 3)[:, None] * BALDWIN
    )
    weak = rng.random(n) < np.interp(z, [3.0, 6.0], [model.weak_share, model.far_weak_share])
    strength[weak, :4] *= _WEAK ** min(scatter, 1.0)
    ebv = rng.exponential(1.0, n) * np.where(rng.random(n) < model.red_share, model.red_ebv, model.ebv)
    ebv += np.where(troughs.depth > 0, np.where(troughs.low > 0, _LOW_TROUGH_EBV, _TROUGH_EBV), 0)
    forest = _draw_forest(rng, n, model, scatter)
    host = _host_level(luminosity, model) * 10 ** (normal[:, 3] * model.host_sd)
    return QuasarShapes(
        slope=model.slope + normal[:, 0] * model.slope_sd,
        slope_uv=model.slope_uv + normal[:, 1] * model.slope_uv_sd,
        slope_red=model.slope_red + normal[:, 2] * model.slope_red_sd,
        strength=strength,
        ebv=np.maximum(model.ebv + scatter * (ebv - model.ebv), 0),
        host=host,
        forest=forest,
        systems=draw_limit_systems(rng, z),
        troughs=troughs,
    )


def _mean_forest(model: QuasarModel) -> FloatArray:
    """Factor on the mean depth of the Lyman lines, shape (node,).

    Where the Lyman alpha forest lies beyond redshift 5.5 the depth is that of Fan et al. 2006 (AJ 132, 117),
    ~ (1 + z)^10.9, steeper than the (1 + z)^5.5 of Inoue et al. 2014.
    """
    return np.asarray(model.forest * np.maximum(_FOREST_ABSORBER / 6.5, 1.0) ** (10.9 - 5.5))


def _draw_forest(rng: np.random.Generator, n: int, model: QuasarModel, scatter: float) -> FloatArray:
    """Factor on the depth of the Lyman lines, shape (n, node), log-normal about the mean.

    Where the forest is thick it scatters less: beyond redshift 4 the scatter falls as (1 + z)^-3, to 0.2 at
    redshift 5.6, about what Bosman et al. 2018 (MNRAS 479, 1055) show (from memory).
    """
    each = scatter * model.forest_sd * np.minimum(5.0 / _FOREST_ABSORBER, 1.0) ** 3
    common = scatter * model.forest_common_sd
    log_factor = rng.standard_normal((n, len(FOREST_NODES))) * each + rng.standard_normal((n, 1)) * common
    return np.asarray(_mean_forest(model) * np.exp(log_factor - (each**2 + common**2) / 2))


def _draw_troughs(rng: np.random.Generator, n: int, model: QuasarModel) -> Troughs:
    """Broad absorption lines; depths and velocities are round numbers after Trump et al. 2006."""
    there = rng.random(n) < model.trough_share
    slow = rng.uniform(500, 8000, n)
    return Troughs(
        depth=np.where(there, rng.uniform(0.3, 0.95, n), 0),
        slow=slow,
        fast=slow + rng.uniform(2000, 12_000, n),
        low=np.where(rng.random(n) < model.low_share, 1.0, 0.0),
    )


def typical_shapes(n: int, model: QuasarModel = MODEL) -> QuasarShapes:
    """Shapes of n average quasars of M_1450 = -24.5 on average sightlines, without a host."""
    fixed = np.ones(n)
    return QuasarShapes(
        slope=fixed * model.slope, slope_uv=fixed * model.slope_uv, slope_red=fixed * model.slope_red,
        strength=np.tile(model.strength, (n, 1)), ebv=fixed * model.ebv, host=fixed * 0,
        forest=np.tile(_mean_forest(model), (n, 1)),
    )  # fmt: skip


def magnitude_over_1450(z: FloatArray, filters: tuple[str, ...] = SDSS) -> FloatArray:
    """Magnitude of an average quasar in each band over the apparent magnitude of its power law at 1450 A.

    Parameters
    ----------
    z : float64 array, shape (n,)
        Redshifts.
    filters : tuple of str
        Names of speclite.

    Returns
    -------
    float64 array, shape (n, band)
        Magnitudes as in the survey's catalogue; capped at 10, where a band has lost all light.
    """
    grid, over, _ = _average(filters)
    return np.stack([np.interp(z, grid, column) for column in over.T], axis=1)


def log_luminosity(
    z: FloatArray, magnitude: FloatArray, filters: tuple[str, ...], band: NDArray[np.intp]
) -> FloatArray:
    """log10 of the luminosity of quasars at 1450 Angstrom over that of M_1450 = -24.5.

    Parameters
    ----------
    z, magnitude : float64 array, shape (n,)
        Redshifts, and magnitudes of quasar and host together.
    filters : tuple of str
        Names of speclite.
    band : int array, shape (n,)
        Index of the filter of each magnitude.

    Returns
    -------
    float64 array, shape (n,)
        For an average spectrum; the light of an average host is taken off.
    """
    grid, over, hosts = _average(filters)
    offset, host = np.empty(len(z)), np.empty(len(z))
    for number in np.unique(band):
        rows = band == number
        offset[rows] = np.interp(z[rows], grid, over[:, number])
        host[rows] = np.interp(z[rows], grid, hosts[:, number])
    total = np.asarray(-0.4 * (absolute_1450(z, magnitude - offset) + 24.5))
    quasar = total
    for _ in range(8):  # the fainter the quasar, the larger the share of its host: each step gains a factor 2
        quasar = total - np.log10(1 + host * _host_level(quasar, MODEL))
    return quasar


def _host_level(luminosity: FloatArray, model: QuasarModel) -> FloatArray:
    """f_lambda of an average host over the power law at 5100 Angstrom."""
    return np.asarray(model.host * 10 ** (_HOST_EXPONENT * np.clip(luminosity, -4, 3)))


@cache
def _average(filters: tuple[str, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Grid of redshifts, magnitude over that at 1450 A, and flux of a host of level 1 over the quasar's."""
    grid = np.arange(0, 7.51, 0.02)
    shapes = replace(typical_shapes(len(grid)), host=np.ones(len(grid)))
    flux, host = band_fluxes(grid, shapes, filters)
    # AB magnitude of f_lambda = 1 at the observed wavelength: 3631 Jy is 3.631e-20 erg / s / cm2 / Hz.
    at_1450 = -2.5 * np.log10((PIVOT * (1 + grid)) ** 2 / 2.99792458e18 / 3.631e-20)
    magnitude = -2.5 * np.log10(np.maximum(flux, 1e-300)) + catalogue_offsets(filters)
    return grid, np.minimum(magnitude - at_1450[:, None], 10.0), host / np.maximum(flux, 1e-300)


def absolute_1450(z: FloatArray, magnitude: FloatArray) -> FloatArray:
    """Absolute AB magnitude at 1450 Angstrom from the apparent one there (H0 = 70, Omega_m = 0.3)."""
    return np.asarray(magnitude - distance_modulus(z) + 2.5 * np.log10(1 + z))
