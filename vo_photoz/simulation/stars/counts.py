"""Surface densities: how many stars of each type a square degree holds, by magnitude."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.simulation.stars.milky_way import M_DWARFS, STARS, ULTRACOOL, Galaxy, count_stars
from vo_photoz.simulation.stars.sequences import (
    BLUE_STARS,
    Sequence,
    main_sequence,
    ultracool_dwarfs,
    white_dwarfs,
)

STAR_TYPES = ("WD", "A", "F", "G", "K", "M0-M4", "M5-M9", "L", "T")
"""Kinds of stars. Letters of the main sequence are assigned by g-i: they are approximate."""

HIGH_LATITUDE = (120.0, 55.0)
"""Galactic longitude and latitude, degrees, of the middle of the northern sky of SDSS, roughly."""

# Where A, F, G, K and early M end in g-i: round numbers after table 3 of Covey et al. 2007, from memory.
_LETTER_ENDS = np.array([0.15, 0.50, 0.90, 1.90, 2.95])
_LETTERS = np.array(["A", "F", "G", "K", "M0-M4", "M5-M9"])
# Scatter of absolute magnitudes: 0.3 for photometric parallaxes (Juric et al. 2008), 0.35 for ultracool
# dwarfs (Dupuy & Liu 2012 have 0.39 in J).
_SCATTER = {"main": 0.3, "ultracool": 0.35, "white": 0.2}
_BLUE_FRACTIONS = np.array([0.3, 0.4, 0.3])  # of the blue stars among the first nodes of the main sequence


def sequences() -> dict[str, Sequence]:
    """The three sequences of stars by name, in the order of the rows of `count_nodes`."""
    return {"main": main_sequence(), "ultracool": ultracool_dwarfs(), "white": white_dwarfs()}


@cache
def node_types() -> NDArray[np.str_]:
    """Type of each node of all sequences."""
    main = _LETTERS[np.searchsorted(_LETTER_ENDS, main_sequence().coordinate)]
    spectral_type = ultracool_dwarfs().coordinate
    ultracool = np.where(spectral_type < 20, "M5-M9", np.where(spectral_type < 30, "L", "T"))
    return np.concatenate([main, ultracool, np.full(len(white_dwarfs()), "WD")])


def _pieces() -> list[tuple[str, int, int, Galaxy]]:
    """Parts of the sequences, and the shape of the Galaxy that each has."""
    m_dwarfs = int(np.argmax(main_sequence().coordinate > _LETTER_ENDS[3]))
    return [
        ("main", 0, m_dwarfs, STARS),
        ("main", m_dwarfs, len(main_sequence()), M_DWARFS),
        ("ultracool", 0, len(ultracool_dwarfs()), ULTRACOOL),
        ("white", 0, len(white_dwarfs()), STARS),
    ]


@lru_cache(64)
def _count_nodes(low: float, step: float, size: int, galactic: tuple[float, float]) -> FloatArray:
    edges = np.asarray(low + step * np.arange(size + 1), np.float64)
    rows = []
    for name, first, last, galaxy in _pieces():
        part = sequences()[name]
        magnitude, density = part.absolute_z[first:last], part.density[first:last]
        rows.append(count_stars(magnitude, density, edges, galactic, galaxy, scatter_mag=_SCATTER[name]))
    counts = np.concatenate(rows)
    blue = len(_BLUE_FRACTIONS)
    counts[:blue] = (BLUE_STARS * _BLUE_FRACTIONS * step)[:, None]
    counts.setflags(write=False)
    return counts


def count_nodes(
    magnitude_range: tuple[float, float], galactic: tuple[float, float] = HIGH_LATITUDE, step: float = 0.1
) -> tuple[FloatArray, FloatArray]:
    """Stars per deg2 near each node of the sequences, in bins of z magnitude.

    Parameters
    ----------
    magnitude_range : (float, float)
        Bright and faint end in z (AB, without extinction).
    galactic : (float, float)
        Galactic longitude and latitude, degrees.
    step : float
        Width of a bin; the faint end is rounded to whole bins.

    Returns
    -------
    edges : float64 array, shape (m + 1,)
        Edges of the bins.
    counts : float64 array, shape (k, m)
        Stars per deg2 and bin; see `node_types`. Read-only.
    """
    size = max(round((magnitude_range[1] - magnitude_range[0]) / step), 1)
    counts = _count_nodes(
        float(magnitude_range[0]), float(step), size, (float(galactic[0]), float(galactic[1]))
    )
    return np.asarray(magnitude_range[0] + step * np.arange(size + 1), np.float64), counts


def star_counts(
    magnitude_range: tuple[float, float], galactic: tuple[float, float] = HIGH_LATITUDE, step: float = 0.5
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Stars per deg2 of each type in bins of z magnitude.

    Parameters
    ----------
    magnitude_range, galactic
        As in `count_nodes`.
    step : float
        Width of a bin, a multiple of 0.1.

    Returns
    -------
    edges : float64 array, shape (m + 1,)
        Edges of the bins.
    counts : dict of float64 array, shape (m,)
        By type, see `STAR_TYPES`.
    """
    fine = round(step / 0.1)
    bins = max(round((magnitude_range[1] - magnitude_range[0]) / step), 1)
    edges, counts = count_nodes((magnitude_range[0], magnitude_range[0] + bins * step), galactic)
    summed = counts.reshape(len(counts), bins, fine).sum(axis=2)
    types = node_types()
    return edges[::fine], {kind: summed[types == kind].sum(axis=0) for kind in STAR_TYPES}
