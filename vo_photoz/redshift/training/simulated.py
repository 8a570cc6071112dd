"""The stream of a simulated sky: stamps drawn while the network learns, none of them twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray, Stamps
from vo_photoz.redshift.classes import labels
from vo_photoz.redshift.training.sources import STOP_PART, Seed, Shown, filled

UNIT = 512
"""Stamps that a simulator draws at once, by a seed of their own."""
STOPPING = 7_000_003
"""Part of the seeds of early stopping stamps; no network has this number."""


class Batch(Protocol):
    """What a simulator draws."""

    @property
    def stamps(self) -> Stamps:
        """Stamps of n sources."""

    @property
    def z(self) -> FloatArray:
        """Redshifts, shape (n,)."""

    @property
    def kind(self) -> NDArray[np.str_]:
        """Classes, shape (n,)."""


class Sky(Protocol):
    """A simulator."""

    def draw(self, seed: int, n: int) -> Any:
        """A `Batch` of n sources; the same seed gives the same bytes."""


@dataclass
class SkySource:
    """The stream of a simulator.

    Parameters
    ----------
    sky : Sky
        The simulator.
    name : str
        For the log and the card.
    bands : sequence of str
        Bands in the order of the network.
    classes : tuple of str
        Classes of the network; empty: redshifts alone.
    size : int
        Stamps that count as an epoch.
    stop_stamps : int
        Stamps that say when a network is at its best.
    seed : int
        Part of the seed of these.
    """

    sky: Sky
    name: str
    bands: Sequence[str]
    classes: tuple[str, ...] = ()
    size: int = 20_000
    stop_stamps: int = 2048
    seed: int = 1
    varied: bool = False

    def stamps(self, seed: Seed, first: int, count: int) -> Shown:
        """Stamps by number; they are drawn in units of 512."""
        units = range(first // UNIT, -(-(first + count) // UNIT))
        if not units:
            empty = self._drawn((*seed, 0), 1)
            return Shown(empty.pixels[:0], empty.labels[:0])
        drawn = [self._drawn((*seed, one), UNIT) for one in units]
        inside = slice(first - units[0] * UNIT, first - units[0] * UNIT + count)
        return Shown(
            np.concatenate([one.pixels for one in drawn])[inside],
            np.concatenate([one.labels for one in drawn])[inside],
        )

    def stopping(self) -> Iterator[Shown]:
        """Stamps of seeds that no stream has."""
        for start in range(0, self.stop_stamps, STOP_PART):
            yield self._drawn((self.seed, STOPPING, start), min(STOP_PART, self.stop_stamps - start))

    def _drawn(self, seed: Seed, n: int) -> Shown:
        batch = self.sky.draw(seed_number(seed), n)
        order = [batch.stamps.bands.index(band) for band in self.bands]
        pixels = filled(np.ascontiguousarray(batch.stamps.pixels[:, order], dtype=np.float32))
        return Shown(pixels, labels(batch.z, batch.kind, self.classes))


def seed_number(seed: Seed) -> int:
    """One number, 63 bits, from several."""
    high, low = np.random.SeedSequence(list(seed)).generate_state(2, np.uint32).tolist()
    return (int(high) << 31) ^ int(low)
