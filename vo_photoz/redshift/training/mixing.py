"""Several sources of stamps as one stream, in fixed shares, varied on the way to the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from vo_photoz.datasets.augment import Variation, varied
from vo_photoz.datasets.sky import sky_noise
from vo_photoz.flow import Float32Array
from vo_photoz.redshift.training.sources import Seed, Shown, StampSource

BLOCK = 8192
"""Stamps that are made at once, about; 130 MB of five bands with 28 pixels a side."""
STATISTICS_ROWS = 8192
T = TypeVar("T")


@dataclass(frozen=True)
class Mixture:
    """Stamps of several sources.

    Parameters
    ----------
    sources : sequence of StampSource
        The first is the main one: an epoch shows each of its objects once.
    shares : sequence of float
        Share of every source in what is shown; they sum to 1.
    """

    sources: Sequence[StampSource]
    shares: Sequence[float]

    @property
    def epoch_objects(self) -> int:
        """Stamps of an epoch."""
        return max(round(self.sources[0].size / self.shares[0]), 1)

    def counts(self, n: int) -> list[int]:
        """Of the first ``n`` stamps, how many each source gives."""
        others = [int(share * n + 1e-9) for share in self.shares[1:]]
        return [n - sum(others), *others]

    def stamps(
        self, seed: Seed, first: int, count: int, variations: Sequence[Variation | None] | None = None
    ) -> Shown:
        """Stamps ``first`` to ``first + count - 1`` of the mixed stream.

        Parameters
        ----------
        seed : sequence of int
            Same seed, same stream.
        first, count : int
            Which.
        variations : sequence of Variation, or None
            How those of each source are varied; None shows all as they are.
        """
        parts = []
        before, after = self.counts(first), self.counts(first + count)
        for number, source in enumerate(self.sources):
            part = source.stamps((*seed, number), before[number], after[number] - before[number])
            how = variations[number] if variations is not None else None
            if how is not None and len(part):
                rng = np.random.default_rng((*seed, number, first, 1))
                part = Shown(varied(part.pixels, how, rng), part.labels)
            parts.append(part)
        return _shuffled(parts, np.random.default_rng((*seed, first, 2)))

    def variations(self, how: Variation, seed: Seed) -> list[Variation | None]:
        """How stamps of each source are varied: about the sky noise of that source."""
        found: list[Variation | None] = []
        for source in self.sources:
            if not source.varied:
                found.append(None)
                continue
            sample = source.stamps(seed, 0, min(source.size, STATISTICS_ROWS)).pixels
            found.append(how.about(sky_noise(sample)))
        return found

    def sample(self, seed: Seed, n: int = STATISTICS_ROWS) -> Shown:
        """Some stamps as they are, for statistics."""
        return self.stamps(seed, 0, min(n, self.epoch_objects))


def _shuffled(parts: Sequence[Shown], rng: np.random.Generator) -> Shown:
    """All stamps in random order; those of a single source have one already."""
    if len(parts) == 1:
        return parts[0]
    place = rng.permutation(sum(len(part) for part in parts))
    pixels: Float32Array = np.empty((len(place), *parts[0].pixels.shape[1:]), np.float32)
    labels: Float32Array = np.empty((len(place), 2), np.float32)
    start = 0
    for part in parts:
        here = place[start : start + len(part)]
        pixels[here], labels[here] = part.pixels, part.labels
        start += len(part)
    return Shown(pixels, labels)


def made_ahead(make: Callable[[int], T], numbers: Iterable[int], workers: int) -> Generator[T, None, None]:
    """``make`` of every number, in this order, by threads that run ahead by one each."""
    with ThreadPoolExecutor(workers, thread_name_prefix="stamps") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for number in numbers:
                waiting.append(pool.submit(make, number))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
