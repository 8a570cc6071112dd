"""Picture of a survey check: fluxes and positions of stars against a catalogue, band by band."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vo_photoz.analysis.plots import BLUE, DPI, VERMILION
from vo_photoz.flow import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_INCHES = 2.1


@dataclass(frozen=True)
class BandPanel:
    """What is drawn of one band.

    Parameters
    ----------
    band, text : str
        Name, and figures in words.
    magnitude, zero_point : float64 array, shape (n,)
        Of each star: in the catalogue, and of a pixel value of 1.
    expected : float or None
        Zero point that the survey states.
    measured : float
        Zero point found.
    east, north : float64 array, shape (n,)
        Offset from the catalogue, arcsec.
    good : bool
        Whether the band passed.
    """

    band: str
    text: str
    magnitude: FloatArray
    zero_point: FloatArray
    expected: float | None
    measured: float
    east: FloatArray
    north: FloatArray
    good: bool


def check_figure(panels: Sequence[BandPanel], title: str) -> Figure:
    """Figure with a row for each band: zero points of stars on the left, their offsets on the right."""
    figure = Figure(figsize=(8.0, 0.8 + ROW_INCHES * max(1, len(panels))), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(max(1, len(panels)), 2, squeeze=False, width_ratios=(2.4, 1))
    for (left, right), panel in zip(axes, panels, strict=False):
        _draw_zero_points(left, panel)
        _draw_offsets(right, panel)
    if panels:
        axes[-1][0].set_xlabel("catalogue magnitude")
        axes[-1][1].set_xlabel("east [arcsec]")
    return figure


def save_check(panels: Sequence[BandPanel], title: str, path: Path) -> None:
    """Write the figure as a PNG file; it appears only when complete."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        check_figure(panels, title).savefig(part, format="png")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _draw_zero_points(axes: Axes, panel: BandPanel) -> None:
    axes.plot(panel.magnitude, panel.zero_point, ".", color=BLUE, ms=4, alpha=0.6)
    axes.axhline(panel.measured, color=BLUE, lw=1, label="measured")
    if panel.expected is not None:
        axes.axhline(panel.expected, color=VERMILION, lw=1, ls="--", label="survey file")
    middle = float(np.median(panel.zero_point))
    spread = float(np.ptp(np.percentile(panel.zero_point, [5, 95])))
    low, high = middle - 1.5 * max(spread, 0.05), middle + 1.5 * max(spread, 0.05)
    if panel.expected is not None:
        low, high = min(low, panel.expected - 0.02), max(high, panel.expected + 0.02)
    axes.set(ylim=(low, high), ylabel=f"zero point {panel.band} [AB mag]")
    axes.set_title(panel.text, fontsize=8, color="black" if panel.good else VERMILION, loc="left")
    axes.legend(fontsize=7, loc="lower right")


def _draw_offsets(axes: Axes, panel: BandPanel) -> None:
    axes.plot(panel.east, panel.north, ".", color=BLUE, ms=4, alpha=0.6)
    axes.plot(np.median(panel.east), np.median(panel.north), "+", color=VERMILION, ms=12, mew=2)
    offsets = np.abs(np.concatenate([panel.east, panel.north]))
    reach = max(0.2, 1.3 * float(np.percentile(offsets, 97)))
    axes.axhline(0, color="#999999", lw=0.6)
    axes.axvline(0, color="#999999", lw=0.6)
    axes.set(xlim=(reach, -reach), ylim=(-reach, reach), aspect="equal", ylabel="north [arcsec]")
