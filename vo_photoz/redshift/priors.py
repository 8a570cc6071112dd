"""Densities seen with another prior: what a source most probably is depends on what there is on the sky.

A network learns p(z, class | stamp) for sources distributed as those of its training. Where they are
distributed otherwise, Bayes' theorem says

    p'(z, class | stamp) ~ p(z, class | stamp) target(z, class, magnitude) / training(z, class, magnitude)

if sources of the same redshift, class and magnitude look the same in both. The ratio, times a Gaussian of the
mixture, becomes again a Gaussian: the one with the same integral, mean and variance, from Gauss-Hermite
quadrature. So the density after it has the exact probabilities of the classes, mean and variance; its form is
approximate where the ratio bends within a component.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import ModelError, UsageError
from vo_photoz.flow import FloatArray, MixturePDF, Stamps
from vo_photoz.redshift.card import Card
from vo_photoz.redshift.classes import STAR
from vo_photoz.redshift.prior_table import ANY, PriorTable, prior_of

TRAINING, SKY = "training", "sky"
NODES = 11
"""Of the quadrature over a component."""
Z_STEP = 0.02
WINDOW = 0.05
"""Densities of priors are means over this to both sides: what is finer is the noise of a histogram."""
LEAST_SUPPORT = 0.05
"""Where the density of the training is below this part of its mean, a network has seen next to nothing, and
what it says is no evidence: the ratio is that of the nearest redshift, or magnitude, with support."""
BATCH = 4096
APERTURE_ARCSEC = 2.4
"""Radius; holds 98 per cent of the light of a point source in SDSS seeing (Gaussian of 1.4 arcsec FWHM)."""
AB_OF_NJY = 31.4
"""AB magnitude of 1 nJy (-2.5 lg 1e-9 + 8.9)."""


@dataclass(frozen=True)
class Ratio:
    """target / training on a grid.

    Parameters
    ----------
    band : str
        Band of the magnitudes; empty where they do not count.
    z : float array, shape (m,)
        Redshifts, evenly spaced.
    magnitude : float array, shape (j,)
        Middles of the bins of magnitude; one number where magnitudes do not count.
    values : dict
        By class of the training, shape (j, m).
    """

    band: str
    z: FloatArray
    magnitude: FloatArray
    values: dict[str, FloatArray]

    def of(self, kind: str, magnitude: FloatArray) -> FloatArray:
        """The ratio of sources of these magnitudes on the grid of redshifts, shape (n, m)."""
        table = self.values[kind]
        if len(self.magnitude) == 1:
            return np.broadcast_to(table[0], (len(magnitude), table.shape[1]))
        known = np.where(np.isfinite(magnitude), magnitude, self.magnitude[-1])
        place = np.interp(known, self.magnitude, np.arange(len(self.magnitude)))
        low = np.minimum(place.astype(int), len(self.magnitude) - 2)
        part = (place - low)[:, None]
        return np.asarray((1 - part) * table[low] + part * table[low + 1])


def training_prior(card: Card) -> PriorTable:
    """p(z, class) of the training of a model; of an older card, its histogram of redshifts."""
    if card.prior is not None:
        return card.prior
    edges, counts = np.asarray(card.training.histogram_edges), np.asarray(card.training.histogram_counts)
    if card.classes or not counts.sum():
        raise ModelError(
            f"The card of the model {card.name} does not tell its prior p(z, class).",
            advice="Use --prior training, or train the model again.",
        )
    return prior_of(0.5 * (edges[1:] + edges[:-1]), weight=counts, source=card.training.name)


def ratio_of(target: PriorTable, training: PriorTable) -> Ratio:
    """What densities are multiplied with.

    Magnitudes count if both tables have them, in the same band, or the target alone: then sources of all
    redshifts and classes are taken to be equally bright in the training. A model without classes is taken for
    one of quasars, whatever else the target holds.

    Raises
    ------
    UsageError
        Raised if the target has none of the classes of the training.
    """
    if training.by_magnitude and target.magnitude_band != training.magnitude_band:
        target, training = target.marginal(), training.marginal()
    edges = training.magnitude_edges or target.magnitude_edges
    magnitude = _middles(edges) if edges else np.zeros(1)
    z = np.arange(0, max(training.edges[-1], target.edges[-1]) + Z_STEP, Z_STEP)
    values = {}
    for kind in training.mass:
        wanted = kind if kind or ANY in target.mass else "QSO"
        windows = np.array([z - WINDOW, z + WINDOW])
        common = np.clip(windows, training.edges[0], training.edges[-1])
        above = _on_grid(target, wanted, common, magnitude)
        below = _on_grid(training, kind, common, magnitude)
        possible = _on_grid(target, wanted, windows, magnitude) > 0
        values[kind] = np.where(possible, _quotient(above, below), 0)
    if not any(one.any() for one in values.values()):
        raise UsageError(
            f"The prior has none of the classes of the model: {', '.join(target.mass)}.",
            advice="A file of a prior names the classes STAR, GALAXY and QSO.",
        )
    band = training.magnitude_band or target.magnitude_band
    return Ratio(band, z, magnitude, values)


def reweighted(
    pdf: MixturePDF,
    ratio: Ratio,
    *,
    component_classes: Sequence[str] = (),
    magnitude: NDArray[Any] | None = None,
) -> MixturePDF:
    """Densities seen with another prior, float32; weights sum to 1.

    Parameters
    ----------
    pdf : MixturePDF
        n densities of k components; rows of NaN stay NaN.
    ratio : Ratio
        From `ratio_of`.
    component_classes : sequence of str, length k or 0
        The class of each component; empty for a model without classes.
    magnitude : float array, shape (n,), or None
        Of the sources, from `magnitudes`; needed where the ratio depends on it.
    """
    bright = np.full(len(pdf), np.nan) if magnitude is None else np.asarray(magnitude, dtype=np.float64)
    out = [np.array(column, dtype=np.float32) for column in (pdf.weight, pdf.mean, pdf.sigma)]
    for start in range(0, len(pdf), BATCH):
        rows = slice(start, start + BATCH)
        changed = _batch(pdf.take(rows), ratio, component_classes, bright[rows])
        for column, values in zip(out, changed, strict=True):
            column[rows] = values
    return MixturePDF(*out)


def magnitudes(stamps: Stamps, band: str) -> FloatArray:
    """AB magnitudes of the sources in a band, as priors count them, shape (n,); NaN where there is no light.

    Parameters
    ----------
    stamps : Stamps
        In nJy/arcsec2, as the model eats them.
    band : str
        One of theirs; another gives NaN.
    """
    if band not in stamps.bands:
        return np.full(len(stamps), np.nan)
    side = stamps.pixels.shape[-1]
    offset = (np.arange(side) - (side - 1) / 2) * stamps.pixel_arcsec
    inside = np.hypot(offset[:, None], offset) <= APERTURE_ARCSEC
    light = stamps.pixels[:, stamps.bands.index(band)][:, inside].sum(1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = AB_OF_NJY - 2.5 * np.log10(light * stamps.pixel_arcsec**2)
    return np.where(np.isfinite(found), found, np.nan)


def _batch(
    pdf: MixturePDF, ratio: Ratio, component_classes: Sequence[str], magnitude: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    weight, mean, sigma = (np.array(a, dtype=np.float64) for a in (pdf.weight, pdf.mean, pdf.sigma))
    owner = np.array(list(component_classes) or [ANY] * weight.shape[1])
    for kind in np.unique(owner):
        mine = np.flatnonzero(owner == kind)
        table = ratio.of(str(kind), magnitude)
        if kind == STAR:  # at redshift 0, by definition
            weight[:, mine] *= table[:, :1]
            continue
        moments = _moments(table, mean[:, mine], sigma[:, mine])
        weight[:, mine] *= moments[0]
        mean[:, mine], sigma[:, mine] = moments[1], np.maximum(moments[2], 0.05 * sigma[:, mine])
    total = weight.sum(1, keepdims=True)
    # What the target holds impossible altogether stays as it was.
    return np.where(total == 0, pdf.weight, weight / np.where(total == 0, 1, total)), mean, sigma


def _moments(table: FloatArray, mean: FloatArray, sigma: FloatArray) -> FloatArray:
    """Integral, mean and standard deviation of Gaussians (n, k) times ratios (n, m), shape (3, n, k)."""
    node, share = np.polynomial.hermite_e.hermegauss(NODES)
    share = share / share.sum()
    zeroth, first, second = np.zeros(mean.shape), np.zeros(mean.shape), np.zeros(mean.shape)
    row = np.arange(len(mean))[:, None]
    last = table.shape[1] - 1
    for x, w in zip(node, share, strict=True):
        place = np.clip(np.nan_to_num((mean + x * sigma) / Z_STEP), 0, last)
        low = np.minimum(place.astype(np.intp), last - 1)
        part = place - low
        value = w * ((1 - part) * table[row, low] + part * table[row, low + 1])
        zeroth += value
        first += x * value
        second += x * x * value
    some = zeroth > 0
    shift = np.where(some, first / np.where(some, zeroth, 1), 0)
    spread = np.where(some, second / np.where(some, zeroth, 1) - shift**2, 1)
    return np.stack(
        [
            np.where(np.isnan(mean), np.nan, zeroth),
            mean + shift * sigma,
            np.sqrt(np.maximum(spread, 0)) * sigma,
        ]
    )


def _on_grid(table: PriorTable, kind: str, windows: FloatArray, magnitude: FloatArray) -> FloatArray:
    """Density on a grid (magnitude, z) of windows in redshift (2, z); of stars their share, anywhere."""
    edges, masses = np.asarray(table.edges), table.masses(kind)
    low, high = windows
    if kind == STAR:
        rows = np.repeat(masses.sum(1, keepdims=True), len(low), axis=1)
    else:
        below = np.concatenate([np.zeros((len(masses), 1)), masses.cumsum(1)], axis=1)
        inside = np.stack([np.interp(high, edges, one) - np.interp(low, edges, one) for one in below])
        rows = inside / np.where(high > low, high - low, 1)
    if not table.by_magnitude:
        return np.repeat(rows, len(magnitude), axis=0)
    per_mag = rows / np.diff(table.magnitude_edges)[:, None]
    own = _middles(table.magnitude_edges)
    return np.stack([np.interp(magnitude, own, column) for column in per_mag.T], axis=1)


def _quotient(above: FloatArray, below: FloatArray) -> FloatArray:
    """Ratio of densities (magnitude, z), that of the nearest place where the lower one is next to nothing."""
    filled = np.where(below > 0, below, np.nan)
    rows = np.nan_to_num(below.mean(1))
    known = np.flatnonzero(rows > LEAST_SUPPORT * rows.mean())
    place = np.arange(below.shape[1])
    found = np.zeros_like(above)
    for row in known:
        good = below[row] > LEAST_SUPPORT * np.nanmean(filled[row])
        found[row] = np.interp(place, place[good], above[row, good] / below[row, good])
    if len(known):
        nearest = known[np.abs(np.arange(len(rows))[:, None] - known).argmin(1)]
        found = found[nearest]
    return found


def _middles(edges: Sequence[float] | FloatArray) -> FloatArray:
    values = np.asarray(edges, dtype=np.float64)
    return np.asarray(0.5 * (values[1:] + values[:-1]))


def prior_named(which: str | Path) -> PriorTable | None:
    """A prior by its name or file; None for that of the training.

    Raises
    ------
    UsageError
        Raised if there is no such file or it cannot be read.
    """
    if str(which) == TRAINING:
        return None
    from vo_photoz.redshift.prior_files import SHIPPED_SKY, read_prior  # noqa: PLC0415 - reads tables

    return read_prior(SHIPPED_SKY if str(which) == SKY else Path(which))
