"""Pictures of an evaluation: PIT, redshift against redshift, stacked densities, calibration, comparisons."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from vo_photoz.analysis.bins import reliability
from vo_photoz.analysis.evaluation_view import FIRST, EvaluationView
from vo_photoz.analysis.metrics import OUTLIER
from vo_photoz.flow import FloatArray, MixturePDF
from vo_photoz.redshift.mixture import on_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 110
COLOURS = {
    FIRST: "#0072B2", "neighbours": "#E69F00", "forest": "#009E73", "feature-mdn": "#CC79A7",
}  # fmt: skip
FURTHER = ("#D55E00", "#56B4E9", "#000000")
"""Okabe and Ito's palette: told apart with every kind of colour vision."""
PIT_BINS = 20
MOST_POINTS = 6000
"""With more objects than this, densities of points are drawn, not points."""
STACK_POINTS = 600
PEAKED, LOWEST_DENSITY = 4.0, 3e-3
"""Densities of objects above which the stack is drawn on a logarithmic axis, and where that begins."""
STACK_OBJECTS = 8000


def colour_of(view: EvaluationView, name: str) -> str:
    """Colour of an estimator, the same in all pictures."""
    others = [one for one in view.shown if one not in COLOURS]
    return COLOURS.get(name) or FURTHER[others.index(name) % len(FURTHER)]


def draw_pit(view: EvaluationView) -> Figure:
    """Histograms of the PIT; even ones belong to calibrated densities."""
    figure, axes = figure_of(6.4, 4.2)
    n = view.scores[FIRST].n
    noise = np.sqrt(PIT_BINS / n)
    axes.axhspan(1 - 2 * noise, 1 + 2 * noise, color="#dddddd", lw=0, label="chance (95 %)")
    axes.axhline(1, color="#777777", lw=0.8)
    for name in view.shown:
        pit = view.judged[name].pit[view.judged[name].counted]
        height, edges = np.histogram(pit, PIT_BINS, (0, 1), density=True)
        first = name == FIRST
        axes.stairs(
            height, edges, color=colour_of(view, name), lw=2.0 if first else 1.3,
            fill=False, label=view.titles[name],
        )  # fmt: skip
    axes.set(xlim=(0, 1), xlabel="PIT: probability below the known redshift", ylabel="density of objects")
    axes.set_ylim(0, max(1.6, 1.3 * axes.get_ylim()[1]))
    axes.legend(fontsize=8.5, frameon=False, ncols=2, loc="upper center")
    plain(axes)
    return figure


def draw_calibration(view: EvaluationView) -> Figure:
    """Share of objects inside central intervals against what the intervals should hold."""
    figure, axes = figure_of(5.4, 5.0)
    levels = np.linspace(0, 1, 201)
    n = view.scores[FIRST].n
    chance = 2 * np.sqrt(levels * (1 - levels) / n)
    axes.fill_between(levels, levels - chance, levels + chance, color="#dddddd", lw=0, label="chance (95 %)")
    axes.plot([0, 1], [0, 1], color="#777777", lw=0.8)
    for name in view.shown:
        pit = view.judged[name].pit[view.judged[name].counted]
        axes.plot(
            levels, reliability(pit, levels), color=colour_of(view, name), lw=2.0 if name == FIRST else 1.3,
            label=view.titles[name],
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set(xlabel="probability of the central interval", ylabel="share of objects inside")
    axes.text(0.03, 0.62, "densities too wide", fontsize=9, color="#555555")
    axes.text(0.97, 0.3, "too narrow", fontsize=9, color="#555555", ha="right")
    axes.legend(fontsize=8.5, frameon=False, loc="lower right")
    plain(axes)
    return figure


def draw_redshifts(view: EvaluationView) -> Figure:
    """Predicted against known redshifts, and the errors below."""
    figure = Figure(figsize=(6.4, 7.4), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    judged = view.judged[FIRST].take(view.judged[FIRST].counted)
    low, high = _range(np.concatenate([judged.z, np.quantile(judged.median, [0.01, 0.99])]))
    line = np.array([low, high])
    cloud(upper, judged.z, judged.median, (low, high, low, high))
    upper.plot(line, line, color="#444444", lw=0.9)
    for sign in (-1, 1):
        upper.plot(line, line + sign * OUTLIER * (1 + line), color="#444444", lw=0.8, ls=":")
        lower.axhline(sign * OUTLIER, color="#444444", lw=0.8, ls=":")
    limit = float(np.clip(np.quantile(np.abs(judged.e), 0.995), 2 * OUTLIER, 4 * OUTLIER))
    cloud(lower, judged.z, judged.e, (low, high, -limit, limit))
    lower.axhline(0, color="#444444", lw=0.9)
    score = view.scores[FIRST]
    upper.text(
        0.03, 0.97,
        f"{score.n:,} objects\nNMAD {score.nmad:.4f}\nbias {score.bias:+.4f}\n"
        f"outliers {100 * score.outliers:.2f} %",
        transform=upper.transAxes, va="top", fontsize=9.5,
    )  # fmt: skip
    upper.set(xlim=(low, high), ylim=(low, high), ylabel="predicted redshift (median)")
    lower.set(ylim=(-limit, limit), xlabel="known redshift", ylabel="e")
    plain(upper)
    plain(lower)
    return figure


def draw_stack(view: EvaluationView) -> Figure:
    """Sum of all densities against the known redshifts."""
    figure, axes = figure_of(7.4, 4.2)
    judged = view.judged[FIRST]
    z = judged.z[judged.counted]
    low, high = _range(z)
    room = 0.08 * (high - low)
    grid = np.linspace(max(low - room, -0.05), high + room, STACK_POINTS)
    edges = np.linspace(low, high, int(np.clip(len(z) // 25, 10, 60)) + 1)
    axes.hist(z, edges.tolist(), density=True, color="#cfd4da", label="known redshifts")
    top = np.histogram(z, edges, density=True)[0].max()
    for name in view.shown:
        density = stacked(view.pdfs[name], grid)
        top = max(top, density.max())
        axes.plot(
            grid, density, lw=2.0 if name == FIRST else 1.3, label=view.titles[name],
            color=colour_of(view, name),
        )  # fmt: skip
    axes.set(xlim=(grid[0], grid[-1]), ylim=(0, 1.35 * top), xlabel="redshift", ylabel="density of objects")
    if top > PEAKED:  # stars heap up at zero
        axes.set_yscale("log")
        axes.set_ylim(LOWEST_DENSITY, 10 * top)
    axes.legend(fontsize=8.5, frameon=False, ncols=2, loc="upper right")
    plain(axes)
    return figure


def draw_comparisons(view: EvaluationView) -> Figure:
    """CRPS of the model over that of every rival, with 95 % of the draws of the paired bootstrap."""
    names = [name for name in view.comparisons if name in view.shown] or list(view.comparisons)
    figure, axes = figure_of(7.0, 1.1 + 0.5 * len(names))
    for row, name in enumerate(names[::-1]):
        one = view.comparisons[name]
        ends = [[one.crps_ratio - one.crps_ratio_low], [one.crps_ratio_high - one.crps_ratio]]
        axes.errorbar(
            [one.crps_ratio], [row], xerr=ends, fmt="o", ms=7, lw=1.8, capsize=4, color=colour_of(view, name)
        )
        axes.annotate(
            f"{one.crps_ratio:.3f} +- {one.crps_ratio_error:.3f}", (one.crps_ratio, row), (0, 8),
            textcoords="offset points", ha="center", fontsize=9,
        )  # fmt: skip
    axes.axvline(1, color="#444444", lw=0.9)
    axes.set_yticks(range(len(names)), [fill(view.titles[name], 30) for name in names[::-1]])
    axes.set(
        ylim=(-0.6, len(names) - 0.2), xlabel="CRPS of the model over that of the rival: below 1 it wins"
    )
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.97), max(high, 1.03))
    plain(axes)
    return figure


def stacked(pdf: MixturePDF, grid: FloatArray) -> FloatArray:
    """Mean density of all objects on a grid; of some, spread evenly, where there are very many."""
    good = np.flatnonzero(np.isfinite(pdf.weight).all(1))
    good = good[:: -(-len(good) // STACK_OBJECTS)]
    total = np.zeros(len(grid))
    for start in range(0, len(good), 1024):
        total += on_grid(pdf.take(good[start : start + 1024]), grid).sum(0)
    return total / len(good)


def figure_of(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one panel, in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def plain(axes: Axes) -> None:
    """Spines left and below, small ticks."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def cloud(axes: Axes, x: FloatArray, y: FloatArray, extent: tuple[float, float, float, float]) -> None:
    """Points, or their density where there are many; what is beyond the edges is drawn on them."""
    x, y = np.clip(x, *extent[:2]), np.clip(y, *extent[2:])
    if len(x) > MOST_POINTS:
        axes.hexbin(
            x, y, gridsize=(90, 50), extent=extent, bins="log", mincnt=1, cmap="Blues", linewidths=0.1
        )
        return
    size = float(np.clip(12_000 / len(x), 2, 14))
    axes.scatter(x, y, s=size, color=COLOURS[FIRST], alpha=0.45, lw=0, clip_on=False)


def as_percent(axes: Axes) -> None:
    """Percent on the vertical axis."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _range(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.03 * max(high - low, 0.05)
    return low - room, high + room
