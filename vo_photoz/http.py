"""The only place that opens connections of our own."""

from __future__ import annotations

from functools import cache

import httpx2

from vo_photoz import __version__
from vo_photoz.errors import DeadlineExceeded, ServiceError, TransientError

USER_AGENT = f"vo_photoz/{__version__} (IVOA-science)"


@cache
def _client() -> httpx2.Client:
    limits = httpx2.Limits(max_connections=32, max_keepalive_connections=16)
    return httpx2.Client(headers={"User-Agent": USER_AGENT}, limits=limits, follow_redirects=True)


def get_bytes(
    url: str, *, seconds: float = 60, max_bytes: int | None = None, missing_ok: bool = False
) -> bytes | None:
    """Body of a GET; None for a 404 or 410 when ``missing_ok``."""
    try:
        answer = _client().get(url, timeout=seconds)
    except httpx2.TimeoutException:
        raise DeadlineExceeded(f"{url} did not answer within {seconds:g} s.", url=url) from None
    except httpx2.TransportError as error:
        raise TransientError(f"{url} could not be reached: {error}.", url=url) from None
    if missing_ok and answer.status_code in (404, 410):
        return None
    if answer.status_code >= 400:
        raise ServiceError(f"{url} answered HTTP {answer.status_code}.", url=url)
    if max_bytes is not None and len(answer.content) > max_bytes:
        raise ServiceError(f"{url} sends more than {max_bytes} bytes.", url=url)
    return answer.content
