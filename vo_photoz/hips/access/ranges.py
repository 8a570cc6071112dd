"""Which parts of a tile the stamps need: sorted ranges of pixels or bytes. Opens no file and no socket."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vo_photoz.hips.kernels.planning import Plan, UsedTiles

Ranges = NDArray[np.int64]
"""Shape (m, 2): first, and the one after the last; ascending, apart from each other."""

MAX_PARTS = 100
"""Parts asked for in one request: the header that lists them must stay below 8 kB (a limit of nginx)."""
PART_BYTES = 150
"""What the frame around one part of an answer costs."""
REQUEST_BYTES = 32_768
"""What a request costs, as bytes that could be moved in its time."""
WORTHWHILE = 0.5
"""Parts are asked for when they cost less than this share of the whole file."""
NO_RANGES: Ranges = np.empty((0, 2), dtype=np.int64)


def merged(ranges: Ranges, gap: int = 0) -> Ranges:
    """Ranges in order, those with no more than a gap between them made one."""
    if len(ranges) == 0:
        return NO_RANGES
    ordered = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ordered[:, 1])
    first = np.flatnonzero(np.concatenate([[True], ordered[1:, 0] > reach[:-1] + gap]))
    last = np.append(first[1:], len(ordered)) - 1
    return np.stack([ordered[first, 0], reach[last]], axis=1)


def subtracted(ranges: Ranges, taken: Ranges) -> Ranges:
    """What is in the first but not in the second; both are in order and apart."""
    if len(ranges) == 0 or len(taken) == 0:
        return ranges
    edges = np.unique(np.concatenate([ranges.ravel(), taken.ravel()]))
    cells = np.stack([edges[:-1], edges[1:]], axis=1)
    keep = _inside(cells[:, 0], ranges) & ~_inside(cells[:, 0], taken)
    return merged(cells[keep])


def covers(have: Ranges, wanted: Ranges) -> bool:
    """Whether all that is wanted is there."""
    return len(subtracted(wanted, have)) == 0


def length(ranges: Ranges) -> int:
    """Sum of the lengths."""
    return int((ranges[:, 1] - ranges[:, 0]).sum())


def fewer(ranges: Ranges, most: int) -> Ranges:
    """Ranges with the smallest gaps closed until there are no more than so many."""
    if len(ranges) <= most:
        return ranges
    gaps = ranges[1:, 0] - ranges[:-1, 1]
    kept = np.sort(np.argsort(gaps, kind="stable")[len(ranges) - most :])
    starts = np.concatenate([ranges[:1, 0], ranges[kept + 1, 0]])
    return np.stack([starts, np.append(ranges[kept, 1], ranges[-1, 1])], axis=1)


def requests_for(wanted: Ranges, total: int, *, many: bool) -> list[list[tuple[int, int]]] | None:
    """Byte ranges of each request for parts of a file; None where the whole file is cheaper.

    Parameters
    ----------
    wanted : int array, shape (m, 2)
        Bytes that are needed.
    total : int
        Size of the file.
    many : bool
        Whether the server gives several parts in one answer.
    """
    if many:
        parts = fewer(merged(wanted, PART_BYTES), MAX_PARTS)
        cost = length(parts) + PART_BYTES * len(parts)
        asked = [_pairs(parts)]
    else:
        parts = merged(wanted, REQUEST_BYTES)
        cost = length(parts) + REQUEST_BYTES * len(parts)
        asked = [[pair] for pair in _pairs(parts)]
    return asked if cost < WORTHWHILE * total else None


def _pairs(ranges: Ranges) -> list[tuple[int, int]]:
    return [(int(start), int(stop)) for start, stop in ranges]


def _inside(places: NDArray[np.int64], ranges: Ranges) -> NDArray[np.bool_]:
    """Whether each place lies in one of the ranges."""
    index = np.searchsorted(ranges[:, 0], places, side="right") - 1
    return np.asarray((index >= 0) & (places < ranges[index, 1]), dtype=bool)


@dataclass
class Needs:
    """Which pixels of each tile a plan needs, found when they are asked for.

    Parameters
    ----------
    plan : `vo_photoz.hips.kernels.planning.Plan`
        The plan; its arrays must not be used again while more is asked for.
    used : `vo_photoz.hips.kernels.planning.UsedTiles`
        Its tiles.
    """

    plan: Plan
    used: UsedTiles
    _found: dict[int, Ranges] = field(default_factory=dict)

    def __getitem__(self, number: int) -> Ranges:
        """Ranges of pixels, counted row by row, of a tile."""
        if number not in self._found:
            index = bisect_left(self.used.numbers, number)
            self._found[number] = self._ranges(self.used.images(index), self.used.slots(index))
        return self._found[number]

    def _ranges(self, images: NDArray[np.int64], slots: NDArray[np.int64]) -> Ranges:
        plan, width = self.plan, self.plan.width
        seen = np.zeros(width**2 + 2, dtype=bool)
        pixel = seen[1:-1]
        # Neighbours of a corner: a step in x is a row of the tile, backwards; a step in y the next pixel.
        steps = (0, 1, -width, 1 - width) if plan.part_x.shape[1] else (0,)
        for image, slot in zip(images, slots, strict=True):
            corners = plan.corner[image][plan.slot[image] == slot]
            for step in steps:
                pixel[corners + step] = True
            odd = slice(plan.odd.end[image], plan.odd.end[image + 1])
            pixel[plan.odd.offset[odd][plan.odd.slot[odd] == slot]] = True
        return np.flatnonzero(seen[1:] != seen[:-1]).astype(np.int64).reshape(-1, 2)
