"""Pictures of sources: stamps and redshift densities, for the page of the service, reports and papers.

Figures are made with matplotlib's object interface: no global state and no display.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vo_photoz.analysis.point_at_zero import BAR, split
from vo_photoz.analysis.stamp_panels import (
    Stretch,
    colour_bands,
    draw_band,
    draw_colour,
    draw_compass,
    draw_scale_bar,
)
from vo_photoz.flow import Float32Array, FloatArray, MixturePDF
from vo_photoz.redshift.mixture import pdf

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: told apart with every kind of colour vision.
BLUE, SKY, VERMILION, GREY = "#0072B2", "#56B4E9", "#D55E00", "#666666"
GRID_POINTS = 1500
TAIL_SIGMA, TAIL_WEIGHT = 3.5, 0.02
"""How far beyond the mean of which components the redshift axis goes."""

DPI = 100


@dataclass(frozen=True)
class SourcePicture:
    """What is drawn of one source.

    Parameters
    ----------
    stamps : float32 array, shape (band, y, x)
        Surface brightness in nJy/arcsec2, north up, east left; NaN where there is no value.
    bands : tuple of str
        Names of the bands, from blue to red.
    weight, mean, sigma : float array, shape (k,)
        The mixture; NaN when nothing was predicted.
    median, low, high : float
        Median, 16th and 84th percentile of the density.
    pixel_arcsec : float
        Side of a pixel.
    z_max : float
        Largest redshift of the model; the axis goes on until all of the density is seen.
    title : str
        Stands above the picture.
    z_spec : float or None
        Known spectroscopic redshift, drawn as a line.
    """

    stamps: Float32Array
    bands: tuple[str, ...]
    weight: NDArray[np.floating[Any]]
    mean: NDArray[np.floating[Any]]
    sigma: NDArray[np.floating[Any]]
    median: float
    low: float
    high: float
    pixel_arcsec: float
    z_max: float
    title: str = ""
    z_spec: float | None = None

    @property
    def predicted(self) -> bool:
        """Whether there is a density to draw."""
        return bool(np.isfinite(self.weight).all() and np.isfinite(self.median))

    @property
    def z_end(self) -> float:
        """End of the redshift axis."""
        ends = [self.z_max]
        if self.predicted:
            ends.append(
                float(np.max((self.mean + TAIL_SIGMA * self.sigma)[self.weight > TAIL_WEIGHT], initial=0))
            )
        if self.z_spec is not None and self.known:
            ends.append(self.z_spec + 0.1)
        return max(ends)

    @property
    def known(self) -> bool:
        """Whether there is a spectroscopic redshift."""
        return self.z_spec is not None and bool(np.isfinite(self.z_spec))


def draw_source(source: SourcePicture) -> Figure:
    """Stamps of a source in a row, and its redshift density below.

    Parameters
    ----------
    source : SourcePicture
        Stamps, density and what is known of the source.

    Returns
    -------
    matplotlib.figure.Figure
        About 900 x 520 pixels at its own resolution; ``figure.savefig`` writes it.
    """
    figure = _new_figure(9.0, 5.2)
    panels = len(source.bands) + (colour_bands(source.bands) is not None)
    grid = figure.add_gridspec(
        2, panels, height_ratios=[7.9 / panels, 2.6], left=0.075, right=0.985, top=0.87, bottom=0.125,
        wspace=0.06, hspace=0.16,
    )  # fmt: skip
    figure.suptitle(source.title, x=0.075, y=0.975, ha="left", fontsize=13)
    figure.text(0.985, 0.005, _stretch_text(source), ha="right", va="bottom", fontsize=8.5, color="#444444")
    _draw_stamps([figure.add_subplot(grid[0, column]) for column in range(panels)], source)
    axes = figure.add_subplot(grid[1, :])
    _draw_density(axes, source)
    axes.set_ylabel("probability density p(z)", fontsize=10.5)
    _label_redshift(axes)
    return figure


def draw_sources(sources: Sequence[SourcePicture]) -> Figure:
    """Several sources below each other: stamps on the left, redshift densities on one axis on the right.

    Parameters
    ----------
    sources : sequence of SourcePicture
        At least one; all with the same bands.

    Returns
    -------
    matplotlib.figure.Figure
        900 pixels wide at its own resolution.
    """
    panels = len(sources[0].bands) + (colour_bands(sources[0].bands) is not None)
    figure = _new_figure(9.0, 0.95 + 1.12 * len(sources))
    height = figure.get_figheight()
    grid = figure.add_gridspec(
        len(sources), panels + 2, width_ratios=[1.0] * panels + [0.3, 3.6], left=0.012, right=0.985,
        top=1 - 0.35 / height, bottom=0.6 / height, wspace=0.05, hspace=0.32,
    )  # fmt: skip
    last = None
    for row, source in enumerate(sources):
        stamps = [figure.add_subplot(grid[row, column]) for column in range(panels)]
        _draw_stamps(stamps, source, named=row == 0, compass=row == 0)
        last = figure.add_subplot(grid[row, -1], sharex=last)
        _draw_density(last, source, legend=False)
        last.tick_params(labelbottom=row == len(sources) - 1)
        title = shorten(source.title, 24, placeholder="...")
        last.set_title(f"{title}   {_redshift_text(source)}", fontsize=8.5, loc="left", pad=4)
    if last is not None:
        last.set_xlim(0, max(source.z_end for source in sources))
        _label_redshift(last)
    _add_common_legend(figure)
    return figure


def redshift_grid(source: SourcePicture) -> FloatArray:
    """Redshifts at which a density is drawn: an even grid, denser where a component is narrow."""
    even = np.linspace(0, source.z_end, GRID_POINTS)
    near = (source.mean[:, None] + source.sigma[:, None] * np.linspace(-4, 4, 81)).ravel()
    return np.unique(np.concatenate([even, near[(near >= 0) & (near <= source.z_end)]]).astype(np.float64))


def _new_figure(width: float, height: float) -> Figure:
    """A figure with a canvas of its own, in inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _draw_stamps(
    axes: list[Axes], source: SourcePicture, *, named: bool = True, compass: bool = True
) -> None:
    """Fill a row of axes: the colour picture (three bands or more), then every band."""
    chosen, bands = colour_bands(source.bands), axes
    if chosen is not None:
        draw_colour(axes[0], source.stamps, chosen)
        bands = axes[1:]
        if named:
            axes[0].set_title(" ".join(source.bands[band] for band in chosen), fontsize=11, pad=4)
    stretch = Stretch.of(source.stamps)
    for panel, pixels, band in zip(bands, source.stamps, source.bands, strict=True):
        draw_band(panel, pixels, stretch)
        if named:
            panel.set_title(band, fontsize=11, pad=4)
    draw_scale_bar(axes[0], source.stamps.shape[2], source.pixel_arcsec)
    if compass:
        draw_compass(axes[0])


def _draw_density(axes: Axes, source: SourcePicture, *, legend: bool = True) -> None:
    """p(z) with its median, its 16-84 % interval and the spectroscopic redshift."""
    axes.set_xlim(0, source.z_end)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    if source.predicted:
        top = max(_draw_curve(axes, source), _draw_point(axes, source))
        axes.set_ylim(0, 1.15 * top)
        axes.yaxis.set_major_locator(MaxNLocator(4 if legend else 3))
    else:
        axes.set_yticks([])
        paper = {"facecolor": "white", "edgecolor": "none"}
        axes.text(
            0.5,
            0.5,
            "no prediction",
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=12,
            bbox=paper,
        )
    if source.z_spec is not None and source.known:
        axes.plot(
            [source.z_spec] * 2, [0, 0.955], transform=axes.get_xaxis_transform(), color=VERMILION, lw=1.3,
            zorder=1, marker="v", markevery=[1], ms=8, clip_on=False,
            label=f"spectroscopic {source.z_spec:.3f}",
        )  # fmt: skip
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", fontsize=9.5, frameon=False)


def _draw_curve(axes: Axes, source: SourcePicture) -> float:
    """The density beyond redshift 0, its interval and its median; the height of its highest mode."""
    z, (_, weight) = redshift_grid(source), split(source.weight, source.mean, source.sigma)
    mixture = MixturePDF(*(np.asarray(one)[None] for one in (weight, source.mean, source.sigma)))
    density = pdf(mixture, z[None])[0]
    inside = (z >= source.low) & (z <= source.high)
    axes.fill_between(z, density, where=inside, color=SKY, alpha=0.55, lw=0, label="16-84 %")
    axes.plot(z, density, color=BLUE, lw=1.6)
    axes.axvline(source.median, color=BLUE, lw=1.4, ls="--", label=f"median {source.median:.3f}")
    return float(density.max())


def _draw_point(axes: Axes, source: SourcePicture) -> float:
    """The probability of redshift 0 itself as a bar; its height, 0 without one."""
    share, _ = split(source.weight, source.mean, source.sigma)
    if not share:
        return 0.0
    width = BAR * source.z_end
    axes.fill_between([0, width], share / width, color=GREY, lw=0)
    axes.annotate(
        f"{100 * share:.0f} % at z = 0", (width, share / width), xytext=(4, 0), textcoords="offset points",
        va="top", fontsize=8.5, color=GREY,
    )  # fmt: skip
    return share / width


def _label_redshift(axes: Axes) -> None:
    axes.set_xlabel("redshift z", fontsize=10.5, labelpad=3)


def _stretch_text(source: SourcePicture) -> str:
    """What the greys mean."""
    stretch = Stretch.of(source.stamps)
    low, high = (float(f"{value:.2g}") for value in (stretch.low, stretch.high))
    return f"greys: {low:,.0f} (white) to {high:,.0f} (black) nJy/arcsec2, asinh, the same in all bands"


def _add_common_legend(figure: Figure) -> None:
    """One legend for all rows, below the stamps."""
    marks: list[Line2D | Patch] = [
        Line2D([], [], color=BLUE, lw=1.6, label="probability density p(z)"),
        Patch(color=SKY, alpha=0.55, lw=0, label="16-84 %"),
        Line2D([], [], color=BLUE, lw=1.4, ls="--", label="median"),
        Line2D([], [], color=VERMILION, lw=1.3, marker="v", ms=8, clip_on=False, label="spectroscopic"),
    ]
    figure.legend(
        handles=marks,
        loc="lower left",
        ncols=4,
        fontsize=9,
        frameon=False,
        borderaxespad=0.3,
        columnspacing=1.4,
    )


def _redshift_text(source: SourcePicture) -> str:
    """The redshift with its interval, and the known one, in a line."""
    known = f"   spec. {source.z_spec:.3f}" if source.known else ""
    if not source.predicted:
        return f"no prediction{known}"
    up, down = source.high - source.median, source.median - source.low
    return f"z = {source.median:.3f} +{up:.3f} -{down:.3f}{known}"
