"""Spectra of quasars wavelength by wavelength: what the fast band fluxes are held against."""

from __future__ import annotations

import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.quasars.components import (
    BREAK_RED,
    BREAK_UV,
    HOST_PIVOT,
    PIVOT,
    dust_depth,
    emission,
    host,
)
from vo_photoz.simulation.quasars.igm import igm_transmission
from vo_photoz.simulation.quasars.shapes import (
    FOREST_NODES,
    SPEED_OF_LIGHT,
    TROUGH_LINES,
    QuasarShapes,
    Troughs,
)


def quasar_sed(
    wavelength: FloatArray, z: FloatArray, shapes: QuasarShapes, *, hosts: bool = True
) -> FloatArray:
    """Observed spectra of quasars, intergalactic absorption included.

    Parameters
    ----------
    wavelength : float64 array, shape (w,)
        Observed wavelengths, Angstrom.
    z : float64 array, shape (n,)
        Redshifts.
    shapes : QuasarShapes
        One a quasar.
    hosts : bool
        Add the light of the host galaxies.

    Returns
    -------
    float64 array, shape (n, w)
        f_lambda; the power law is 1 at 1450 Angstrom in the rest frame before reddening.
    """
    redshift = np.asarray(z, float)
    flux = np.empty((len(redshift), len(wavelength)))
    nodes = np.log(wavelength)
    for row, one in enumerate(redshift):
        rest = wavelength / (1 + one)
        power = continuum(rest, shapes.slope[row], shapes.slope_uv[row], shapes.slope_red[row])
        flux[row] = power * (1 + emission(rest) @ shapes.strength[row])
        flux[row] *= np.exp(-shapes.ebv[row] * dust_depth(rest))
        if shapes.troughs is not None:
            flux[row] *= trough_transmission(rest, shapes.troughs, row)
        if hosts:
            level = continuum(np.array([HOST_PIVOT]), shapes.slope[row], 0.0, shapes.slope_red[row])
            flux[row] += shapes.host[row] * level * host(rest)
    forest = np.stack([np.interp(nodes, FOREST_NODES, factors) for factors in shapes.forest])
    return np.asarray(
        flux * igm_transmission(wavelength, redshift[:, None], series=forest, systems=shapes.systems)
    )


def continuum(rest: FloatArray, slope: float, slope_uv: float, slope_red: float) -> FloatArray:
    """Twice broken power law, f_lambda ~ lambda^-(2 + slope), 1 at 1450 Angstrom."""
    uv, red = np.log(BREAK_UV / PIVOT), np.log(BREAK_RED / PIVOT)
    x = np.log(rest / PIVOT)
    exponent = (2 + slope) * np.clip(x, uv, red)
    exponent += (2 + slope_uv) * np.minimum(x - uv, 0) + (2 + slope_red) * np.maximum(x - red, 0)
    return np.asarray(np.exp(-exponent))


def trough_transmission(rest: FloatArray, troughs: Troughs, row: int) -> FloatArray:
    """What the broad absorption lines of one quasar let through."""
    passed = np.ones(len(rest))
    if troughs.depth[row] > 0:
        for line, strength, low in TROUGH_LINES:
            depth = troughs.depth[row] * strength * (troughs.low[row] if low else 1.0)
            start, end = line * (1 - np.array([troughs.fast[row], troughs.slow[row]]) / SPEED_OF_LIGHT)
            passed[(rest > start) & (rest < end)] *= 1 - depth
    return passed
