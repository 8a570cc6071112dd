"""The stream of a simulated sky: stamps drawn while the network learns, none of them twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from vo_photoz.redshift.classes import labels
from vo_photoz.redshift.training.sources import STOP_PART, Seed, Shown, filled
from vo_photoz.simulation.sky import BLOCK, SimulatedBatch, SimulatedSky

EPOCH = 20_000
"""Stamps of an epoch, unless the user wants another number."""
STOP_STAMPS = 2048
STOPPING, HELD_OUT = 7_000_003, 7_000_009
"""Parts of the seeds of early stopping and of held-out stamps; no network has these numbers."""


@dataclass
class SkySource:
    """The stream of a simulator.

    Parameters
    ----------
    sky : SimulatedSky
        The simulator.
    name : str
        For the log and the card.
    bands : sequence of str
        Bands in the order of the network.
    classes : tuple of str
        Classes of the network; empty: redshifts alone.
    seed : int
        Part of the seed of the early stopping stamps.
    size : int
        Stamps that count as an epoch.
    """

    sky: SimulatedSky
    name: str
    bands: Sequence[str]
    classes: tuple[str, ...] = ()
    seed: int = 1
    size: int = EPOCH
    varied: bool = False
    _last: tuple[tuple[int, ...], Shown] | None = field(default=None, repr=False)

    def stamps(self, seed: Seed, first: int, count: int) -> Shown:
        """Stamps by number."""
        start = first // BLOCK
        blocks = [
            self._block(seed, number) for number in range(start, max(-(-(first + count) // BLOCK), start + 1))
        ]
        inside = slice(first - start * BLOCK, first - start * BLOCK + count)
        return Shown(
            np.concatenate([one.pixels for one in blocks])[inside],
            np.concatenate([one.labels for one in blocks])[inside],
        )

    def stopping(self) -> Iterator[Shown]:
        """Stamps of a seed that no stream has."""
        for start in range(0, STOP_STAMPS, STOP_PART):
            yield self.stamps((self.seed, STOPPING), start, min(STOP_PART, STOP_STAMPS - start))

    def _block(self, seed: Seed, number: int) -> Shown:
        """One block of the simulator; the last is kept, for the next stretch begins in its middle."""
        key, held = (*seed, number), self._last
        if held is None or held[0] != key:
            drawn = self.sky.block(seed_number(seed), number)
            held = self._last = key, shown(drawn, self.bands, self.classes)
        return held[1]


def shown(batch: SimulatedBatch, bands: Sequence[str], classes: tuple[str, ...]) -> Shown:
    """Simulated stamps with their labels."""
    order = [batch.stamps.bands.index(band) for band in bands]
    pixels = filled(np.ascontiguousarray(batch.stamps.pixels[:, order], dtype=np.float32))
    return Shown(pixels, labels(batch.z, batch.kind, classes))


def seed_number(seed: Seed) -> int:
    """One number, 63 bits, from several."""
    high, low = np.random.SeedSequence(list(seed)).generate_state(2, np.uint32).tolist()
    return (int(high) << 31) ^ int(low)
