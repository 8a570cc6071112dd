"""What makes one quasar spectrum different from another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.quasars.igm import LimitSystems

FOREST_NODES = np.log(3000.0) + 0.05 * np.arange(25)
"""ln of the observed wavelengths (Angstrom) between which the scatter of the forest is interpolated."""


@dataclass(frozen=True)
class Troughs:
    """Broad absorption lines of n quasars.

    Parameters
    ----------
    depth : float64 array, shape (n,)
        Share of the light that the deepest line takes away; 0 for a quasar without troughs.
    slow, fast : float64 array, shape (n,)
        Where the trough starts and ends, km/s towards us.
    low : float64 array, shape (n,)
        1 where lines of low ionisation absorb too, else 0.
    """

    depth: FloatArray
    slow: FloatArray
    fast: FloatArray
    low: FloatArray


# Absorbing lines: laboratory wavelength (Angstrom), strength over C IV, 1 for those of low ionisation. The
# strengths are round numbers after the troughs of Trump et al. 2006 (ApJS 165, 1).
TROUGH_LINES = np.array([
    (1033.8, 0.8, 0), (1215.7, 0.4, 0), (1240.1, 0.8, 0), (1396.8, 0.6, 0), (1549.1, 1.0, 0),
    (1670.8, 0.4, 1), (1857.8, 0.7, 1), (2798.0, 0.7, 1),
])  # fmt: skip
SPEED_OF_LIGHT = 299_792.458  # km/s


@dataclass(frozen=True)
class QuasarShapes:
    """Numbers of n quasars.

    Parameters
    ----------
    slope : float64 array, shape (n,)
        Exponent of f_nu between 1100 and 3880 Angstrom in the rest frame.
    slope_uv, slope_red : float64 array, shape (n,)
        The same blueward and redward of that.
    strength : float64 array, shape (n, group)
        Factor on each group of emission components (`components.GROUPS`).
    ebv : float64 array, shape (n,)
        Reddening in the host, magnitudes, SMC-like.
    host : float64 array, shape (n,)
        f_lambda of the host galaxy over the unreddened power law of the quasar at 5100 Angstrom.
    forest : float64 array, shape (n, 25)
        Factor on the mean optical depth of the Lyman lines at `FOREST_NODES`.
    systems : LimitSystems or None
        Thick absorbers on each sightline; None takes the mean of all sightlines.
    troughs : Troughs or None
        Broad absorption lines.
    """

    slope: FloatArray
    slope_uv: FloatArray
    slope_red: FloatArray
    strength: FloatArray
    ebv: FloatArray
    host: FloatArray
    forest: FloatArray
    systems: LimitSystems | None = None
    troughs: Troughs | None = None

    def __len__(self) -> int:
        return len(self.slope)

    def take(self, rows: NDArray[np.intp]) -> QuasarShapes:
        """The given rows."""
        systems, troughs = self.systems, self.troughs
        if systems is not None:
            systems = LimitSystems(systems.z[rows], systems.depth[rows])
        if troughs is not None:
            troughs = Troughs(troughs.depth[rows], troughs.slow[rows], troughs.fast[rows], troughs.low[rows])
        return QuasarShapes(
            self.slope[rows], self.slope_uv[rows], self.slope_red[rows], self.strength[rows], self.ebv[rows],
            self.host[rows], self.forest[rows], systems, troughs,
        )  # fmt: skip
