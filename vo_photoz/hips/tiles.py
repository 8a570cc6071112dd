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
from vo_photoz.hips.source import RETRY_SECONDS, Source
from vo_photoz.settings import defaults

MAX_TILE_BYTES = 64_000_000
"""No tile of 2048 x 2048 doubles is larger; what is, is no tile."""
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
        How many are kept; the least recently used goes first. 0 takes what fits into about 128 MB, or a few
        when they are mapped.
    """

    def __init__(self, source: Source, width: int, *, max_tiles: int = 0) -> None:
        self.source = source
        self.width = width
        self.folder = source.folder
        self.mapped = self.folder is not None and width >= MAPPED_WIDTH
        self.max_tiles = max_tiles or (32 if self.mapped else max(32, (1 << 25) // width**2))
        self._kept: OrderedDict[tuple[int, int], Future[Tile | None]] = OrderedDict()
        self._retry_after: dict[tuple[int, int], float] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def get(self, order: int, number: int) -> Tile | None:
        """Pixels of a tile; None where the HiPS has none.

        Raises
        ------
        SurveyError
            Raised if the tile is damaged.
        ServiceError
            Raised if it could not be fetched.
        """
        future, mine = self._future(order, number)
        if mine:
            try:
                future.set_result(self._read(order, number))
            except BaseException as error:  # noqa: BLE001 - whoever waits for this tile learns why
                self._retry_after[order, number] = time.monotonic() + RETRY_SECONDS
                future.set_exception(error)
        return future.result()

    def _future(self, order: int, number: int) -> tuple[Future[Tile | None], bool]:
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

    def prefetch(self, order: int, numbers: Iterable[int]) -> None:
        """Start to fetch tiles from a server, several at a time; for a folder there is nothing to do."""
        if self.folder is not None:
            return
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(defaults().http_connections, thread_name_prefix="tiles")
        for number in numbers:
            self._pool.submit(self._get_quietly, order, number)

    def _get_quietly(self, order: int, number: int) -> None:
        try:
            self.get(order, number)
        except Exception:  # noqa: BLE001 - the one who needs the tile asks again and tells the error
            return

    def _read(self, order: int, number: int) -> Tile | None:
        name = tile_path(order, number)
        if self.folder is not None and self.mapped:
            mapped = self._mapped(self.folder / name)
            if mapped is not None:
                return mapped
        data = self.source.read(name, max_bytes=MAX_TILE_BYTES)
        return None if data is None else decode_tile(data, self.width, self.source.url_of(name))

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
