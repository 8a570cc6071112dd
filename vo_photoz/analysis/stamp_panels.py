"""Stamps on matplotlib axes: a colour picture of three bands, and each band in greys with one stretch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.visualization import make_lupton_rgb
from matplotlib import patheffects
from matplotlib.colors import AsinhNorm, to_rgb
from numpy.typing import NDArray

from vo_photoz.flow import Float32Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

GREYS = "gray_r"
NO_DATA = "#d9d4c7"
BAR_LENGTHS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)  # arcsec


@dataclass(frozen=True)
class Stretch:
    """Limits of an asinh stretch that all bands of a source share.

    Parameters
    ----------
    noise : float
        Where the stretch turns from linear to logarithmic, nJy/arcsec2.
    low, high : float
        Values shown as background and as full tone, nJy/arcsec2.
    """

    noise: float
    low: float
    high: float

    @classmethod
    def of(cls, stamps: Float32Array) -> Stretch:
        """Stretch from the pixels of one source, shape (band, y, x); NaN is ignored."""
        finite = stamps[np.isfinite(stamps)]
        if finite.size == 0:
            return cls(1.0, -2.0, 10.0)
        levels = band_noise(stamps)
        noise = max(float(np.median(levels)), 1e-6 * float(np.abs(finite).max()), 1e-12)
        between = float(np.sqrt(noise * max(noise, *levels)))  # a noisy band must not wash out the others
        return cls(noise, -2 * between, max(float(np.percentile(finite, 99.7)), 10 * noise))


def band_noise(stamps: Float32Array) -> NDArray[np.float64]:
    """Standard deviation of the pixels of each band that has any, from the median absolute deviation."""
    bands = [band[np.isfinite(band)].astype(np.float64) for band in stamps]
    return np.array([1.4826 * np.median(np.abs(b - np.median(b))) for b in bands if b.size])


def colour_bands(bands: tuple[str, ...]) -> tuple[int, int, int] | None:
    """Indices of the bands shown as red, green and blue: i, r, g where there are such, else spread evenly.

    None for fewer than three bands; the bands are taken to go from blue to red.
    """
    if {"g", "r", "i"} <= set(bands):
        return bands.index("i"), bands.index("r"), bands.index("g")
    if len(bands) < 3:
        return None
    return len(bands) - 1, len(bands) // 2, 0


def colour_picture(stamps: Float32Array, chosen: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Three bands as one picture (y, x, 3) after Lupton et al. (2004, PASP 116, 133)."""
    pixels = stamps[list(chosen)]
    red, green, blue = np.nan_to_num(pixels)
    with np.errstate(invalid="ignore"):  # black sky divides zero by zero
        picture = make_lupton_rgb(red, green, blue, minimum=0, stretch=5 * Stretch.of(pixels).noise, Q=6)
    valid = np.isfinite(pixels).all(0)
    picture[~valid] = np.round(255 * np.array(to_rgb(NO_DATA)))
    return np.asarray(picture, dtype=np.uint8)


def band_picture(pixels: Float32Array, stretch: Stretch) -> NDArray[np.uint8]:
    """One band as `draw_band` shows it, (y, x, 3)."""
    norm = AsinhNorm(linear_width=stretch.noise, vmin=stretch.low, vmax=stretch.high, clip=True)
    grey = 255 * (1 - np.ma.filled(norm(np.nan_to_num(pixels)), 0.0))
    picture = np.repeat(np.round(grey)[..., None], 3, axis=2)
    picture[~np.isfinite(pixels)] = np.round(255 * np.array(to_rgb(NO_DATA)))
    return np.asarray(picture, dtype=np.uint8)


def draw_colour(axes: Axes, stamps: Float32Array, chosen: tuple[int, int, int]) -> None:
    """Draw three bands as one picture: see `colour_picture`."""
    axes.imshow(colour_picture(stamps, chosen), origin="lower", interpolation="nearest")
    _bare(axes, empty=not np.isfinite(stamps[list(chosen)]).all(0).any())


def draw_band(axes: Axes, pixels: Float32Array, stretch: Stretch) -> AxesImage:
    """Draw one band in greys, dark is bright; pixels without a value are beige."""
    norm = AsinhNorm(linear_width=stretch.noise, vmin=stretch.low, vmax=stretch.high)
    axes.set_facecolor(NO_DATA)
    image = axes.imshow(
        np.ma.masked_invalid(pixels), origin="lower", cmap=GREYS, norm=norm, interpolation="nearest"
    )
    _bare(axes, empty=not np.isfinite(pixels).any())
    return image


def draw_scale_bar(axes: Axes, width: int, pixel_arcsec: float) -> None:
    """Draw a bar of a round number of arcseconds, at most half as long as the stamp is wide."""
    fitting = [length for length in BAR_LENGTHS if length <= 0.5 * width * pixel_arcsec]
    length = fitting[-1] if fitting else 0.5 * width * pixel_arcsec
    start, height = 0.06 * width, 0.07 * width
    end = start + length / pixel_arcsec
    axes.plot([start - 0.5, end - 0.5], [height - 0.5] * 2, color="white", lw=2.2, path_effects=_outline(3.6))
    axes.text(
        (start + end) / 2 - 0.5, height + 0.035 * width, f'{length:g}"', color="white", fontsize=9,
        ha="center", va="bottom", path_effects=_outline(2),
    )  # fmt: skip


def draw_compass(axes: Axes) -> None:
    """Draw arrows to the north (up) and to the east (left) in the lower right corner."""
    corner, length = (0.92, 0.08), 0.2
    for letter, tip in (("N", (corner[0], corner[1] + length)), ("E", (corner[0] - length, corner[1]))):
        arrow = axes.annotate(
            "", xy=tip, xytext=corner, xycoords="axes fraction",
            arrowprops={"arrowstyle": "->", "color": "white", "lw": 1.5, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
        arrow.arrow_patch.set_path_effects(_outline(3))  # type: ignore[union-attr]
        up = letter == "N"
        axes.text(
            tip[0] + (0 if up else -0.02), tip[1] + (0.02 if up else 0), letter, transform=axes.transAxes,
            color="white", fontsize=9, ha="center" if up else "right", va="bottom" if up else "center",
            path_effects=_outline(2),
        )  # fmt: skip


def _outline(width: float) -> list[patheffects.AbstractPathEffect]:
    """A dark rim, so that white marks stand out on any sky."""
    return [patheffects.withStroke(linewidth=width, foreground="black")]


def _bare(axes: Axes, *, empty: bool) -> None:
    """No ticks; a thin frame; a word where there is nothing to see."""
    if empty:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center", fontsize=9)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(linewidth=0.6, color="#555555")
