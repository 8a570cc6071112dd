"""How far partners lie: true ones crowd near zero, chance ones grow with the distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray

BINS = 10
BAR = 40


@dataclass(frozen=True)
class Separations:
    """Histogram of the separations of matches.

    Parameters
    ----------
    edges : float64 array, shape (k + 1,)
        Arcsec, from 0 to the radius.
    counts : int64 array, shape (k,)
        Matches in each bin; the last one includes its end.
    median : float
        Arcsec; NaN without matches.
    """

    edges: FloatArray
    counts: NDArray[np.int64]
    median: float

    @classmethod
    def of(cls, separation: FloatArray, radius_arcsec: float, bins: int = BINS) -> Separations:
        """Histogram of separations; one that lies beyond the radius by rounding counts in the last bin."""
        known = separation[np.isfinite(separation)]
        edges = np.linspace(0, radius_arcsec, bins + 1)
        counts = np.histogram(np.minimum(known, radius_arcsec), edges)[0].astype(np.int64)
        return cls(edges, counts, float(np.median(known)) if len(known) else float("nan"))

    @property
    def by_chance(self) -> FloatArray:
        """Share of chance matches in each bin: it grows with the area of the rings."""
        share: FloatArray = np.diff((self.edges / self.edges[-1]) ** 2)
        return share

    def told(self) -> str:
        """Bins and counts in one line."""
        bins = zip(self.edges[:-1], self.edges[1:], self.counts, strict=True)
        return ", ".join(f"{low:g}-{high:g}: {count}" for low, high, count in bins)

    def lines(self) -> list[str]:
        """Bars for a terminal."""
        most = max(int(self.counts.max()), 1)
        width = max(len(f"{edge:.3g}") for edge in self.edges)
        return [
            f"{low:{width}.3g} - {high:{width}.3g}  {'#' * round(BAR * count / most):{BAR}} {count}"
            for low, high, count in zip(self.edges[:-1], self.edges[1:], self.counts, strict=True)
        ]
