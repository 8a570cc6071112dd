"""Sources before they have a place on the sky: what all kinds of them have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray

# A_band / E(B-V) of SDSS ugriz, Schlafly & Finkbeiner 2011 (ApJ 737, 103), table 6, R_V = 3.1.
EXTINCTION_UGRIZ = np.array([4.239, 3.303, 2.285, 1.698, 1.263])


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
    point_share : float64 array, shape (n, 5)
        Share of the flux of each band in a central point source: 1 for stars and quasars without a visible
        host, 0 for galaxies.
    """

    kind: NDArray[np.str_]
    z: FloatArray
    magnitude: FloatArray
    half_light_arcsec: FloatArray
    axis_ratio: FloatArray
    angle_deg: FloatArray
    sersic: FloatArray
    point_share: FloatArray

    def __len__(self) -> int:
        return len(self.z)

    def take(self, rows: NDArray[np.intp]) -> Population:
        """The given rows."""
        return Population(*(getattr(self, f.name)[rows] for f in fields(self)))


def join(*parts: Population) -> Population:
    """Several populations as one."""
    names = [f.name for f in fields(Population)]
    return Population(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def point_sources(kind: str, z: FloatArray, magnitude: FloatArray) -> Population:
    """Sources without an extent.

    Parameters
    ----------
    kind : str
        Of all of them.
    z : float64 array, shape (n,)
        Redshifts.
    magnitude : float64 array, shape (n, 5)
        AB magnitudes.

    Returns
    -------
    Population
        n rows.
    """
    nothing = np.zeros(len(z))
    return Population(
        np.full(len(z), kind), z, magnitude, nothing, nothing + 1, nothing, nothing, np.ones_like(magnitude)
    )


def draw_bins(rng: np.random.Generator, n: int, counts: NDArray[np.integer]) -> FloatArray:
    """Positions, in units of bins, drawn from a histogram."""
    return np.asarray(rng.choice(len(counts), n, p=counts / counts.sum()) + rng.random(n))
