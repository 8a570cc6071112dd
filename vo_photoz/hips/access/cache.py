"""Files of surveys, or parts of them, kept on disk: checked when read, shared by processes, bounded in size.

An entry is one file. It is written beside its place and moved into it, so that nobody ever sees half of
one, and begins with a digest of all that follows: what a failing disk or a killed process leaves is thrown
away, not used. No process waits for another: of two that write the same entry the last one wins.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from vo_photoz.hips.access.ranges import NO_RANGES, Ranges, covers, merged
from vo_photoz.settings import defaults

log = logging.getLogger(__name__)
MAGIC = b"vo_photoz tile 1 "
PART = ".part-"
ABANDONED_SECONDS = 3600
"""Age of a file that a killed process left half written."""
FILLED = 0.9
"""Share of the size that is left after the oldest entries were removed."""
DAY = 86_400


@dataclass(frozen=True)
class Content:
    """A file of a server, or what is known of it.

    Parameters
    ----------
    url : str
        Its address.
    pieces : tuple of (int, bytes)
        Places in the file, ascending and apart, and the bytes there.
    total : int
        Size of the whole file; -1: there is no such file.
    etag, modified : str
        Validators of the server, empty where it gives none.
    fresh : bool
        Whether it may be used without asking the server.
    refused : int
        How many parts were asked for when the server sent all of it instead; 0 when it did not.
    """

    url: str
    pieces: tuple[tuple[int, bytes], ...]
    total: int
    etag: str = ""
    modified: str = ""
    fresh: bool = True
    refused: int = 0

    @property
    def is_missing(self) -> bool:
        """Whether the server has no such file."""
        return self.total < 0

    @property
    def ranges(self) -> Ranges:
        """Bytes that are there."""
        if not self.pieces:
            return NO_RANGES
        return merged(np.array([(start, start + len(data)) for start, data in self.pieces], dtype=np.int64))

    @property
    def is_whole(self) -> bool:
        """Whether all of the file is there."""
        return not self.is_missing and covers(self.ranges, np.array([[0, self.total]], dtype=np.int64))

    def has(self, wanted: Ranges | None) -> bool:
        """Whether these bytes are there, or all with None; of a file that is not there, there is no more."""
        if self.is_missing:
            return True
        return self.is_whole if wanted is None else covers(self.ranges, wanted)

    def same_version(self, other: Content) -> bool:
        """Whether both are of one version of the file, as far as the server tells."""
        mine, theirs = (self.total, self.etag, self.modified), (other.total, other.etag, other.modified)
        return self.url == other.url and mine == theirs

    def without_bytes(self) -> Content:
        """Only what tells the version of the file."""
        return replace(self, pieces=())

    def joined(self, other: Content) -> Content:
        """Pieces of both; they must be of the same version."""
        return replace(other, pieces=join([*self.pieces, *other.pieces]))

    def whole(self) -> bytes:
        """All bytes of a file that is there as a whole."""
        return self.pieces[0][1] if len(self.pieces) == 1 else b"".join(data for _, data in join(self.pieces))


def join(pieces: list[tuple[int, bytes]] | tuple[tuple[int, bytes], ...]) -> tuple[tuple[int, bytes], ...]:
    """Pieces in order, those that touch or overlap made one."""
    out: list[tuple[int, bytearray]] = []
    for start, data in sorted(pieces, key=lambda piece: piece[0]):
        if out and start <= out[-1][0] + len(out[-1][1]):
            out[-1][1].extend(data[out[-1][0] + len(out[-1][1]) - start :])
        else:
            out.append((start, bytearray(data)))
    return tuple((start, bytes(data)) for start, data in out)


class Cache:
    """Contents on disk.

    Parameters
    ----------
    folder : Path
        Where the entries are; made when the first is written.
    max_bytes : int
        Most bytes that are kept; the entries that were not read for the longest time go first.
    days : float
        Age at which an entry is no longer fresh.
    """

    def __init__(self, folder: Path, *, max_bytes: int, days: float) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.days = days
        self._writable = max_bytes > 0
        self._until_count = 0
        self._counting = threading.Lock()

    def path_of(self, url: str) -> Path:
        """Where the entry of an address is."""
        name = hashlib.blake2b(url.encode(), digest_size=20).hexdigest()
        return self.folder / name[:2] / name

    def get(self, url: str) -> Content | None:
        """What is kept of a file, None where nothing is."""
        path = self.path_of(url)
        try:
            data, known = path.read_bytes(), path.stat()
        except OSError:
            return None
        content = _unpacked(data)
        if content is None or content.url != url:
            log.warning("The cache file %s was damaged and is not used.", path)
            self.drop(url)
            return None
        # The access time is the order of removal, the other one says when the server was asked.
        with contextlib.suppress(OSError):  # another process removed it, or the disk is read-only
            os.utime(path, ns=(time.time_ns(), known.st_mtime_ns))
        return replace(content, fresh=time.time() - known.st_mtime < self.days * DAY)

    def put(self, content: Content) -> None:
        """Keep a content instead of what was there. A disk that fails ends the writing, not the run."""
        if not self._writable:
            return
        path, data = self.path_of(content.url), _packed(content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, data)
        except OSError as error:
            self._give_up(error)
            return
        self._until_count -= len(data)
        if self._until_count <= 0 and self._counting.acquire(blocking=False):
            try:
                self._shrink()
            finally:
                self._counting.release()

    def confirm(self, content: Content) -> None:
        """The server says that what is kept is unchanged: it is fresh again."""
        try:
            os.utime(self.path_of(content.url))
        except OSError:
            return  # it is gone, or the disk is read-only: the server is asked again next time

    def drop(self, url: str) -> None:
        """Forget a file."""
        try:
            self.path_of(url).unlink(missing_ok=True)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        with self._counting:
            if not self._writable:
                return
            self._writable = False
        why = "it is full" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else error.strerror
        log.warning(
            "The tile cache %s cannot be written (%s): this run goes on without it.", self.folder, why
        )

    def _shrink(self) -> None:
        """Remove what was read longest ago when there are too many bytes, and what was left half written."""
        entries, now = [], time.time()
        for path in self.folder.glob("??/*"):
            try:
                known = path.stat()
                if PART not in path.name:
                    entries.append((known.st_atime_ns, known.st_size, path))
                elif now - known.st_mtime > ABANDONED_SECONDS:
                    path.unlink()
            except OSError:
                continue  # another process removed it
        size = sum(entry[1] for entry in entries)
        if size > self.max_bytes:
            for _, bytes_there, path in sorted(entries):
                if size <= FILLED * self.max_bytes:
                    break
                with contextlib.suppress(OSError):  # another process removed it, or may not
                    path.unlink()
                size -= bytes_there
        # Other processes write too: half of the room is filled before the entries are counted again.
        self._until_count = max((self.max_bytes - size) // 2, self.max_bytes // 50)


@cache
def _cache_at(folder: Path, max_bytes: int, days: float) -> Cache:
    return Cache(folder, max_bytes=max_bytes, days=days)


def user_cache() -> Cache:
    """The cache of this user, as the settings say."""
    chosen = defaults()
    return _cache_at(chosen.cache_dir / "tiles", chosen.cache_max_bytes, chosen.cache_days)


def _write(path: Path, data: bytes) -> None:
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name[:8]}{PART}")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _packed(content: Content) -> bytes:
    """Bytes of an entry: digest, then one line that describes, then the pieces."""
    about = {
        "url": content.url,
        "total": content.total,
        "etag": content.etag,
        "modified": content.modified,
        "pieces": [[start, len(data)] for start, data in content.pieces],
    }
    body = b"".join([json.dumps(about).encode(), b"\n", *(data for _, data in content.pieces)])
    return MAGIC + hashlib.blake2b(body, digest_size=20).hexdigest().encode() + b"\n" + body


def _unpacked(data: bytes) -> Content | None:
    """Content of an entry, None when its bytes are not what was written."""
    first, _, body = data.partition(b"\n")
    if first != MAGIC + hashlib.blake2b(body, digest_size=20).hexdigest().encode():
        return None
    line, _, rest = body.partition(b"\n")
    about, place, pieces = json.loads(line), 0, []
    for start, size in about["pieces"]:
        pieces.append((int(start), rest[place : place + size]))
        place += size
    return Content(about["url"], tuple(pieces), about["total"], about["etag"], about["modified"])
