"""Dust of the Milky Way in front of the simulated sky."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.filters import SDSS, extinction_coefficients

# E(B-V) over the footprint of SDSS: log-normal, median 0.03, 0.5 in ln. Round numbers from memory for a
# survey at high Galactic latitude; real fields should give their own.
_MEDIAN, _SPREAD, _HIGHEST = 0.03, 0.5, 0.3
JITTER = 0.16
"""Scatter of the true extinction about that of the map of Schlegel, Finkbeiner & Davis 1998 (ApJ 500, 525),
who give an accuracy of 16 %."""


def draw_ebv(rng: np.random.Generator, n: int) -> FloatArray:
    """E(B-V) of n places on the sky of an extragalactic survey, as a dust map would give it."""
    return np.asarray(np.minimum(_MEDIAN * np.exp(rng.normal(0, _SPREAD, n)), _HIGHEST))


def extinction(
    rng: np.random.Generator, ebv: FloatArray | float, n: int, filters: Sequence[str] = SDSS
) -> FloatArray:
    """Magnitudes that the dust takes away from n sources, with the scatter of the dust map.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    ebv : float64 array, shape (n,), or float
        E(B-V) of the dust map.
    n : int
        Number of sources.
    filters : sequence of str
        Names of speclite.

    Returns
    -------
    float64 array, shape (n, band)
        To be added to magnitudes.

    Raises
    ------
    UsageError
        Raised if a filter has no coefficient.
    """
    true = np.maximum(np.asarray(ebv, float) * (1 + JITTER * rng.standard_normal(n)), 0)
    return np.asarray(true[:, None] * extinction_coefficients(filters))
