"""A bounded memory of tiles; the least recently used goes first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar
from weakref import WeakSet

SHARED_BYTES = 1 << 26
"""For the tiles of all HiPS of this process that are not mapped from files: 64 of 512 pixels a side."""
LEAST_BYTES = 1 << 14
"""What the smallest tile counts for, so that their number is limited as well."""

T = TypeVar("T")


@dataclass(slots=True)
class Place(Generic[T]):
    """A tile that is in memory, or on its way there.

    Parameters
    ----------
    tile : Future
        The tile, or the error that came instead.
    size : int
        Bytes that it counts for; 0 as long as it is not there.
    until : float
        Time (of `time.monotonic`) from which an error is no longer believed.
    """

    tile: Future[T] = field(default_factory=Future)
    size: int = 0
    until: float = inf


class TileMemory(Generic[T]):
    """Tiles of one or several users, by a key; threads may share it.

    Parameters
    ----------
    limit : int
        Bytes that all tiles together may take.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self._places: OrderedDict[Hashable, Place[T]] = OrderedDict()
        self._users: WeakSet[object] = WeakSet()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def join(self, user: object) -> None:
        """Share the memory among one more, as long as it lives."""
        with self._lock:
            self._users.add(user)

    @property
    def share(self) -> int:
        """Bytes for each of those who use it."""
        return self.limit // max(1, len(self._users))

    def find(self, key: Hashable) -> tuple[Place[T], bool]:
        """Place of a tile, and whether it is new: then the caller has to bring the tile there."""
        with self._lock:
            place = self._places.get(key)
            if place is not None:
                if place.until == inf or time.monotonic() < place.until:
                    self._places.move_to_end(key)
                    return place, False
                self._drop(key)
            place = self._places[key] = Place()
            return place, True

    def weigh(self, key: Hashable, place: Place[T], size: int) -> None:
        """Say how many bytes a tile takes now; others go until all fit."""
        with self._lock:
            if self._places.get(key) is not place:
                return
            size = max(size, LEAST_BYTES)
            self.taken += size - place.size
            place.size = size
            while self.taken > self.limit:
                # Tiles on their way count for nothing, and somebody waits for them.
                self._drop(next(old for old, one in self._places.items() if one.size))

    def _drop(self, key: Hashable) -> None:
        self.taken -= self._places.pop(key).size
