"""Files of a HiPS: in a folder, or on a web server and its mirrors, with a cache on disk."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import numpy as np

from vo_photoz import http
from vo_photoz.errors import PhotozError, ProtocolError, ServiceError, SurveyError, TransientError
from vo_photoz.hips.cache import Cache, Content, join, user_cache
from vo_photoz.hips.ranges import WORTHWHILE, Ranges, length, merged, requests_for, subtracted
from vo_photoz.hips.traffic import Traffic
from vo_photoz.settings import defaults

log = logging.getLogger(__name__)
RETRY_SECONDS = 30.0
"""What failed is not asked for again before this time is over."""
FAILURES_IN_A_ROW = 8
"""After so many failures, one upon the other, all servers are left alone for a while."""
DAMAGED_TRIES = 4
"""How often a server is asked for a file that arrives damaged."""
MISSING_403 = "#missing=403"
"""End of an address whose server answers 403 where there is no file."""
MANY, ONE, NONE = 2, 1, 0
"""How many parts of a file a server gives in one answer."""
NOTHING_KEPT = Cache(Path(), max_bytes=0, days=0)
S3_HEADERS = ("x-amz-request-id", "x-guploader-uploadid")
"""Stores of objects answer 403 for a missing one to whoever may not list them."""

T = TypeVar("T")


def local_folder(address: str) -> Path | None:
    """Folder of an address (a path or file://), None for a web address."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        return None
    return Path(unquote(parts.path)) if parts.scheme == "file" else Path(address).expanduser()


def file_url(address: str, name: str) -> str:
    """Path or address of a file of a HiPS."""
    return f"{address.removesuffix(MISSING_403).rstrip('/')}/{name}"


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
        self._seconds = seconds
        self._always_ask = always_ask
        self._addresses = list(addresses[:1] if self.folder else addresses)
        self._parts = dict.fromkeys(self._addresses, MANY)
        self._cache = NOTHING_KEPT if self.folder else user_cache()
        self._failures = 0
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def url_of(self, name: str) -> str:
        """Path or address of a file."""
        return file_url(self._addresses[0], name)

    @property
    def gives_parts(self) -> bool:
        """Whether parts of files can be had, as far as is known."""
        return self.folder is None and self._parts[self._addresses[0]] != NONE

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
        path = self.folder / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SurveyError(f"{path} cannot be read: {error.strerror}.", url=str(path)) from None

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
        job = _Job(name, wanted, expected, max_bytes)
        kept = [self._cache.get(file_url(address, name)) for address in self._addresses]
        known = {one.url: one for one in kept if one is not None}
        for content in known.values():
            if (self.offline or self._is_fresh(content)) and content.has(wanted):
                self.traffic.hit(name)
                return self._used(name, content, use)
        if self.offline:
            raise SurveyError(
                f"{self.url_of(name)} is needed, but it is not in the cache and the network is forbidden.",
                advice="Leave out --offline or use a survey on disk.",
                url=self.url_of(name),
            )
        try:
            return self._from_servers(job, use, known)
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

    def _from_servers(self, job: _Job, use: Callable[[Content], T], known: dict[str, Content]) -> T | None:
        """A file of the first server that has it undamaged."""
        self._need_open(job.name)
        failure: PhotozError | None = None
        for address in list(self._addresses):
            try:
                found = self._from(address, job, use, known.get(file_url(address, job.name)))
            except (ServiceError, SurveyError) as error:
                failure = failure or error
            else:
                self._worked(address)
                return found
        if isinstance(failure, ServiceError):
            self._failed()
        raise failure or AssertionError("not reached: there is an address")

    def _from(self, address: str, job: _Job, use: Callable[[Content], T], kept: Content | None) -> T | None:
        """A file of one server, asked for again while it arrives damaged."""
        for attempt in range(DAMAGED_TRIES):
            try:
                content = self._fetch(address, job, kept)
                found = self._used(job.name, content, use)
            except (SurveyError, ProtocolError):
                if attempt == DAMAGED_TRIES - 1:
                    raise
                kept = None  # perhaps that was the damaged part
                time.sleep(0.05 * 2**attempt)
            else:
                if content is not kept:
                    self._cache.put(content)
                self._learn(address, content.refused)
                return found
        raise AssertionError("not reached: the last attempt returns or raises")

    def _fetch(self, address: str, job: _Job, kept: Content | None) -> Content:
        """Content with the bytes that are wanted, of what is kept and what the server has."""
        if kept is not None and not self._is_fresh(kept):
            kept = self._revalidated(address, job, kept)
        if kept is not None and kept.has(job.wanted):
            return kept
        if job.wanted is None or kept is None or not (kept.etag or kept.modified):
            return self._get(address, job, job.wanted)
        if length(merged(np.concatenate([kept.ranges, job.wanted]))) > WORTHWHILE * job.expected:
            return self._get(address, job, None)
        rest = self._get(address, job, subtracted(job.wanted, kept.ranges))
        if rest.same_version(kept):
            return rest.joined(kept)
        return rest if rest.has(job.wanted) else self._get(address, job, job.wanted)

    def _revalidated(self, address: str, job: _Job, kept: Content) -> Content | None:
        """What is kept, when the server says that it is unchanged; else a part of the new file."""
        conditions = {"If-None-Match": kept.etag, "If-Modified-Since": kept.modified}
        headers = {key: value for key, value in conditions.items() if value}
        if not headers:
            return None
        parts = [] if kept.is_whole else [(int(start), int(stop)) for start, stop in kept.ranges[:1]]
        answer = self._ask(address, job, parts, headers)
        if answer is not None and answer.status == http.UNCHANGED:
            self._cache.confirm(kept)
            return kept
        return _content(file_url(address, job.name), answer, len(parts))

    def _get(self, address: str, job: _Job, wanted: Ranges | None) -> Content:
        """Fetch parts of a file in as many requests as it takes, or all of it."""
        url, level = file_url(address, job.name), self._parts[address]
        asked: list[list[tuple[int, int]]] | None = None
        if wanted is not None and level != NONE:
            asked = requests_for(wanted, job.expected, many=level == MANY)
        found: Content | None = None
        for parts in asked or []:
            content = _content(url, self._ask(address, job, parts), len(parts))
            if content is None:
                break
            if content.is_missing or content.is_whole:
                return content
            if found is not None and not found.same_version(content):
                break  # the file changed between two requests
            found = content if found is None else found.joined(content)
        if found is not None and found.has(wanted):
            return found
        content = _content(url, self._ask(address, job, []))
        if content is None:
            raise ProtocolError(f"{url} was asked for as a whole and came in parts.", url=url)
        return content

    def _ask(
        self,
        address: str,
        job: _Job,
        parts: Sequence[tuple[int, int]],
        headers: Mapping[str, str] | None = None,
    ) -> http.Answer | None:
        return http.get_ranges(
            file_url(address, job.name),
            parts,
            seconds=self._seconds or defaults().http_seconds,
            max_bytes=job.max_bytes,
            headers=headers,
            missing=partial(_is_missing, forbidden=address.endswith(MISSING_403)),
            meter=self.traffic.moved,
        )

    def _learn(self, address: str, refused: int) -> None:
        """Remember that a server sent all of a file when it was asked for so many parts."""
        if refused:
            with self._lock:
                few = ONE if refused > 1 else NONE
                self._parts[address] = min(self._parts[address], few)

    def _need_open(self, name: str) -> None:
        if time.monotonic() < self._closed_until:
            raise TransientError(
                f"{self._addresses[0]} failed {FAILURES_IN_A_ROW} times in a row and is left alone now.",
                url=self.url_of(name),
            )

    def _worked(self, address: str) -> None:
        with self._lock:
            self._failures = 0
            if self._addresses[0] != address:  # from now on this mirror is asked first
                self._addresses.sort(key=lambda one: one != address)

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._failures = 0
                self._closed_until = time.monotonic() + RETRY_SECONDS


@dataclass(frozen=True)
class _Job:
    """A file that is wanted: see `Source.take`."""

    name: str
    wanted: Ranges | None
    expected: int
    max_bytes: int


def _is_missing(status: int, headers: Mapping[str, str], *, forbidden: bool) -> bool:
    if status == http.FORBIDDEN:
        return forbidden or any(name in headers for name in S3_HEADERS)
    return status in http.GONE


def _content(url: str, answer: http.Answer | None, asked: int = 0) -> Content | None:
    """What an answer says of a file; None when it does not say which part of what it is."""
    if answer is None:
        return Content(url, (), -1)
    if answer.total is None:
        return None
    refused = asked if answer.status == http.WHOLE else 0
    return Content(url, join(answer.pieces), answer.total, answer.etag, answer.modified, refused=refused)
