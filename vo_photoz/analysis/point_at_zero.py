"""The probability of redshift 0 itself, which no picture of p(z) can draw as a curve.

A model with classes gives stars a Gaussian at redshift 0, so narrow that all else would vanish beside it. It
is drawn as a bar whose area is its probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.judged import POINT
from vo_photoz.flow import BoolArray, FloatArray

BAR = 0.04
"""Width of the bar, as a part of the redshift axis."""
LEAST = 0.005
"""A smaller probability is not drawn."""


def at_zero(mean: NDArray[np.floating[Any]], sigma: NDArray[np.floating[Any]]) -> BoolArray:
    """Which components stand for redshift 0 itself, shape (k,)."""
    return np.asarray((np.abs(mean) < POINT) & (sigma < POINT))


def split(
    weight: NDArray[np.floating[Any]], mean: NDArray[np.floating[Any]], sigma: NDArray[np.floating[Any]]
) -> tuple[float, FloatArray]:
    """Probability of redshift 0 itself, and the weights of all other components (else 0), shape (k,)."""
    here = at_zero(mean, sigma)
    share = float(np.sum(weight[here], dtype=np.float64))
    if share < LEAST:
        return 0.0, np.asarray(weight, dtype=np.float64)
    return share, np.where(here, 0.0, weight).astype(np.float64)
