"""Test objects weighted to the natural sky, and how reliable P(z > z_min) is there.

A data set holds as many quasars, galaxies and stars of each redshift and magnitude as somebody chose. Each
object is given the number of sources of the sky that it stands for: in cells of class, redshift and magnitude
the sources of the prior of the sky over the objects of the data set (post-stratification).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.high_z import NaturalSky, reliability
from vo_photoz.flow import BoolArray, FloatArray
from vo_photoz.pipeline.evaluation.result import MODEL, Evaluation
from vo_photoz.redshift import mixture
from vo_photoz.redshift.classes import CLASSES, STAR
from vo_photoz.redshift.prior_table import PriorTable
from vo_photoz.redshift.priors import SKY, prior_named

QUASAR = "QSO"
Z_STEP, MAGNITUDE_STEP = 0.25, 1.0
"""Cells: coarse enough for a thousand objects, fine enough that the sky varies little in one."""
LEAST = 20
"""Objects on both sides of a z_min that is told."""
MOST = 3


def natural_sky(found: Evaluation) -> NaturalSky | None:
    """How reliable P(z > z_min) is at natural densities; None where it cannot be told.

    It cannot if the card of the model does not tell the prior of its training, or the objects are of no
    class and redshift of the sky.
    """
    sky = prior_named(SKY)
    if found.natural is None or sky is None:
        return None
    z = found.judged[MODEL].z
    kind = np.full(len(z), QUASAR) if found.kind is None else found.kind
    weight, covered = weights(sky, z, kind, found.light)
    if not weight.any():
        return None
    counted = weight > 0
    several = [
        one
        for z_min in thresholds(z[counted])
        if (one := reliability(mixture.prob_above(found.natural, z_min), z > z_min, weight, z_min))
    ]
    if not several:
        return None
    classes = tuple(one for one in CLASSES if (kind[counted] == one).any())
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    return NaturalSky(several, covered, effective, classes, Path(sky.source).name)


def weights(
    sky: PriorTable, z: FloatArray, kind: NDArray[np.str_], light: FloatArray
) -> tuple[FloatArray, float]:
    """Sources of the sky that each object stands for, shape (n,), and the share of the sky in occupied cells.

    Parameters
    ----------
    sky : PriorTable
        What is imitated.
    z, kind : array, shape (n,)
        Of the objects; those of a class or a place that the sky does not know get 0.
    light : float array, shape (n,)
        Magnitudes in the band of the sky; if none is known, they do not count.
    """
    by_magnitude = sky.by_magnitude and np.isfinite(light).any()
    table = sky if by_magnitude else sky.marginal()
    bright = light if by_magnitude else np.zeros(len(z))
    edges = _coarse(table.magnitude_edges, MAGNITUDE_STEP) if by_magnitude else np.array([-0.5, 0.5])
    out, held, all_of_it = np.zeros(len(z)), 0.0, 0.0
    for one in np.unique(kind):
        z_edges = np.array([-0.5, 0.5]) if one == STAR else _coarse(table.edges, Z_STEP)
        mass = _cells(table, str(one), edges, z_edges)
        mine = np.flatnonzero((kind == one) & np.isfinite(z) & np.isfinite(bright))
        place, inside = _places(bright[mine], z[mine], edges, z_edges)
        count = np.bincount(place[inside], minlength=mass.size)
        share = np.where(count > 0, mass.ravel() / np.maximum(count, 1), 0)
        out[mine[inside]] = share[place[inside]]
        held, all_of_it = held + float(mass.ravel()[count > 0].sum()), all_of_it + float(mass.sum())
    return out, held / all_of_it if all_of_it > 0 else 0.0


def thresholds(z: FloatArray) -> list[float]:
    """The highest redshifts with enough objects on both sides: whole ones, or halves where those are few."""

    def enough(steps: FloatArray) -> list[float]:
        return [
            float(one) for one in steps if min((z > one).sum(), (z <= one).sum()) >= min(LEAST, len(z) // 4)
        ]

    whole = enough(np.arange(1, 7, 1.0))
    return (whole if len(whole) >= MOST else enough(np.arange(0.5, 7, 0.5)))[-MOST:]


def _coarse(edges: list[float], step: float) -> FloatArray:
    """Edges at whole steps around those of a table."""
    return np.asarray(np.arange(np.floor(edges[0] / step), np.ceil(edges[-1] / step) + 1) * step)


def _cells(table: PriorTable, kind: str, edges: FloatArray, z_edges: FloatArray) -> FloatArray:
    """Mass of the sky in cells (magnitude, z); a bin of the table counts where its middle lies."""
    mass = table.masses(kind)
    z = 0.5 * (np.array(table.edges)[1:] + np.array(table.edges)[:-1])
    own = np.array(table.magnitude_edges) if table.by_magnitude else np.array([-0.5, 0.5])
    magnitude = 0.5 * (own[1:] + own[:-1])
    where = np.broadcast_arrays(magnitude[:, None], z if kind != STAR else np.zeros_like(z))
    found = np.histogram2d(where[0].ravel(), where[1].ravel(), (edges, z_edges), weights=mass.ravel())[0]
    return np.asarray(found, dtype=np.float64)


def _places(
    bright: FloatArray, z: FloatArray, edges: FloatArray, z_edges: FloatArray
) -> tuple[NDArray[np.intp], BoolArray]:
    """Cell of each object, and whether it is in one."""
    row, column = (np.searchsorted(e, v, side="right") - 1 for e, v in ((edges, bright), (z_edges, z)))
    inside = (row >= 0) & (row < len(edges) - 1) & (column >= 0) & (column < len(z_edges) - 1)
    return row * (len(z_edges) - 1) + column, inside
