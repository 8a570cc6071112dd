"""Where the stamps of a training come from: endless streams in which every stamp has its number.

The stamp of a number depends on the seed and the number alone. So blocks can be made ahead of the steps, in
any thread, and a training that was killed goes on with the very stamps that would have come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import UsageError
from vo_photoz.flow import Float32Array
from vo_photoz.redshift.classes import CLASSES, STAR, labels

RowNumbers = NDArray[np.intp]
Seed = Sequence[int]
IN_MEMORY_BYTES = 1 << 30
"""Data sets up to this size are read once; larger ones in blocks, from the disk, every time."""
PART = 256
WINDOW = 16
STOP_PART = 2048


@dataclass(frozen=True)
class Shown:
    """Stamps with their labels.

    Parameters
    ----------
    pixels : float32 array, shape (n, band, y, x)
        nJy/arcsec2; no NaN.
    labels : float32 array, shape (n, 2)
        Redshift, and number of the class or -1.
    """

    pixels: Float32Array
    labels: Float32Array

    def __len__(self) -> int:
        return len(self.labels)


class StampSource(Protocol):
    """A data set or a simulator."""

    @property
    def name(self) -> str:
        """For the log and the card."""

    @property
    def size(self) -> int:
        """Stamps after which the stream begins to repeat itself, or those that a simulator gives an epoch."""

    @property
    def varied(self) -> bool:
        """Whether stamps are to be varied before they are shown; a simulator varies them itself."""

    def stamps(self, seed: Seed, first: int, count: int) -> Shown:
        """Stamps ``first`` to ``first + count - 1`` of the stream of this seed."""

    def stopping(self) -> Iterator[Shown]:
        """All stamps that say when a network is at its best, in parts; none of them is in a stream."""


@dataclass
class DatasetSource:
    """The stream of a data set: every object once, in random order, and again in another order.

    Parameters
    ----------
    dataset : Dataset
        Stamps and labels.
    fit, stop : int array
        Rows that are shown, and rows that say which epoch is best.
    bands : sequence of str
        Bands in the order of the network.
    classes : tuple of str
        Classes of the network; objects of others are an error.
    """

    dataset: Dataset
    fit: RowNumbers
    stop: RowNumbers
    bands: Sequence[str]
    classes: tuple[str, ...] = ()
    varied: bool = True
    _held: Float32Array | None = field(default=None, repr=False)
    _order: tuple[tuple[int, ...], RowNumbers] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._channels = [self.dataset.manifest.bands.index(band) for band in self.bands]
        rows = self.dataset.rows
        z = rows.z if rows.kind is None else np.where(is_star(rows.kind), 0.0, rows.z)
        self._labels = labels(z, _known(rows.kind, self.classes), self.classes)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.dataset.name

    @property
    def size(self) -> int:
        """Objects that are shown."""
        return len(self.fit)

    def stamps(self, seed: Seed, first: int, count: int) -> Shown:
        """Stamps by number; a pass over the data set begins at every multiple of `size`."""
        rows: list[RowNumbers] = []
        while count:
            number, start = divmod(first, self.size)
            part = self._pass((*seed, number))[start : start + count]
            rows.append(part)
            first, count = first + len(part), count - len(part)
        return self._shown(np.concatenate(rows) if rows else np.empty(0, np.intp))

    def stopping(self) -> Iterator[Shown]:
        """Rows of the early stopping fold."""
        for start in range(0, len(self.stop), STOP_PART):
            yield self._shown(self.stop[start : start + STOP_PART])

    def _pass(self, seed: tuple[int, ...]) -> RowNumbers:
        held = self._order
        if held is None or held[0] != seed:
            held = self._order = seed, order_of_pass(self.fit, seed)
        return held[1]

    def _shown(self, rows: RowNumbers) -> Shown:
        return Shown(self._pixels(rows), self._labels[rows])

    def _pixels(self, rows: RowNumbers) -> Float32Array:
        if self.dataset.images.nbytes > IN_MEMORY_BYTES:
            return filled(self.dataset.pixels(rows)[:, self._channels])
        if self._held is None:
            whole = self.dataset.pixels(np.arange(len(self.dataset)))
            self._held = filled(np.ascontiguousarray(whole[:, self._channels]))
        return self._held[rows]


def order_of_pass(rows: RowNumbers, seed: Seed) -> RowNumbers:
    """All rows once, in random order, those of a stretch from a few neighbouring parts of the file.

    A part is a run of rows that lie together on disk, so a block costs few reads however large the data set.
    """
    rng = np.random.default_rng(seed)
    ordered = np.sort(rows)
    parts = [ordered[start : start + PART] for start in range(0, len(ordered), PART)]
    order = rng.permutation(len(parts))
    windows = [order[start : start + WINDOW] for start in range(0, len(parts), WINDOW)]
    return np.concatenate([rng.permutation(np.concatenate([parts[one] for one in few])) for few in windows])


def filled(pixels: Float32Array) -> Float32Array:
    """Stamps whose missing pixels are zero, the level of the sky."""
    return np.nan_to_num(pixels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def is_star(kind: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Whether each object is a star; its redshift is zero, known or not."""
    return np.asarray(kind == STAR)


def classes_of(kinds: Sequence[NDArray[np.str_] | None]) -> tuple[str, ...]:
    """Classes that data sets tell apart, in the usual order; none unless there are two."""
    found = {str(one) for kind in kinds if kind is not None for one in np.unique(kind)}
    known = tuple(one for one in CLASSES if one in found)
    return known if len(known) > 1 else ()


def _known(kind: NDArray[np.str_] | None, classes: tuple[str, ...]) -> NDArray[np.str_] | None:
    if kind is None or not classes:
        return None
    missing = sorted({str(one) for one in np.unique(kind)} - {"", *classes})
    if missing:
        raise UsageError(
            f"The data have objects of the class {missing[0]}, the networks are to tell "
            f"{', '.join(classes)} apart.",
            advice=f"Add {missing[0]} to --classes, or leave these objects out of the data set.",
        )
    return kind
