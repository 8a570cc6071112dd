"""A sheet of stamps: a row a source, its colour picture first, then each band."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vo_photoz.analysis.stamp_panels import (
    Stretch,
    colour_bands,
    draw_band,
    draw_colour,
    draw_compass,
    draw_scale_bar,
)
from vo_photoz.flow import Float32Array

PANEL_INCHES, DPI = 1.3, 100


def draw_sheet(
    stamps: Float32Array, bands: tuple[str, ...], labels: Sequence[str], pixel_arcsec: float
) -> Figure:
    """Draw the stamps of some sources.

    Parameters
    ----------
    stamps : float32 array, shape (n, band, y, x)
        North up, east left; NaN where there is no value.
    bands : tuple of str
        Names of the bands, from blue to red.
    labels : sequence of str
        What stands beside each source.
    pixel_arcsec : float
        Side of a pixel.
    """
    chosen = colour_bands(bands)
    first = 1 if chosen else 0
    columns, rows = len(bands) + first, len(stamps)
    figure = Figure(figsize=(PANEL_INCHES * columns + 0.6, PANEL_INCHES * rows + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False)
    for source, line in enumerate(panels):
        if chosen:
            draw_colour(line[0], stamps[source], chosen)
        stretch = Stretch.of(stamps[source])
        for band, axes in enumerate(line[first:]):
            draw_band(axes, stamps[source, band], stretch)
        line[0].set_ylabel(labels[source], fontsize=8)
    titles = ["colour"] * first + list(bands)
    for axes, title in zip(panels[0], titles, strict=True):
        axes.set_title(title, fontsize=9)
    draw_scale_bar(panels[0][0], stamps.shape[3], pixel_arcsec)
    draw_compass(panels[0][0])
    return figure


def write_sheet(
    path: Path, stamps: Float32Array, bands: tuple[str, ...], labels: Sequence[str], pixel_arcsec: float
) -> None:
    """Write the sheet as PNG (or what the ending of the name says): see `draw_sheet`."""
    draw_sheet(stamps, bands, labels, pixel_arcsec).savefig(path, dpi=DPI)
