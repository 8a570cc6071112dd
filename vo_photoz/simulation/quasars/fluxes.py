"""Band fluxes of many quasars, fast: everything is read from tables on one grid of rest wavelengths.

The grid is even in ln(wavelength), so that a redshift is a shift: each quasar is integrated at the nodes of
the rest frame, and only the filter curves are interpolated. The mean hydrogen absorption is tabulated at the
same nodes on a grid of redshifts. `exact.quasar_sed` is what the result is tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from vo_photoz.errors import UsageError
from vo_photoz.flow import Float32Array, FloatArray
from vo_photoz.simulation.filters import SDSS, band_weights, filter_curve
from vo_photoz.simulation.quasars import igm
from vo_photoz.simulation.quasars.components import (
    BREAK_RED,
    BREAK_UV,
    HOST_PIVOT,
    PIVOT,
    dust_depth,
    emission,
    host,
)
from vo_photoz.simulation.quasars.integrate import integrate
from vo_photoz.simulation.quasars.shapes import (
    FOREST_NODES,
    SPEED_OF_LIGHT,
    TROUGH_LINES,
    QuasarShapes,
    Troughs,
)

STEP = 0.001  # of the grid in ln(wavelength)
_REST_LOW, _REST_HIGH = 300.0, 12_500.0  # Angstrom
_Z_STEP = 0.05


@dataclass(frozen=True)
class _Tables:
    """What all quasars share; k counts nodes of the rest frame, blue to red."""

    log_rest: FloatArray  # (k,)
    emission: FloatArray  # (k, group)
    dust: FloatArray  # (k,)
    host: FloatArray  # (k,)
    series: Float32Array  # (redshift, k up to Lyman alpha): depth of the Lyman lines
    continuum: Float32Array  # the same for the Lyman continuum
    thin: Float32Array  # the same without the systems that are drawn one by one


@cache
def _tables() -> _Tables:
    # Lyman alpha, where the spectra of far quasars have their cliff, falls half way between two nodes.
    cliff = np.log(1215.67)
    nodes = np.arange(int((np.log(_REST_LOW) - cliff) / STEP), int((np.log(_REST_HIGH) - cliff) / STEP))
    log_rest = cliff + (nodes + 0.5) * STEP
    rest = np.exp(log_rest)
    z = np.arange(0, _REST_LOW**-1 * 2900.0, _Z_STEP)
    blue = rest[rest < 1215.67]
    observed = blue * (1 + z[:, None])
    continuum = np.maximum(igm.continuum_depth(observed, z[:, None]), 0)
    thin = np.maximum(continuum - igm.mean_limit_depth(observed, z[:, None]), 0)
    series = igm.series_depth(observed, z[:, None])
    single = [np.ascontiguousarray(table, dtype=np.float32) for table in (series, continuum, thin)]
    return _Tables(log_rest, emission(rest), dust_depth(rest), host(rest), *single)


@cache
def _filters(filters: tuple[str, ...]) -> tuple[float, FloatArray]:
    """Logarithm of the first observed wavelength, and weights (wavelength, band) on the even grid in it."""
    edges = np.array([filter_curve(name)[0][[0, -1]] for name in filters])
    grid = np.exp(np.arange(np.log(edges[:, 0].min()) - STEP, np.log(edges[:, 1].max()) + 2 * STEP, STEP))
    return float(np.log(grid[0])), band_weights(grid, grid * STEP, filters)


def band_fluxes(
    z: FloatArray, shapes: QuasarShapes, filters: Sequence[str] = SDSS
) -> tuple[FloatArray, FloatArray]:
    """Fluxes of quasars and of their hosts, in units in which the power law is 1 at 1450 Angstrom.

    Parameters
    ----------
    z : float64 array, shape (n,)
        Redshifts.
    shapes : QuasarShapes
        One a quasar.
    filters : sequence of str
        Names of speclite.

    Returns
    -------
    quasars, hosts : float64 array, shape (n, band)
        Maggies for f_lambda in erg / s / cm2 / Angstrom.

    Raises
    ------
    UsageError
        Raised if the redshifts reach beyond what the filters allow.
    """
    redshift = np.ascontiguousarray(z, dtype=float)
    low, weights = _filters(tuple(filters))
    highest = min(np.exp(low) / _REST_LOW, 2900.0 / _REST_LOW) - 1 - _Z_STEP
    if redshift.size and not (redshift.min() >= 0 and redshift.max() <= highest):
        raise UsageError(
            f"Quasars can be drawn at redshifts from 0 to {highest:.1f} in these filters.",
            advice="Choose another range.",
        )
    tables = _tables()
    n = len(redshift)
    if shapes.systems is None:
        systems, mean = igm.LimitSystems(np.zeros((n, 1)), np.zeros((n, 1))), tables.continuum
    else:
        systems, mean = shapes.systems, tables.thin
    troughs = shapes.troughs or Troughs(np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n))
    quasars, hosts = np.zeros((n, len(filters))), np.zeros((n, len(filters)))
    integrate(
        quasars, hosts, redshift,
        np.stack([shapes.slope, shapes.slope_uv, shapes.slope_red, shapes.ebv, shapes.host], 1),
        np.ascontiguousarray(shapes.strength, dtype=float), np.ascontiguousarray(shapes.forest, dtype=float),
        systems.z, systems.depth, _columns(troughs), _constants(low), TROUGH_LINES, weights, tables.log_rest,
        tables.emission, tables.dust, tables.host, tables.series, mean,
    )  # fmt: skip
    return quasars, hosts


def _columns(troughs: Troughs) -> FloatArray:
    """Depth, start and end over the speed of light, and low ionisation, as columns."""
    light = SPEED_OF_LIGHT
    return np.stack([troughs.depth, troughs.slow / light, troughs.fast / light, troughs.low], 1)


def _constants(low: float) -> FloatArray:
    """What the kernels need to know: the grids, the pivots of the power law, those of the forest."""
    breaks = [np.log(wavelength / PIVOT) for wavelength in (BREAK_UV, BREAK_RED, HOST_PIVOT)]
    forest = [FOREST_NODES[0], FOREST_NODES[1] - FOREST_NODES[0]]
    return np.array([low, STEP, igm.LYMAN_LIMIT, np.log(PIVOT), *breaks, *forest, _Z_STEP])
