"""One request of any kind and its whole answer, error documents included: what archives speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import httpx2

from vo_photoz.http.fetch import (
    ATTEMPTS,
    TOO_MANY_REQUESTS,
    WAIT_AND_RETRY,
    check_size,
    check_status,
    with_retries,
)
from vo_photoz.http.transport import USER_AGENT, Backend, Transport


@dataclass(frozen=True)
class Reply:
    """Answer of a server.

    Parameters
    ----------
    status : int
        HTTP status.
    headers : mapping of str to str
        In any letter case.
    body : bytes
        All of it.
    url : str
        Address after redirects.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@cache
def _client() -> httpx2.Client:
    # The deadline of each exchange is the only limit: a query may compute for long before its first byte.
    return httpx2.Client(
        transport=Transport(Backend(), proxies=True), headers={"User-Agent": USER_AGENT}, timeout=None
    )


def exchange(
    method: str,
    url: str,
    *,
    seconds: float,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    files: Mapping[str, tuple[str, bytes, str]] | None = None,
    attempts: int = ATTEMPTS,
    follow: bool = True,
    max_bytes: int | None = None,
) -> Reply:
    """Send a request that may be sent again; return the answer, also one of status 400 and above.

    Parameters
    ----------
    method : str
        GET, POST or DELETE.
    url : str
        Address.
    seconds : float
        Total time, waiting and retries included.
    params, data, files : mapping
        Query string, form, and files of the form (name, content, MIME type).
    attempts : int
        How often a transient failure is asked again, at most.
    follow : bool
        Whether redirects are followed.
    max_bytes : int or None
        Largest body that is taken.

    Raises
    ------
    DeadlineExceeded
        Raised if the time is over.
    TransientError, RateLimited
        Raised if the server cannot be reached, breaks off, or stays busy (429, 502, 503, 504).
    ServiceError
        Raised if the address leads nowhere, or the body is too large.
    """

    def once() -> Reply:
        with _client().stream(
            method, url, params=params, data=data, files=files, follow_redirects=follow
        ) as answer:
            if answer.status_code in (TOO_MANY_REQUESTS, *WAIT_AND_RETRY):
                check_status(answer, url)
            if answer.is_redirect:
                # All that counts is where it leads; its body may never end.
                return Reply(answer.status_code, answer.headers, b"", str(answer.url))
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                check_size(len(body), max_bytes, url)
            return Reply(answer.status_code, answer.headers, bytes(body), str(answer.url))

    return with_retries(once, url, seconds=seconds, attempts=attempts)
