"""Tiles of a HiPS on a web server: whole, or just the pixels that are needed."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

import numpy as np

from vo_photoz.hips.access.cache import Content
from vo_photoz.hips.access.ranges import NO_RANGES, WORTHWHILE, Ranges, covers, length, merged, subtracted
from vo_photoz.hips.access.source import Source
from vo_photoz.hips.decode import BLOCK, Layout, Tile, decode_tile, empty_tile, layout_of

MAX_TILE_BYTES = 64_000_000
"""No tile of 2048 x 2048 doubles is larger; what is, is no tile."""
LOOKS = (BLOCK, 4 * BLOCK)
"""Bytes read of the first tile, to learn how its pixels lie; more when its header is a long one."""


@dataclass
class Held:
    """A tile in memory.

    Parameters
    ----------
    pixels : uint32 array, shape (width * width,)
        Read-only.
    have : int array, shape (m, 2), or None
        Which of them are known; all with None.
    origin : Content or None
        The version of the file, without its bytes.
    """

    pixels: Tile
    have: Ranges | None = None
    origin: Content | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, about."""
        if self.have is None:
            return self.pixels.nbytes
        known = int(self.have[-1, 1] - self.have[0, 0]) if len(self.have) else 0
        return min(self.pixels.nbytes, 4 * (known + 4 * math.isqrt(len(self.pixels))))

    def lacks(self, need: Ranges | None) -> bool:
        """Whether pixels that are needed (all with None) are not known."""
        return self.have is not None and (need is None or not covers(self.have, need))

    def add(self, other: Held) -> bool:
        """Take over the pixels of another; False when it is of another version of the file."""
        if self.have is None or other.have is None:
            self.pixels, self.have = other.pixels, other.have
            return True
        if not (self.origin and other.origin and self.origin.same_version(other.origin)):
            return False
        have = merged(np.concatenate([self.have, other.have]))
        pixels = empty_tile(math.isqrt(len(self.pixels)), have)
        for tile in (self, other):
            for start, stop in tile.have if tile.have is not None else ():
                pixels[start:stop] = tile.pixels[start:stop]
        pixels.setflags(write=False)
        # In this order: who sees that a pixel is known must find it.
        self.pixels = pixels
        self.have = have
        return True


class WebTiles:
    """Reads tiles from a source.

    Parameters
    ----------
    source : Source
        The servers.
    width : int
        Side of a tile, pixels.
    """

    def __init__(self, source: Source, width: int) -> None:
        self.source = source
        self.width = width
        self._layout: Layout | None = None
        self._whole_only = False
        self._lock = threading.Lock()

    def read(self, name: str, need: Ranges | None) -> Held | None:
        """A tile with the pixels that are needed (all with None); None where there is none.

        Raises
        ------
        SurveyError
            Raised if the tile is damaged, or the network is needed but forbidden.
        ServiceError
            Raised if it could not be fetched.
        """
        layout = self._known_layout(name) if need is not None else None
        if need is not None and layout is not None:
            lie = merged(np.concatenate([[[0, layout.start]], layout.start + need * layout.item]))
            found = self.source.take(
                name,
                lambda content: self._held(name, content, need),
                max_bytes=MAX_TILE_BYTES,
                wanted=lie,
                expected=layout.start + layout.item * self.width**2,
            )
            if found is None or not found.lacks(need):
                return found
        return self.source.take(
            name, lambda content: self._held(name, content, None), max_bytes=MAX_TILE_BYTES
        )

    def extend(self, held: Held, name: str, need: Ranges | None) -> None:
        """Fetch what a tile in memory lacks."""
        with held.lock:
            if not held.lacks(need):
                return
            have = held.have
            if need is not None and have is not None:
                both = merged(np.concatenate([have, need]))
                more = subtracted(need, have) if length(both) < WORTHWHILE * self.width**2 else None
            else:
                more = None
            found = self.read(name, more)
            if found is not None and not held.add(found):
                found = self.read(name, None)  # the file has changed
                if found is not None:
                    held.add(found)

    def _known_layout(self, name: str) -> Layout | None:
        """How pixels lie in the files, learned from the first tile; None when whole tiles have to be read."""
        if self._layout is not None or self._whole_only or not self.source.gives_parts:
            return self._layout if self.source.gives_parts else None
        with self._lock:
            for size in LOOKS:
                if self._layout is None and not self._whole_only:
                    self.source.take(
                        name,
                        self._learn,
                        max_bytes=MAX_TILE_BYTES,
                        wanted=np.array([[0, size]], dtype=np.int64),
                        expected=4 * self.width**2,
                    )
        return self._layout

    def _learn(self, content: Content) -> None:
        head = content.pieces[0][1] if content.pieces else b""
        self._layout = layout_of(head, self.width)
        self._whole_only = self._layout is None and len(head) >= LOOKS[-1]

    def _held(self, name: str, content: Content, need: Ranges | None) -> Held:
        """Pixels of what was read, by the header of this very tile."""
        if need is None or content.is_whole:
            return Held(decode_tile(content.whole(), self.width, content.url or name))
        layout = layout_of(content.pieces[0][1], self.width) if content.pieces[0][0] == 0 else None
        have, count = NO_RANGES, self.width**2
        if layout is not None and content.total >= layout.start + layout.item * count:
            have = layout.pixels_of(content.ranges, count)
        pixels = empty_tile(self.width, have)
        if layout is not None and len(have):
            for start, data in content.pieces:
                layout.fill(pixels, start, data)
        pixels.setflags(write=False)
        return Held(pixels, have, content.without_bytes())
