"""Stars of the simulated sky: white dwarfs, the main sequence, and M, L and T dwarfs."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.simulation.extinction import draw_ebv, extinction
from vo_photoz.simulation.populations import Population, point_sources
from vo_photoz.simulation.stars.counts import HIGH_LATITUDE, count_nodes, node_types, sequences

FLAT_SHARES = {
    "WD": 0.06, "A": 0.06, "F": 0.08, "G": 0.10, "K": 0.14, "M0-M4": 0.18, "M5-M9": 0.18, "L": 0.13,
    "T": 0.07,
}  # fmt: skip
"""Shares of the types in a flat draw: a choice for training, in which the red dwarfs that look like quasars
at z > 5 are many more than on the sky."""
MAGNITUDE_RANGE = (15.0, 21.5)
"""Bright end and limit in z, the band in which red dwarfs are seen. SDSS saturates near 14."""


def draw_stars(
    rng: np.random.Generator,
    n: int,
    *,
    magnitudes: Literal["flat", "natural"] = "natural",
    magnitude_range: tuple[float, float] = MAGNITUDE_RANGE,
    galactic: tuple[float, float] = HIGH_LATITUDE,
    galactic_ebv: FloatArray | float | None = None,
    scatter: float = 1.0,
) -> Population:
    """Stars with the colours of the SDSS locus and of M, L and T dwarfs.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    n : int
        How many.
    magnitudes : "flat" or "natural"
        "flat" spreads the types by `FLAT_SHARES` and the z magnitudes evenly: for training. "natural" follows
        the number counts of `counts.star_counts`.
    magnitude_range : (float, float)
        Bright end and limit in z, without extinction.
    galactic : (float, float)
        Galactic longitude and latitude (degrees) of the natural counts.
    galactic_ebv : float, float64 array, shape (n,), or None
        E(B-V) of a dust map towards each star; None draws it. The magnitudes are not corrected for it.
    scatter : float
        Factor on the scatter of the colours.

    Returns
    -------
    Population
        Point sources at redshift 0.

    Raises
    ------
    UsageError
        Raised if the magnitudes are of no known kind or their range is empty.
    """
    node, z = draw_nodes(rng, n, magnitudes=magnitudes, magnitude_range=magnitude_range, galactic=galactic)
    return stars_at(rng, node, z, galactic_ebv=galactic_ebv, scatter=scatter)


def draw_nodes(
    rng: np.random.Generator,
    n: int,
    *,
    magnitudes: Literal["flat", "natural"] = "natural",
    magnitude_range: tuple[float, float] = MAGNITUDE_RANGE,
    galactic: tuple[float, float] = HIGH_LATITUDE,
) -> tuple[NDArray[np.intp], FloatArray]:
    """Nodes of the sequences (`counts.node_types` names their types) and z magnitudes, as of `draw_stars`."""
    if not magnitude_range[1] - magnitude_range[0] >= 0.1:
        raise UsageError(
            f"No star is between z = {magnitude_range[0]} and {magnitude_range[1]}.",
            advice="Give the bright end first, and at least 0.1 mag.",
        )
    edges, counts = count_nodes(magnitude_range, galactic)
    if magnitudes == "flat":
        counts = _flattened(counts)
    elif magnitudes != "natural":
        raise UsageError(f"Stars have no magnitudes named {magnitudes}.", advice="Take flat or natural.")
    node, column = np.unravel_index(rng.choice(counts.size, n, p=counts.ravel() / counts.sum()), counts.shape)
    z = edges[column] + rng.random(n) * (edges[1] - edges[0])
    return node, z


def _flattened(counts: FloatArray) -> FloatArray:
    """Counts in which types have their flat shares and all magnitudes are equal.

    Within a type the nodes keep their natural shares at the faint end.
    """
    flat = np.zeros(counts.shape)
    types = node_types()
    for kind, share in FLAT_SHARES.items():
        rows = types == kind
        nodes = counts[rows, -10:].sum(axis=1)
        # The square root draws rare subtypes, such as late L and T dwarfs, more often.
        nodes = np.sqrt(nodes / nodes.sum())
        flat[rows] = (share * nodes / nodes.sum())[:, None]
    return flat


def stars_at(
    rng: np.random.Generator,
    node: NDArray[np.integer],
    z_magnitude: FloatArray,
    *,
    galactic_ebv: FloatArray | float | None = None,
    scatter: float = 1.0,
) -> Population:
    """Stars near given nodes of the sequences.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    node : integer array, shape (n,)
        Rows of `counts.count_nodes`.
    z_magnitude : float64 array, shape (n,)
        Magnitudes in z without extinction.
    galactic_ebv, scatter
        As in `draw_stars`.

    Returns
    -------
    Population
        Point sources at redshift 0.
    """
    n, first = len(node), 0
    colours = np.empty((n, 4))
    for sequence in sequences().values():
        here = np.flatnonzero((node >= first) & (node < first + len(sequence)))
        colours[here] = sequence.draw(rng, node[here] - first, scatter)[1]
        first += len(sequence)
    magnitude = np.empty((n, 5))
    magnitude[:, 4] = z_magnitude
    for band in (3, 2, 1, 0):
        magnitude[:, band] = magnitude[:, band + 1] + colours[:, band]
    ebv = draw_ebv(rng, n) if galactic_ebv is None else galactic_ebv
    return point_sources("STAR", np.zeros(n), magnitude + extinction(rng, ebv, n))
