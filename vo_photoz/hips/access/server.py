"""One web server of a HiPS: parts of files as far as it gives them, damaged answers asked for again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from vo_photoz import http
from vo_photoz.errors import ProtocolError, SurveyError
from vo_photoz.hips.access.cache import Cache, Content, join
from vo_photoz.hips.access.cloud import get_ranges as get_from_store
from vo_photoz.hips.access.cloud import is_cloud
from vo_photoz.hips.access.ranges import WORTHWHILE, Ranges, length, merged, requests_for, subtracted
from vo_photoz.hips.access.traffic import Traffic
from vo_photoz.settings import defaults

TRIES = 4
"""How often a server is asked for a file that arrives damaged, or not at all."""
TRIES_BEFORE_A_MIRROR = 2
"""The same where another server can be asked."""
BROKEN_PARTS = 3
"""After so many files, one upon the other, that came only as a whole, no parts are asked for."""
MISSING_403 = "#missing=403"
"""End of an address whose server answers 403 where there is no file."""
S3_HEADERS = ("x-amz-request-id", "x-guploader-uploadid")
"""Stores of objects answer 403 for a missing one to whoever may not list them."""
MANY, ONE, NONE = 2, 1, 0
"""How many parts of a file a server gives in one answer."""

T = TypeVar("T")


@dataclass(frozen=True)
class Wish:
    """A file that is wanted.

    Parameters
    ----------
    name : str
        The file, below the address of the HiPS.
    wanted : int array, shape (m, 2), or None
        Bytes that are needed; None: all.
    expected : int
        About how large the file is.
    max_bytes : int
        Largest file that is taken.
    tries : int
        How often a server is asked for what fails or is damaged.
    """

    name: str
    wanted: Ranges | None
    expected: int
    max_bytes: int
    tries: int = TRIES


def file_url(address: str, name: str) -> str:
    """Path or address of a file of a HiPS."""
    return f"{address.removesuffix(MISSING_403).rstrip('/')}/{name}"


class Server:
    """Files of a HiPS at one address.

    Parameters
    ----------
    address : str
        http(s), s3 or gs address of the HiPS, perhaps with `MISSING_403` at its end.
    cache : Cache
        Where what was fetched is kept.
    traffic : Traffic
        Counts what is moved.
    seconds : float
        Total time for a file; 0 takes that of the settings.
    """

    def __init__(self, address: str, cache: Cache, traffic: Traffic, seconds: float = 0) -> None:
        self.address = address
        self.parts = MANY
        self._broken = 0
        self._cache = cache
        self._traffic = traffic
        self._seconds = seconds
        self._lock = threading.Lock()

    def take(self, wish: Wish, use: Callable[[Content], T], kept: Content | None, *, fresh: bool) -> T | None:
        """What ``use`` makes of a file, asked for again while it arrives damaged; None where there is none.

        Parameters
        ----------
        wish : Wish
            The file.
        use : callable
            Raises SurveyError when the content is damaged.
        kept : Content or None
            What the cache has of it.
        fresh : bool
            Whether that needs not be compared with the server's.
        """
        for attempt in range(wish.tries):
            # Parts that arrive damaged again may be what this server cannot do: the whole file is better.
            whole = wish.wanted is not None and attempt > 0 and attempt >= wish.tries // 2
            try:
                content = self._fetch(replace(wish, wanted=None) if whole else wish, kept, fresh)
                found = None if content.is_missing else use(content)
            except (SurveyError, ProtocolError):
                if attempt == wish.tries - 1:
                    raise
                kept = None  # perhaps that was the damaged part
                time.sleep(0.05 * 2**attempt)
            else:
                if content is not kept:
                    self._cache.put(content)
                self._learn(content.refused, whole)
                self._traffic.used(wish.name, max(content.total, 0))
                return found
        raise AssertionError("not reached: the last attempt returns or raises")

    def _fetch(self, wish: Wish, kept: Content | None, fresh: bool) -> Content:
        """Content with the bytes that are wanted, of what is kept and what the server has."""
        if kept is not None and not fresh:
            kept = self._compared(wish, kept)
        if kept is not None and kept.has(wish.wanted):
            return kept
        if wish.wanted is None or kept is None or not (kept.etag or kept.modified):
            return self._get(wish, wish.wanted)
        if length(merged(np.concatenate([kept.ranges, wish.wanted]))) > WORTHWHILE * wish.expected:
            return self._get(wish, None)
        rest = self._get(wish, subtracted(wish.wanted, kept.ranges))
        if rest.same_version(kept):
            return rest.joined(kept)
        return rest if rest.has(wish.wanted) else self._get(wish, wish.wanted)

    def _compared(self, wish: Wish, kept: Content) -> Content | None:
        """What is kept, when the server says that it is unchanged; else a part of the new file."""
        conditions = {"If-None-Match": kept.etag, "If-Modified-Since": kept.modified}
        headers = {key: value for key, value in conditions.items() if value}
        if not headers:
            return None
        parts = [] if kept.is_whole else [(int(start), int(stop)) for start, stop in kept.ranges[:1]]
        answer = self._ask(wish, parts, headers)
        if answer is not None and answer.status == http.UNCHANGED:
            self._cache.confirm(kept)
            return kept
        return _content(file_url(self.address, wish.name), answer, len(parts))

    def _get(self, wish: Wish, wanted: Ranges | None) -> Content:
        """Fetch parts of a file in as many requests as it takes, or all of it."""
        url, level = file_url(self.address, wish.name), self.parts
        asked: list[list[tuple[int, int]]] | None = None
        if wanted is not None and level != NONE:
            asked = requests_for(wanted, wish.expected, many=level == MANY)
        found: Content | None = None
        for parts in asked or []:
            content = _content(url, self._ask(wish, parts), len(parts))
            if content is None:
                break
            if content.is_missing or content.is_whole:
                return content
            if found is not None and not found.same_version(content):
                break  # the file changed between two requests
            found = content if found is None else found.joined(content)
        if found is not None and found.has(wanted):
            return found
        whole = _content(url, self._ask(wish, []))
        if whole is None:
            raise ProtocolError(f"{url} was asked for as a whole and came in parts.", url=url)
        return whole

    def _ask(
        self, wish: Wish, parts: Sequence[tuple[int, int]], headers: Mapping[str, str] | None = None
    ) -> http.Answer | None:
        get = get_from_store if is_cloud(self.address) else http.get_ranges
        return get(
            file_url(self.address, wish.name),
            parts,
            seconds=self._seconds or defaults().http_seconds,
            max_bytes=wish.max_bytes,
            headers=headers,
            missing=partial(is_missing, marked=self.address.endswith(MISSING_403)),
            meter=self._traffic.moved,
            attempts=wish.tries,
        )

    def _learn(self, refused: int, whole: bool) -> None:
        """Remember that all of an undamaged file was sent when so many parts were asked for, or had to be."""
        with self._lock:
            self._broken = self._broken + 1 if whole else 0
            if self._broken >= BROKEN_PARTS:
                self.parts = NONE
            elif refused:
                self.parts = min(self.parts, ONE if refused > 1 else NONE)


def is_missing(status: int, headers: Mapping[str, str], *, marked: bool) -> bool:
    """Whether an answer says that there is no such file.

    Parameters
    ----------
    status : int
        HTTP status.
    headers : mapping of str to str
        Of the answer.
    marked : bool
        Whether 403 means it at this address.
    """
    if status == http.FORBIDDEN:
        return marked or any(name in headers for name in S3_HEADERS)
    return status in http.GONE


def _content(url: str, answer: http.Answer | None, asked: int = 0) -> Content | None:
    """What an answer says of a file; None when it does not say which part of what it is."""
    if answer is None:
        return Content(url, (), -1)
    if answer.total is None:
        return None
    refused = asked if answer.status == http.WHOLE else 0
    return Content(url, join(answer.pieces), answer.total, answer.etag, answer.modified, refused=refused)
