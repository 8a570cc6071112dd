"""Pictures of errors and scores against redshift, magnitude, signal and dust."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from vo_photoz.analysis.bins import Bin, Quantity
from vo_photoz.analysis.evaluation_plots import DPI, as_percent, cloud, colour_of, plain
from vo_photoz.analysis.evaluation_view import FIRST, EvaluationView
from vo_photoz.analysis.metrics import OUTLIER

LOGARITHMIC = ("signal_to_noise",)
SMALLEST_SIGNAL = 0.3
BAND = "#D55E00"


def draw_bins(view: EvaluationView, quantity: Quantity, bins: list[Bin]) -> Figure:
    """Errors of the single objects, and below CRPS, scatter, outliers and coverage in bins."""
    figure = Figure(figsize=(10.0, 5.9), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3, width_ratios=(1.25, 1, 1))
    errors = figure.add_subplot(grid[:, 0])
    panels = [figure.add_subplot(grid[row, column]) for row in (0, 1) for column in (1, 2)]
    _errors(errors, view, quantity, bins)
    names = {"crps": "CRPS", "nmad": "NMAD", "outliers": "outliers, |e| > 0.15", "coverage_68": "inside 68 %"}
    for axes, (score, title) in zip(panels, names.items(), strict=True):
        for name in view.shown:
            _line(axes, view, name, score, bins)
        axes.set_title(title, fontsize=10)
        if score != "coverage_68":
            axes.set_ylim(bottom=0)
        if score in ("outliers", "coverage_68"):
            as_percent(axes)
        _scale(axes, quantity)
        plain(axes)
    panels[3].axhline(0.68, color="#777777", lw=0.8, ls=":")
    for axes in panels[2:]:
        axes.set_xlabel(quantity.title, fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", ncols=3, fontsize=8.5, frameon=False)
    return figure


def _errors(axes: Axes, view: EvaluationView, quantity: Quantity, bins: list[Bin]) -> None:
    """Points, and the median and the 68 % of every bin."""
    judged = view.judged[FIRST]
    good = judged.counted & np.isfinite(quantity.values)
    x, e = quantity.values[good], judged.e[good]
    limit = float(np.clip(np.quantile(np.abs(e), 0.98), 1.5 * OUTLIER, 4 * OUTLIER))
    if quantity.name in LOGARITHMIC:
        x = np.maximum(x, SMALLEST_SIGNAL)
    low, high = np.quantile(x, [0.01, 0.99])
    cloud(axes, x, e, (float(low), float(high), -limit, limit))
    middle = [one.median for one in bins]
    parts = [e[(x >= one.low) & (x <= one.high)] for one in bins]
    levels = np.array([np.percentile(one, [16, 50, 84]) if len(one) else [np.nan] * 3 for one in parts])
    axes.fill_between(
        middle, levels[:, 0], levels[:, 2], color="#D55E00", alpha=0.25, lw=0, label="68 % of e"
    )
    axes.plot(middle, levels[:, 1], color="#D55E00", lw=2, marker="o", ms=4, label="median of e")
    for sign in (-1, 1):
        axes.axhline(sign * OUTLIER, color="#444444", lw=0.8, ls=":")
    axes.axhline(0, color="#444444", lw=0.9)
    axes.set(ylim=(-limit, limit), xlabel=quantity.title, ylabel="e = (z_phot - z) / (1 + z)")
    axes.legend(fontsize=8.5, frameon=False, loc="upper right")
    _scale(axes, quantity)
    plain(axes)


def _line(axes: Axes, view: EvaluationView, name: str, score: str, bins: list[Bin]) -> None:
    known = [one for one in bins if name in one.scores]
    axes.plot(
        [one.median for one in known],
        [getattr(one.scores[name], score) for one in known],
        color=colour_of(view, name),
        lw=2.0 if name == FIRST else 1.2,
        marker="o",
        ms=4 if name == FIRST else 2.5,
        label=view.titles[name],
    )


def _scale(axes: Axes, quantity: Quantity) -> None:
    if quantity.name in LOGARITHMIC:
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
