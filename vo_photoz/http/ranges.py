"""Parts of a file on a web server: byte ranges, one answer for many of them, and validators."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx2

from vo_photoz.errors import ProtocolError
from vo_photoz.http import fetch
from vo_photoz.http.fetch import ATTEMPTS, GONE, check_size, check_status, with_retries

WHOLE, PARTS, UNCHANGED = 200, 206, 304
FORBIDDEN, NO_SUCH_RANGE = 403, 416
RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)")
BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
Piece = tuple[int, bytes]
"""Place in the file and the bytes there."""


@dataclass(frozen=True)
class Answer:
    """What a server sent of a file.

    Parameters
    ----------
    status : int
        200 (the whole file), 206 (parts of it), 304 (unchanged) or 416 (it is too short for the parts).
    pieces : tuple of (int, bytes)
        Places in the file, in ascending order, and the bytes there.
    total : int or None
        Size of the whole file, None when it is not said.
    etag, modified : str
        Validators, empty where the server gives none.
    """

    status: int
    pieces: tuple[Piece, ...]
    total: int | None
    etag: str
    modified: str


def get_ranges(
    url: str,
    ranges: Sequence[tuple[int, int]] = (),
    *,
    seconds: float,
    max_bytes: int | None = None,
    headers: Mapping[str, str] | None = None,
    missing: Callable[[int, Mapping[str, str]], bool] = lambda status, _: status in GONE,
    meter: Callable[[int], None] = lambda _: None,
    attempts: int = ATTEMPTS,
) -> Answer | None:
    """Ask for parts of a file; the server may send all of it instead, which is told by the status.

    Parameters
    ----------
    url : str
        http or https address.
    ranges : sequence of (int, int)
        First byte and the one after the last of each part; none asks for the whole file.
    seconds : float
        Total time, waiting and retries included.
    max_bytes : int or None
        Largest body that is taken.
    headers : mapping of str to str
        More headers, for example If-None-Match.
    missing : callable
        Tells from status and headers whether there is no such file; None is returned then.
    meter : callable
        Told the bytes of each request, headers of both sides included, also when it fails.
    attempts : int
        How often a transient failure is asked again, at most.

    Raises
    ------
    ProtocolError
        Raised if an answer with parts cannot be taken apart.
    ServiceError
        Raised as by `get_bytes`.
    """
    # Compressed bytes have no ranges; a whole tile of floats would hardly shrink.
    sent = {"Accept-Encoding": "identity", **(headers or {})}
    if ranges:
        sent["Range"] = "bytes=" + ",".join(f"{start}-{stop - 1}" for start, stop in ranges)

    def once() -> Answer | None:
        moved = 0
        try:
            with fetch.client().stream("GET", url, headers=sent, timeout=fetch.STALL_SECONDS) as answer:
                try:
                    if missing(answer.status_code, answer.headers):
                        return None
                    return _read(answer, url, max_bytes)
                finally:
                    sizes = _size(answer.headers), _size(answer.request.headers)
                    moved = answer.num_bytes_downloaded + sum(sizes)
        finally:
            meter(moved)

    return with_retries(once, url, seconds=seconds, attempts=attempts)


def _read(answer: httpx2.Response, url: str, max_bytes: int | None) -> Answer:
    if answer.status_code != NO_SUCH_RANGE:
        check_status(answer, url)
    body = bytearray()
    for part in answer.iter_bytes():
        body += part
        check_size(len(body), max_bytes, url)
    return _understood(answer, bytes(body), url)


def _size(headers: httpx2.Headers) -> int:
    """Bytes of headers as they are sent, with the line before them."""
    return 24 + sum(len(key) + len(value) + 4 for key, value in headers.raw)


def _understood(answer: httpx2.Response, body: bytes, url: str) -> Answer:
    status, total = answer.status_code, None
    pieces: tuple[Piece, ...] = ()
    if status == PARTS:
        pieces, total = parse_parts(answer.headers, body, url)
    elif status == WHOLE:
        pieces, total = ((0, body),), len(body)
    elif status not in (UNCHANGED, NO_SUCH_RANGE):
        raise ProtocolError(f"{url} answered HTTP {status}, which holds no file.", url=url)
    etag, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
    return Answer(status, pieces, total, etag, modified)


def parse_parts(headers: Mapping[str, str], body: bytes, url: str) -> tuple[tuple[Piece, ...], int | None]:
    """Pieces of an answer 206, and the size of the whole file.

    Parameters
    ----------
    headers : mapping of str to str
        Of the answer, in any letter case.
    body : bytes
        One part, or many as ``multipart/byteranges`` (RFC 9110, section 14.6).
    url : str
        For the error.

    Raises
    ------
    ProtocolError
        Raised if the body is not what its headers say.
    """
    kind = headers.get("Content-Type", "")
    if not kind.lower().startswith("multipart/byteranges"):
        piece, total = _piece(headers.get("Content-Range", ""), body, 0, url)
        if len(piece[1]) != len(body):
            raise _broken(url)
        return (piece,), total
    found = BOUNDARY.search(kind)
    if not found:
        raise _broken(url)
    mark, place = b"--" + found[1].strip().encode("latin-1"), 0
    pieces: list[Piece] = []
    total = None
    while True:
        place = body.find(mark, place)
        if place < 0:
            raise _broken(url)  # the last mark is missing: the body is cut short
        place += len(mark)
        if body[place : place + 2] == b"--":
            return tuple(sorted(pieces)), total
        end = body.find(b"\r\n\r\n", place)
        if end < 0:
            raise _broken(url)
        piece, total = _piece(body[place:end].decode("latin-1"), body, end + 4, url)
        pieces.append(piece)
        # Its bytes are stepped over: pixels may look like a boundary.
        place = end + 4 + len(piece[1])


def _piece(text: str, body: bytes, place: int, url: str) -> tuple[Piece, int | None]:
    """The part that a Content-Range describes, from a place in the body on."""
    found = RANGE.search(text)
    if not found:
        raise _broken(url)
    start, stop = int(found[1]), int(found[2]) + 1
    part = body[place : place + stop - start]
    if stop <= start or len(part) != stop - start:
        raise _broken(url)
    return (start, part), None if found[3] == "*" else int(found[3])


def _broken(url: str) -> ProtocolError:
    return ProtocolError(f"{url} sends parts of a file that are not what they say.", url=url)
