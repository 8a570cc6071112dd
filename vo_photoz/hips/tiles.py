"""Where tiles come from: a folder or a web server, and a bounded memory of those read."""

from __future__ import annotations

import mmap
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from vo_photoz.hips.decode import GZIP, Tile, decode_tile, is_plain, read_header
from vo_photoz.hips.ranges import Needs, Ranges
from vo_photoz.hips.source import RETRY_SECONDS, Source
from vo_photoz.hips.web_tiles import MAX_TILE_BYTES, Held, WebTiles
from vo_photoz.settings import defaults

MAPPED_WIDTH = 256
"""Smaller tiles are read, not mapped: every mapped file keeps one of the few file handles of a process."""


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
    max_tiles : int
        How many are kept; the least recently used goes first. 0 takes what fits into about 64 MB, or a few
        when they are mapped.
    """

    def __init__(self, source: Source, width: int, *, max_tiles: int = 0) -> None:
        self.source = source
        self.width = width
        self.folder = source.folder
        self.mapped = self.folder is not None and width >= MAPPED_WIDTH
        self.max_tiles = max_tiles or (8 if self.mapped else max(32, (1 << 24) // width**2))
        self._web = WebTiles(source, width)
        self._kept: OrderedDict[tuple[int, int], Future[Held | None]] = OrderedDict()
        self._retry_after: dict[tuple[int, int], float] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

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
        future, mine = self._future(order, number)
        if mine:
            try:
                future.set_result(self._read(order, number, need))
            except BaseException as error:  # noqa: BLE001 - whoever waits for this tile learns why
                self._retry_after[order, number] = time.monotonic() + RETRY_SECONDS
                future.set_exception(error)
        held = future.result()
        if held is not None and held.lacks(need):
            self._web.extend(held, tile_path(order, number), need)
        return None if held is None else held.pixels

    def _future(self, order: int, number: int) -> tuple[Future[Held | None], bool]:
        """The tile, present or to come, and whether the caller has to read it."""
        key = order, number
        with self._lock:
            future = self._kept.get(key)
            if future is not None and time.monotonic() < self._retry_after.get(key, float("inf")):
                self._kept.move_to_end(key)
                return future, False
            self._retry_after.pop(key, None)
            future = self._kept[key] = Future()
            while len(self._kept) > self.max_tiles:
                old, _ = self._kept.popitem(last=False)
                self._retry_after.pop(old, None)
            return future, True

    @property
    def ahead(self) -> int:
        """How many tiles may be fetched before they are used, with room for the other threads."""
        return self.max_tiles // 4

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
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(defaults().http_connections, thread_name_prefix="tiles")
        for number in numbers:
            self._pool.submit(self._get_quietly, order, number, None if needs is None else needs[number])

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
