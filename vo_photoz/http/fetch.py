"""GET into memory: connections kept and counted by host, retries, a total deadline."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TypeVar

import httpcore2
import httpx2

from vo_photoz.errors import (
    DeadlineExceeded,
    ProtocolError,
    RateLimited,
    ServiceError,
    TransientError,
)
from vo_photoz.http.transport import USER_AGENT, Backend, Transport, deadline
from vo_photoz.settings import defaults

ATTEMPTS = 4
STALL_SECONDS = 30.0
TOO_MANY_REQUESTS = 429
WAIT_AND_RETRY = (502, 503, 504)
GONE = (404, 410)
LEADS_NOWHERE = (
    httpx2.TooManyRedirects,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
    httpcore2.UnsupportedProtocol,
)

T = TypeVar("T")


class BodyTooLarge(ServiceError):
    """A server sends more than is taken."""

    code = "service-size"


@cache
def client() -> httpx2.Client:
    """Connections for files that are read into memory: kept alive and used again."""
    return httpx2.Client(
        transport=Transport(Backend(), proxies=True),
        headers={"User-Agent": USER_AGENT},
        timeout=STALL_SECONDS,
        follow_redirects=True,
    )


def get_bytes(
    url: str,
    *,
    seconds: float = 60,
    max_bytes: int | None = None,
    missing_ok: bool = False,
    attempts: int = ATTEMPTS,
) -> bytes | None:
    """Body of a GET.

    Parameters
    ----------
    url : str
        http or https address.
    seconds : float
        Total time, waiting and retries included.
    max_bytes : int or None
        Largest body that is taken.
    missing_ok : bool
        Whether None is returned for 404 and 410.
    attempts : int
        How often a transient failure is asked again, at most.

    Returns
    -------
    bytes or None

    Raises
    ------
    DeadlineExceeded
        Raised if the time is over.
    TransientError, RateLimited
        Raised if the server cannot be reached, breaks off, or stays busy.
    ServiceError
        Raised if the server refuses, or sends more than ``max_bytes``.
    """

    def once() -> bytes | None:
        with client().stream("GET", url) as answer:
            if missing_ok and answer.status_code in GONE:
                return None
            check_status(answer, url)
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                check_size(len(body), max_bytes, url)
            return bytes(body)

    return with_retries(once, url, seconds=seconds, attempts=attempts)


def with_retries(once: Callable[[], T], url: str, *, seconds: float, attempts: int) -> T:
    """Do something with an address under a total deadline, again after a transient failure.

    Waits are random (so that many workers do not come back at once) and grow; a server's Retry-After is
    obeyed when it lies within the deadline.
    """
    end = time.monotonic() + seconds
    for attempt in range(1, attempts + 1):
        try:
            with deadline(end), failures_told(url, seconds, end), slot(url, end):
                return once()
        except TransientError as error:
            pause = error.retry_after if isinstance(error, RateLimited) else 0.0
            pause += random.uniform(0.05, 0.2) * 2**attempt
            if attempt == attempts or time.monotonic() + pause >= end:
                raise
            time.sleep(pause)
    raise AssertionError("not reached: the last attempt returns or raises")


@contextmanager
def failures_told(url: str, seconds: float, end: float) -> Iterator[None]:
    """Failures of the connection, as errors of ours."""
    try:
        yield
    except (httpcore2.TimeoutException, httpx2.TimeoutException):
        if time.monotonic() >= end - 0.01:
            raise DeadlineExceeded(f"{url} was not finished within {seconds:g} s.", url=url) from None
        raise TransientError(f"{url} sent nothing for {STALL_SECONDS:g} s.", url=url) from None
    except httpcore2.RemoteProtocolError as error:
        if "incomplete" in str(error) or "without" in str(error):
            raise TransientError(f"{url} broke off before its end.", url=url) from None
        raise ProtocolError(f"{url} does not speak HTTP: {error}.", url=url) from None
    except (httpcore2.NetworkError, httpcore2.ProxyError) as error:
        raise TransientError(f"{url} could not be reached: {error}.", url=url) from None
    except httpx2.DecodingError as error:
        raise ProtocolError(f"{url} sends a damaged compressed body: {error}.", url=url) from None
    except LEADS_NOWHERE as error:
        raise ServiceError(f"{url} leads nowhere: {error}.", url=url) from None


def check_status(answer: httpx2.Response, url: str) -> None:
    """Raise the error that belongs to a status of 400 and above."""
    status = answer.status_code
    if status < 400:
        return
    message = f"{url} answered HTTP {status}."
    wait = retry_after(answer.headers.get("Retry-After"))
    if status == TOO_MANY_REQUESTS or (status in WAIT_AND_RETRY and wait is not None):
        raise RateLimited(message, retry_after=1.0 if wait is None else wait, url=url)
    if status in WAIT_AND_RETRY:
        raise TransientError(message, url=url)
    raise ServiceError(message, url=url)


def retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date; None without one that can be read."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (when.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def check_size(size: int, max_bytes: int | None, url: str) -> None:
    """Raise if a body is larger than allowed; a body cut at the limit would be silently shorter."""
    if max_bytes is not None and size > max_bytes:
        raise BodyTooLarge(f"{url} is larger than the {max_bytes} bytes allowed.", url=url)


_slots: dict[str, threading.BoundedSemaphore] = {}
_slots_lock = threading.Lock()


@contextmanager
def slot(url: str, end: float) -> Iterator[None]:
    """One of the few connections that a host gets from us at a time."""
    host = httpx2.URL(url).netloc.decode("ascii", "replace")
    with _slots_lock:
        free = _slots.setdefault(host, threading.BoundedSemaphore(defaults().http_connections))
    if not free.acquire(timeout=max(0.0, end - time.monotonic())):
        raise DeadlineExceeded(f"{url} had to wait too long for a free connection.", url=url)
    try:
        yield
    finally:
        free.release()
