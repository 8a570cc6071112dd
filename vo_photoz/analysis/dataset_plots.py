"""Pictures of a training set: sky, redshifts, magnitudes, colours against redshift, stamps."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vo_photoz.analysis.contact_sheet import draw_sheet
from vo_photoz.analysis.dataset_view import DatasetView
from vo_photoz.analysis.sky_plot import draw_sky
from vo_photoz.analysis.stamp_panels import Stretch, colour_bands, draw_band, draw_colour, draw_scale_bar
from vo_photoz.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

DPI = 110
GROUP_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Okabe and Ito's palette: told apart with every kind of colour vision."""
BINS = 40
SHEET_ROWS = 12
OVERVIEW_COLUMNS = 12


def overview(view: DatasetView) -> Figure:
    """Everything on one page."""
    figure = _figure(12.0, 13.4)
    figure.suptitle(f"{view.title}: {len(view.z):,} objects", fontsize=14)
    parts: Any = figure.subfigures(4, 1, height_ratios=(3.9, 3.2, 3.2, 2.5))
    left, right = parts[0].subfigures(1, 2, width_ratios=(1.25, 1))
    draw_sky(left, view.ra, view.dec, view.fold)
    draw_redshifts(right.subplots(), view)
    draw_magnitudes(parts[1], view)
    draw_colours(parts[2], view)
    _draw_small_stamps(parts[3], view)
    return figure


def save_pictures(view: DatasetView, output: Path) -> list[Path]:
    """Write one page (PNG), or a folder with one picture of each kind.

    Parameters
    ----------
    view : DatasetView
        What is drawn.
    output : Path
        A file that ends in .png, or a folder.

    Raises
    ------
    UsageError
        Raised if it cannot be written.
    """
    try:
        if output.suffix.lower() == ".png":
            return [_save(overview(view), output)]
        output.mkdir(parents=True, exist_ok=True)
        return [_save(draw(view), output / f"{name}.png") for name, draw in PICTURES.items()]
    except OSError as error:
        raise UsageError(f"The pictures cannot be written to {output}: {error.strerror}.") from None


def draw_redshifts(axes: Axes, view: DatasetView) -> None:
    """Histogram of the redshifts, classes or samples on top of each other."""
    z, groups = view.z[np.isfinite(view.z)], _groups(view)
    if len(z):
        columns = [view.z[np.isfinite(view.z) & (view.group == name)] for name in groups]
        axes.hist(columns, _bins(z).tolist(), stacked=True, color=list(groups.values()), label=list(groups))
    if len(groups) > 1:
        axes.legend(fontsize=9, frameon=False)
    lost = len(view.z) - len(z)
    axes.set(xlabel="redshift z", ylabel="objects")
    axes.set_title("redshifts" + (f" ({lost:,} have none)" if lost else ""), fontsize=11)
    _plain(axes)


def draw_magnitudes(figure: Figure | SubFigure, view: DatasetView) -> None:
    """Histogram of the magnitudes of each band, on one scale."""
    panels = _row(figure, len(view.bands), share_y=True)
    finite = view.magnitude[np.isfinite(view.magnitude)]
    edges = _bins(finite) if len(finite) else np.linspace(0, 1, 2)
    for number, (axes, band) in enumerate(zip(panels, view.bands, strict=True)):
        values = view.magnitude[:, number]
        axes.hist(values[np.isfinite(values)], edges.tolist(), color=GROUP_COLOURS[0])
        axes.set_xlabel(f"{band} [AB mag]")
        _plain(axes)
    panels[0].set_ylabel("objects")
    figure.suptitle(f"magnitudes {_origin(view)}", fontsize=11)


def draw_colours(figure: Figure | SubFigure, view: DatasetView) -> None:
    """Colours of bands that follow one another against redshift."""
    pairs = list(zip(range(len(view.bands) - 1), range(1, len(view.bands)), strict=True))
    panels = _row(figure, max(len(pairs), 1))
    if not pairs:
        panels[0].set_axis_off()
        panels[0].text(0.5, 0.5, "one band has no colours", ha="center", va="center", fontsize=11)
        return
    size = float(np.clip(4000 / max(len(view.z), 1), 0.4, 10))
    for axes, (blue, red) in zip(panels, pairs, strict=True):
        colour = view.magnitude[:, blue] - view.magnitude[:, red]
        good = np.isfinite(colour) & np.isfinite(view.z)
        for name, shade in _groups(view).items():
            here = good & (view.group == name)
            axes.scatter(view.z[here], colour[here], s=size, color=shade, alpha=0.5, lw=0)
        if good.any():
            low, high = np.percentile(colour[good], [0.5, 99.5])
            room = 0.12 * max(high - low, 0.1)
            axes.set_ylim(low - room, high + room)
        axes.set(xlabel="redshift z", ylabel=f"{view.bands[blue]} - {view.bands[red]} [mag]")
        _plain(axes)
    figure.suptitle(f"colours {_origin(view)}", fontsize=11)


def sheet(view: DatasetView) -> Figure:
    """Stamps of some objects in every band, from small to large redshift."""
    some = np.unique(
        np.linspace(0, len(view.shown) - 1, min(SHEET_ROWS, len(view.shown))).round().astype(int)
    )
    labels = [_label(view.z[view.shown[one]]) for one in some]
    return draw_sheet(view.stamps[some], view.bands, labels, view.pixel_arcsec)


def _draw_small_stamps(figure: Figure | SubFigure, view: DatasetView) -> None:
    """Colour pictures (or the middle band) of all objects that are shown."""
    columns = min(OVERVIEW_COLUMNS, len(view.shown))
    rows = -(-len(view.shown) // columns)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    chosen = colour_bands(view.bands)
    for axes, pixels, row in zip(panels, view.stamps, view.shown, strict=False):
        if chosen is not None:
            draw_colour(axes, pixels, chosen)
        else:
            draw_band(axes, pixels[len(pixels) // 2], Stretch.of(pixels))
        axes.set_title(_label(view.z[row]), fontsize=8, pad=2)
    for axes in panels[len(view.shown) :]:
        axes.set_axis_off()
    draw_scale_bar(panels[0], view.stamps.shape[3], view.pixel_arcsec)
    named = f"band {view.bands[len(view.bands) // 2]}"
    if chosen is not None:
        named = ", ".join(view.bands[band] for band in chosen) + " as red, green, blue"
    figure.suptitle(f"stamps from small to large redshift ({named})", fontsize=11)


def _label(z: float) -> str:
    return f"z = {round(z, 3) + 0.0:.3f}" if np.isfinite(z) else "no z"  # not -0.000


def _origin(view: DatasetView) -> str:
    return "in an aperture of 3 pixels on the stamps" if view.measured else "of the catalogue"


def _groups(view: DatasetView) -> dict[str, str]:
    """Colours of the classes or samples, the largest first."""
    names, counts = np.unique(view.group, return_counts=True)
    largest = [str(name) for name in names[np.argsort(-counts, kind="stable")]]
    return {name: GROUP_COLOURS[one % len(GROUP_COLOURS)] for one, name in enumerate(largest)}


def _bins(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges over nearly all values; a few far out do not squeeze the rest."""
    low, high = np.percentile(values, [0.1, 99.9])
    return np.linspace(low, max(high, low + 0.1), min(BINS, max(8, len(values) // 8)) + 1)


def _row(figure: Figure | SubFigure, count: int, *, share_y: bool = False) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False, sharey=share_y)[0])


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    """Write a picture; it appears only when complete."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(part, format="png")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _sky(view: DatasetView) -> Figure:
    figure = _figure(8.0, 5.0)
    draw_sky(figure, view.ra, view.dec, view.fold)
    return figure


def _redshifts(view: DatasetView) -> Figure:
    figure = _figure(6.5, 4.5)
    draw_redshifts(figure.subplots(), view)
    return figure


def _magnitudes(view: DatasetView) -> Figure:
    figure = _figure(12.0, 3.4)
    draw_magnitudes(figure, view)
    return figure


def _colour_panels(view: DatasetView) -> Figure:
    figure = _figure(12.0, 3.6)
    draw_colours(figure, view)
    return figure


PICTURES: dict[str, Callable[[DatasetView], Figure]] = {
    "sky": _sky,
    "redshifts": _redshifts,
    "magnitudes": _magnitudes,
    "colours": _colour_panels,
    "stamps": sheet,
}
"""One picture of each kind, by the name of its file."""
