"""The picture of how reliable P(z > z_min) is on a natural sky."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from vo_photoz.analysis.evaluation_plots import DPI, plain
from vo_photoz.analysis.high_z import HighRedshift

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#009E73")
MARKERS = ("o", "s", "D", "^")
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
LOWEST = 4e-4
"""End of the axes, below and above; what lies beyond is drawn on it."""


def draw_high_redshift(several: Sequence[HighRedshift]) -> Figure:
    """Fraction found against predicted probability, on logit axes, and where the sources are."""
    figure = Figure(figsize=(6.2, 7.2), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    line = np.array([LOWEST, 1 - LOWEST])
    upper.plot(line, line, color="#777777", lw=0.9)
    for number, one in enumerate(several):
        _points(upper, one, number)
        _shares(lower, one, number)
    for axes in (upper, lower):
        axes.set_xscale("logit")
        axes.set_xlim(LOWEST, 1 - LOWEST)
        axes.xaxis.set_major_locator(FixedLocator(TICKS))
        axes.xaxis.set_minor_locator(NullLocator())
        plain(axes)
    lower.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    upper.set_yscale("logit")
    upper.set_ylim(LOWEST, 1 - LOWEST)
    upper.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    upper.yaxis.set_minor_locator(NullLocator())
    upper.set_ylabel("fraction beyond z_min")
    upper.text(0.03, 0.62, "more than promised", fontsize=9, color="#555555", transform=upper.transAxes)
    upper.text(0.97, 0.38, "fewer", fontsize=9, color="#555555", transform=upper.transAxes, ha="right")
    upper.legend(fontsize=9, frameon=False, loc="upper left")
    lower.set_yscale("log")
    lower.set(ylabel="share of sources", xlabel="P(z > z_min), with the prior of the sky")
    return figure


def _points(axes: Axes, one: HighRedshift, number: int) -> None:
    """One point a bin with its interval; an arrow where no object, or every one, is beyond."""
    x = np.array([_beside(_inside(each.predicted), number) for each in one.bins])
    y = np.array([_inside(each.found) for each in one.bins])
    low = np.array([_inside(each.found_low) for each in one.bins])
    high = np.array([_inside(each.found_high) for each in one.bins])
    axes.errorbar(
        x, y, yerr=np.maximum([y - low, high - y], 0), fmt=MARKERS[number % len(MARKERS)], ms=5.5, lw=1.3,
        capsize=2.5, color=COLOURS[number % len(COLOURS)], clip_on=False,
        label=f"z > {one.z_min:g}: {one.beyond:,} of {one.n:,} objects",
    )  # fmt: skip


def _shares(axes: Axes, one: HighRedshift, number: int) -> None:
    axes.plot(
        [_inside(each.predicted) for each in one.bins], [each.share for each in one.bins],
        MARKERS[number % len(MARKERS)] + "-", ms=4, lw=1.0, color=COLOURS[number % len(COLOURS)],
    )  # fmt: skip


def _beside(probability: float, number: int) -> float:
    """A little to the right, so that bars of several z_min stand beside each other."""
    odds = 1.12**number * probability / (1 - probability)
    return odds / (1 + odds)


def _inside(value: float) -> float:
    return float(np.clip(value, LOWEST, 1 - LOWEST))
