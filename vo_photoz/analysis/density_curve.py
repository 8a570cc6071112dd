"""p(z) as the lines of an SVG picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vo_photoz.analysis.plots import SourcePicture, redshift_grid
from vo_photoz.analysis.point_at_zero import BAR, split
from vo_photoz.flow import FloatArray, MixturePDF
from vo_photoz.redshift.mixture import pdf

WIDTH, HEIGHT = 400.0, 110.0
MOST_POINTS = 220


@dataclass(frozen=True)
class Curve:
    """A density in a box of `WIDTH` by `HEIGHT`, y downwards.

    Parameters
    ----------
    line, inside : str
        Points "x,y x,y ..." of the curve, and of the area between the 16th and 84th percentile; empty
        without a prediction.
    ticks : list of (float, str)
        Place and words of the ticks of redshift.
    z_end : float
        End of the axis; it begins at 0.
    """

    line: str
    inside: str
    ticks: list[tuple[float, str]]
    z_end: float

    def x(self, z: float) -> float:
        """Place of a redshift."""
        return round(float(np.clip(z / self.z_end, 0, 1)) * WIDTH, 1)


def curve_of(source: SourcePicture, end: float) -> Curve:
    """The density of a source as lines, from redshift 0 to an end."""
    step = next(one for one in (0.5, 1, 2, 5) if end / one <= 8 or one == 5)
    ticks = [(round(z / end * WIDTH, 1), f"{z:g}") for z in np.arange(0, end + 1e-9, step)]
    if not source.predicted:
        return Curve("", "", ticks, end)
    grid = np.append(redshift_grid(source), end) if end > source.z_end else redshift_grid(source)
    share, weight = split(source.weight, source.mean, source.sigma)
    mixture = MixturePDF(*(np.asarray(one)[None] for one in (weight, source.mean, source.sigma)))
    values = pdf(mixture, grid[None])[0]
    bar = share / (BAR * end)
    top = 1.08 * max(float(values.max()), bar) or 1.0
    kept = _thinned(values)
    between = (grid >= source.low) & (grid <= source.high)
    area = [(source.low, 0.0), *zip(grid[between], values[between], strict=True), (source.high, 0.0)]
    line = [(grid[k], values[k]) for k in kept]
    if share:  # a step whose area is the probability of redshift 0 itself
        line = [(0.0, bar), (BAR * end, bar), *(point for point in line if point[0] >= BAR * end)]
    return Curve(_points(line, end, top), _points(area, end, top), ticks, end)


def _thinned(values: FloatArray) -> list[int]:
    """Every so many points, and all where the curve bends most: its summits stay."""
    step = max(1, len(values) // MOST_POINTS)
    bend = np.abs(np.diff(values, 2, prepend=values[0], append=values[-1]))
    sharp = np.argsort(bend)[-MOST_POINTS // 2 :]
    return sorted({*range(0, len(values), step), len(values) - 1, int(values.argmax()), *map(int, sharp)})


def _points(pairs: list[tuple[float, float]], end: float, top: float) -> str:
    return " ".join(f"{z / end * WIDTH:.1f},{HEIGHT * (1 - value / top):.1f}" for z, value in pairs)
