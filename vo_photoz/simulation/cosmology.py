"""Distances in the cosmology of the simulated sky."""

from __future__ import annotations

from functools import cache

import numpy as np

from vo_photoz.flow import FloatArray


def distance_modulus(z: FloatArray) -> FloatArray:
    """Distance modulus for H0 = 70, Omega_m = 0.3; redshifts below 0.001 count as that."""
    grid, modulus = _moduli()
    return np.interp(np.log(np.maximum(z, 1e-3)), grid, modulus)


@cache
def _moduli() -> tuple[FloatArray, FloatArray]:
    from astropy.cosmology import FlatLambdaCDM  # noqa: PLC0415 - slow to import

    grid = np.linspace(np.log(1e-3), np.log(9.0), 2000)
    return grid, np.asarray(FlatLambdaCDM(H0=70, Om0=0.3).distmod(np.exp(grid)).value)
