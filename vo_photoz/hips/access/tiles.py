"""Where tiles come from: a folder or a web server; those read stay in a bounded memory for a while."""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np

from vo_photoz.hips.access.ranges import Needs, Ranges
from vo_photoz.hips.access.source import RETRY_SECONDS, Source
from vo_photoz.hips.access.tile_memory import LEAST_BYTES, SHARED_BYTES, Place, TileMemory
from vo_photoz.hips.access.web_tiles import MAX_TILE_BYTES, Held, WebTiles
from vo_photoz.hips.decode import GZIP, Tile, decode_tile, is_plain, read_header
from vo_photoz.settings import defaults

MAPPED_WIDTH = 256
"""Smaller tiles are read, not mapped: every mapped file keeps one of the few file handles of a process."""
MAPPED_TILES = 8
"""Of a HiPS in a folder; a tile is mapped again in no time."""
AHEAD = 2, 16
"""Tiles that are fetched before they are used: at least, at most. More would delay what is needed next."""

_shared: TileMemory[Held | None] = TileMemory(SHARED_BYTES)
_numbers = count()


@cache
def _fetchers(threads: int) -> ThreadPoolExecutor:
    """Threads that fetch for all HiPS of the process: bands of one server share its connections anyway."""
    return ThreadPoolExecutor(threads, thread_name_prefix="tiles")


def tile_path(order: int, number: int, extension: str = "fits") -> str:
    """Path of a tile inside a HiPS: ``NorderK/DirD/NpixN.ext``."""
    return f"Norder{order}/Dir{number // 10000 * 10000}/Npix{number}.{extension}"


class TileStore:
    """Tiles of one HiPS, each read once while it is in use by the neighbours of a position.

    Parameters
    ----------
    source : Source
        Where the files are.
    width : int
        Side of a tile, pixels.
    memory : TileMemory or None
        Where tiles are kept. None takes the one that is shared by all HiPS of the process, or one for a few
        tiles if they are mapped.
    """

    def __init__(self, source: Source, width: int, memory: TileMemory[Held | None] | None = None) -> None:
        self.source = source
        self.width = width
        self.folder = source.folder
        self.mapped = self.folder is not None and width >= MAPPED_WIDTH
        self._latest = 4 * width**2
        if memory is None:
            memory = TileMemory(MAPPED_TILES * self._latest) if self.mapped else _shared
        self._memory = memory
        self._memory.join(self)
        self._me = next(_numbers)
        self._web = WebTiles(source, width)

    def get(self, order: int, number: int, needs: Needs | None = None) -> Tile | None:
        """Pixels of a tile; None where the HiPS has none.

        Parameters
        ----------
        order, number : int
            The tile.
        needs : Needs or None
            The pixels that will be used: of a tile on a server, only those are sure to be there. None: all.

        Raises
        ------
        SurveyError
            Raised if the tile is damaged.
        ServiceError
            Raised if it could not be fetched.
        """
        return self._get(order, number, None if needs is None or self.folder else needs[number])

    def _get(self, order: int, number: int, need: Ranges | None) -> Tile | None:
        key = self._me, order, number
        place, mine = self._memory.find(key)
        if mine:
            try:
                found = self._read(order, number, need)
            except BaseException as error:  # noqa: BLE001 - whoever waits for this tile learns why
                place.until = time.monotonic() + RETRY_SECONDS
                place.tile.set_exception(error)
                self._memory.weigh(key, place, LEAST_BYTES)
            else:
                place.tile.set_result(found)
                self._weigh(key, place, found)
        held = place.tile.result()
        if held is not None and held.lacks(need):
            self._web.extend(held, tile_path(order, number), need)
            self._weigh(key, place, held)
        return None if held is None else held.pixels

    def _weigh(self, key: tuple[int, int, int], place: Place[Held | None], held: Held | None) -> None:
        size = 0 if held is None else held.size
        self._latest = max(size, LEAST_BYTES)
        self._memory.weigh(key, place, size)

    @property
    def ahead(self) -> int:
        """How many tiles may be fetched before they are used, with room for other threads and bands."""
        least, most = AHEAD
        return min(max(self._memory.share // (4 * self._latest), least), most)

    def prefetch(self, order: int, numbers: Iterable[int], needs: Needs | None = None) -> None:
        """Start to fetch tiles from a server, several at a time; for a folder there is nothing to do.

        Parameters
        ----------
        order, numbers : int, iterable of int
            The tiles.
        needs : Needs or None
            The pixels that will be used; None: all.
        """
        if self.folder is not None:
            return
        pool = _fetchers(defaults().http_connections)
        for number in numbers:
            pool.submit(self._get_quietly, order, number, None if needs is None else needs[number])

    def _get_quietly(self, order: int, number: int, need: Ranges | None) -> None:
        try:
            self._get(order, number, need)
        except Exception:  # noqa: BLE001 - the one who needs the tile asks again and tells the error
            return

    def _read(self, order: int, number: int, need: Ranges | None) -> Held | None:
        name = tile_path(order, number)
        if self.folder is None:
            return self._web.read(name, need)
        mapped = self._mapped(self.folder / name) if self.mapped else None
        if mapped is not None:
            return Held(mapped)
        data = self.source.read(name, max_bytes=MAX_TILE_BYTES)
        return None if data is None else Held(decode_tile(data, self.width, self.source.url_of(name)))

    def _mapped(self, path: Path) -> Tile | None:
        """Pixels mapped into memory, when they can be used as they lie in the file."""
        try:
            with path.open("rb") as file:
                view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # missing, empty or not a plain file: the slow way tells which
            return None
        if view[:2] == GZIP or view[:6] != b"SIMPLE":
            return None
        header, start = read_header(memoryview(view), str(path))
        if not is_plain(header, self.width) or len(view) < start + 4 * self.width**2:
            return None
        return np.frombuffer(view, dtype=np.uint32, count=self.width**2, offset=start)
