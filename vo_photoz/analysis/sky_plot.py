"""Objects on the sky, coloured by fold: a map of one field, or of the whole sky."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

FOLD_COLOURS = ("#D55E00", "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#999999")
ONE_FIELD_DEG = 30.0


def draw_sky(figure: Figure | SubFigure, ra: FloatArray, dec: FloatArray, fold: NDArray[np.int32]) -> None:
    """Draw positions, east to the left.

    Parameters
    ----------
    figure : Figure or SubFigure
        To draw into.
    ra, dec : float64 array, shape (n,)
        ICRS degrees.
    fold : int32 array, shape (n,)
        Number of the fold of each object.
    """
    middle = _middle(ra, dec)
    offset = (ra - middle[0] + 180) % 360 - 180
    reach = max(float(np.ptp(offset)) * np.cos(np.radians(middle[1])), float(np.ptp(dec)))
    size = float(np.clip(6000 / max(len(ra), 1), 0.5, 12))
    if reach < ONE_FIELD_DEG and abs(middle[1]) < 80:
        axes = figure.subplots()
        x, y = middle[0] + offset, dec
        axes.set(xlabel="right ascension [deg]", ylabel="declination [deg]")
        axes.set_aspect(1 / np.cos(np.radians(middle[1])), adjustable="datalim")
        axes.invert_xaxis()
    else:
        axes = figure.subplots(subplot_kw={"projection": "mollweide"})
        x, y = -np.radians((ra + 180) % 360 - 180), np.radians(dec)
        axes.grid(lw=0.4, color="#bbbbbb")
        _label_hours(axes)
        size = max(size, 2.0)
    colours = np.array(FOLD_COLOURS)[fold % len(FOLD_COLOURS)]
    mixed = np.random.default_rng(0).permutation(len(fold))  # no fold hides another
    axes.scatter(x[mixed], y[mixed], s=size, lw=0, color=colours[mixed])
    for number, count in zip(*np.unique(fold, return_counts=True), strict=True):
        colour = FOLD_COLOURS[int(number) % len(FOLD_COLOURS)]
        axes.scatter([], [], s=18, lw=0, color=colour, label=f"{number}: {count:,}")
    axes.tick_params(labelsize=9)
    axes.set_title("sky, by fold", fontsize=11)
    place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    axes.legend(title="fold", fontsize=8, title_fontsize=8, frameon=False, **place)


def _middle(ra: FloatArray, dec: FloatArray) -> tuple[float, float]:
    """Middle of the positions on the sphere, degrees."""
    lon, lat = np.radians(ra), np.radians(dec)
    x, y, z = (np.cos(lat) * np.cos(lon)).sum(), (np.cos(lat) * np.sin(lon)).sum(), np.sin(lat).sum()
    return float(np.degrees(np.arctan2(y, x)) % 360), float(np.degrees(np.arctan2(z, np.hypot(x, y))))


def _label_hours(axes: Axes) -> None:
    """Right ascension in degrees, growing to the left."""
    ticks = np.arange(-150, 151, 60)
    axes.set_xticks(np.radians(ticks))
    axes.set_xticklabels([f"{-tick % 360:g}°" for tick in ticks], fontsize=8, color="#555555")
