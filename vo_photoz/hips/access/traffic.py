"""Bytes moved for the tiles of a HiPS, beside what whole tiles would have cost."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Traffic:
    """Counts of one HiPS, or of several.

    Parameters
    ----------
    requests : int
        Requests sent, repeated ones included.
    bytes_moved : int
        Bytes of bodies and headers, both ways, of failed requests too.
    whole_bytes : int
        Size of the files from which anything was used, each counted once.
    cache_hits : int
        Files of which the disk cache had all that was needed at the time, each counted once.
    """

    requests: int = 0
    bytes_moved: int = 0
    whole_bytes: int = 0
    cache_hits: int = 0
    _seen: set[str] = field(default_factory=set, repr=False, compare=False)
    _hits: set[str] = field(default_factory=set, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def moved(self, size: int) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1
            self.bytes_moved += size

    def used(self, name: str, size: int) -> None:
        """Count a file of which something was used."""
        with self._lock:
            if name not in self._seen:
                self._seen.add(name)
                self.whole_bytes += size

    def hit(self, name: str) -> None:
        """Count a file that the disk cache had."""
        with self._lock:
            if name not in self._hits:
                self._hits.add(name)
                self.cache_hits += 1

    def __str__(self) -> str:
        """One sentence for the user."""
        share = f" ({self.bytes_moved / self.whole_bytes:.1%})" if self.whole_bytes else ""
        return (
            f"{_size(self.bytes_moved)} moved in {self.requests} requests, "
            f"whole tiles are {_size(self.whole_bytes)}{share}, {self.cache_hits} tiles from the cache"
        )


def total(parts: Iterable[Traffic]) -> Traffic:
    """Sum of several counts."""
    found = list(parts)
    return Traffic(
        sum(one.requests for one in found),
        sum(one.bytes_moved for one in found),
        sum(one.whole_bytes for one in found),
        sum(one.cache_hits for one in found),
    )


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} bytes" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
