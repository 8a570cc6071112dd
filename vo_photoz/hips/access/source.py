"""Files of a HiPS: in a folder, or on a web server and its mirrors, with a cache on disk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from vo_photoz.errors import PhotozError, ServiceError, SurveyError, TransientError
from vo_photoz.hips.access.cache import Cache, Content, user_cache
from vo_photoz.hips.access.cloud import is_cloud
from vo_photoz.hips.access.ranges import Ranges
from vo_photoz.hips.access.server import NONE, TRIES, TRIES_BEFORE_A_MIRROR, Server, Wish, file_url
from vo_photoz.hips.access.traffic import Traffic

log = logging.getLogger(__name__)
RETRY_SECONDS = 30.0
"""What failed is not asked for again before this time is over."""
FAILURES_IN_A_ROW = 8
"""After so many failures, one upon the other, all servers are left alone for a while."""
NOTHING_KEPT = Cache(Path(), max_bytes=0, days=0)

T = TypeVar("T")


def local_folder(address: str) -> Path | None:
    """Folder of an address (a path or file://), None for a web address."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https") or is_cloud(address):
        return None
    return Path(unquote(parts.path)) if parts.scheme == "file" else Path(address).expanduser()


def read_file(
    address: str, name: str, *, offline: bool = False, max_bytes: int, seconds: float = 0
) -> bytes | None:
    """A file of a HiPS, None where there is none. Of a server, it is asked whether the file has changed.

    Parameters
    ----------
    address, name : str
        The HiPS, and the file below it.
    offline : bool
        Refuse the network: only files fetched before are given.
    max_bytes : int
        Largest file that is taken from a server.
    seconds : float
        Total time for a server; 0 takes that of the settings.

    Raises
    ------
    SurveyError
        Raised if a local file cannot be read, or the network is needed but forbidden.
    ServiceError
        Raised if the server fails.
    """
    source = Source([address], offline=offline, seconds=seconds, always_ask=True)
    return source.read(name, max_bytes=max_bytes)


class Source:
    """Files of one HiPS. A server that fails is replaced by a mirror; when all fail, they are left alone.

    Parameters
    ----------
    addresses : sequence of str
        The address in use, then its mirrors. A folder has none.
    offline : bool
        Refuse the network: only what the cache has is given.
    seconds : float
        Total time for one file of one server; 0 takes that of the settings.
    always_ask : bool
        Ask the server whether a file in the cache is still the same, however fresh it is.
    """

    def __init__(
        self, addresses: Sequence[str], *, offline: bool = False, seconds: float = 0, always_ask: bool = False
    ) -> None:
        self.folder = local_folder(addresses[0])
        self.offline = offline
        self.traffic = Traffic()
        self._always_ask = always_ask
        self._cache = NOTHING_KEPT if self.folder else user_cache()
        self._servers: list[Server | _Folder] = []
        for address in addresses[:1] if self.folder else addresses:
            folder = local_folder(address)
            server = Server(address, self._cache, self.traffic, seconds)
            self._servers.append(server if folder is None else _Folder(address, folder))
        self._failures = 0
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def url_of(self, name: str) -> str:
        """Path or address of a file."""
        return file_url(self._servers[0].address, name)

    @property
    def gives_parts(self) -> bool:
        """Whether parts of files can be had, as far as is known."""
        return self.folder is None and self._servers[0].parts != NONE

    def read(self, name: str, *, max_bytes: int) -> bytes | None:
        """A whole file, None where there is none.

        Raises
        ------
        SurveyError
            Raised if a local file cannot be read, or the network is needed but forbidden.
        ServiceError
            Raised if all servers fail, or failed so often that they are not asked now.
        """
        if self.folder is None:
            return self.take(name, Content.whole, max_bytes=max_bytes)
        return _read(self.folder / name)

    def take(
        self,
        name: str,
        use: Callable[[Content], T],
        *,
        max_bytes: int,
        wanted: Ranges | None = None,
        expected: int = 0,
    ) -> T | None:
        """What ``use`` makes of a file of a server; None where there is no such file.

        Parameters
        ----------
        name : str
            The file.
        use : callable
            Takes a content; raises SurveyError when it is damaged. The file is then fetched again, in the end
            from a mirror.
        max_bytes : int
            Largest file that is taken.
        wanted : int array, shape (m, 2), or None
            Bytes that the content has to have; all with None, or when that is cheaper.
        expected : int
            About how large the file is.

        Raises
        ------
        SurveyError
            Raised if the file is damaged everywhere, or the network is needed but forbidden.
        ServiceError
            Raised if all servers fail, or failed so often that they are not asked now.
        """
        wish = Wish(name, wanted, expected, max_bytes)
        kept = [self._cache.get(file_url(server.address, name)) for server in self._servers]
        known = {one.url: one for one in kept if one is not None}
        for content in known.values():
            if (self.offline or self._is_fresh(content)) and content.has(wanted):
                try:
                    found = self._used(name, content, use)
                except SurveyError:  # it was no tile: perhaps the server has mended it
                    self._cache.drop(content.url)
                    continue
                self.traffic.hit(name)
                return found
        if self.offline:
            raise SurveyError(
                f"{self.url_of(name)} is needed, but it is not in the cache and the network is forbidden.",
                advice="Leave out --offline or use a survey on disk.",
                url=self.url_of(name),
            )
        try:
            return self._from_servers(wish, use, known)
        except ServiceError as error:
            for content in known.values():
                if not self._always_ask and content.has(wanted):
                    log.warning("%s The older one in the cache is used.", error)
                    return self._used(name, content, use)
            raise

    def _is_fresh(self, content: Content) -> bool:
        return content.fresh and not self._always_ask

    def _used(self, name: str, content: Content, use: Callable[[Content], T]) -> T | None:
        if content.is_missing:
            return None
        found = use(content)
        self.traffic.used(name, content.total)
        return found

    def _from_servers(self, wish: Wish, use: Callable[[Content], T], known: dict[str, Content]) -> T | None:
        """A file of the first server that has it undamaged."""
        self._need_open(wish.name)
        failure: PhotozError | None = None
        servers = list(self._servers)
        for server in servers:
            tries = TRIES if server is servers[-1] else TRIES_BEFORE_A_MIRROR
            kept = known.get(file_url(server.address, wish.name))
            try:
                fresh = kept is not None and self._is_fresh(kept)
                found = server.take(replace(wish, tries=tries), use, kept, fresh=fresh)
            except (ServiceError, SurveyError) as error:
                failure = failure or error
            else:
                self._worked(server)
                return found
        if isinstance(failure, ServiceError):
            self._failed()
        raise failure or AssertionError("not reached: there is an address")

    def _need_open(self, name: str) -> None:
        if time.monotonic() < self._closed_until:
            url, often = self.url_of(name), FAILURES_IN_A_ROW
            raise TransientError(f"{url} is not asked for: its servers failed {often} times.", url=url)

    def _worked(self, server: Server | _Folder) -> None:
        with self._lock:
            self._failures = 0
            if self._servers[0] is not server:  # from now on this mirror is asked first
                self._servers.sort(key=lambda one: one is not server)

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._failures = 0
                self._closed_until = time.monotonic() + RETRY_SECONDS


class _Folder:
    """A mirror on disk."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.parts = NONE
        self._folder = folder

    def take(self, wish: Wish, use: Callable[[Content], T], _: Content | None, *, fresh: bool) -> T | None:  # noqa: ARG002
        """As `Server.take`; always the whole file."""
        path = self._folder / wish.name
        data = _read(path)
        return None if data is None else use(Content(str(path), ((0, data),), len(data)))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SurveyError(f"{path} cannot be read: {error.strerror}.", url=str(path)) from None
