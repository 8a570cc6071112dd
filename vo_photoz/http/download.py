"""GET into a file: streamed, atomic, under a total deadline, from allowed addresses only."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx2

from vo_photoz.errors import DeadlineExceeded, ServiceError, UsageError
from vo_photoz.http.addresses import WHAT_IS_FETCHED, Policy, check_scheme
from vo_photoz.http.fetch import STALL_SECONDS, check_size, check_status, with_retries
from vo_photoz.http.transport import USER_AGENT, Backend, Transport

CHUNK = 1 << 18
MAX_REDIRECTS = 5


def download(
    url: str,
    path: Path,
    *,
    seconds: float,
    max_bytes: int | None = None,
    policy: Policy = Policy.ANYWHERE,
    attempts: int = 1,
) -> int:
    """Fetch a file to disk. ``path`` appears complete or not at all.

    Parameters
    ----------
    url : str
        file, http or https address.
    path : Path
        Where it goes; its folder exists.
    seconds : float
        Total time, also for a server that sends a byte now and then.
    max_bytes : int or None
        Largest file that is taken.
    policy : Policy
        From where it may come. With ``Policy.SENT``: regular local files, http on this machine, https on
        public servers. Host names are looked up once and the connection goes to the address that was checked;
        redirects are checked again and keep to their scheme.
    attempts : int
        How often a transient failure is tried, at most.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    UsageError
        Raised if the address is of a kind that is not fetched.
    ServiceError
        Raised if the file cannot be had (subclasses as in `get_bytes`).
    """
    if check_scheme(url) == "file":
        return _copy(url, path, seconds, max_bytes)

    def once() -> int:
        with closing(_open(url, policy)) as answer:
            check_status(answer, url)
            check_size(int(answer.headers.get("Content-Length", 0)), max_bytes, url)
            return _write(answer.iter_bytes(), path, max_bytes, url)

    return with_retries(once, url, seconds=seconds, attempts=attempts)


@cache
def _client(policy: Policy) -> httpx2.Client:
    mounts: dict[str, httpx2.BaseTransport | None]
    if policy is Policy.SENT:
        mounts = {
            "http://": Transport(Backend(public=False), proxies=False),
            "https://": Transport(Backend(public=True), proxies=False),
        }
    else:
        mounts = {"all://": Transport(Backend(), proxies=True)}
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    return httpx2.Client(mounts=mounts, headers=headers, timeout=STALL_SECONDS, trust_env=False)


def _open(url: str, policy: Policy) -> httpx2.Response:
    """The answer after redirects. A public server must not lead us to services of this machine."""
    client = _client(policy)
    request = client.build_request("GET", url)
    for _ in range(MAX_REDIRECTS + 1):
        answer = client.send(request, stream=True)
        if answer.next_request is None:
            return answer
        answer.close()
        if policy is Policy.SENT and answer.next_request.url.scheme != request.url.scheme:
            raise ServiceError(
                f"{url} leads on to {answer.next_request.url}, by another protocol.",
                advice=WHAT_IS_FETCHED,
                url=url,
            )
        request = answer.next_request
    raise ServiceError(f"{url} leads on more than {MAX_REDIRECTS} times.", url=url)


def _copy(url: str, path: Path, seconds: float, max_bytes: int | None) -> int:
    """Copy a local file; devices and pipes could be endless or block for ever."""
    source = unquote(urlsplit(url).path)
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ServiceError(f"The file {source} cannot be opened: {reason}.", url=url) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UsageError(f"{source} is not a regular file.", advice=WHAT_IS_FETCHED, url=url)
    with os.fdopen(handle, "rb") as file:
        end = time.monotonic() + seconds

        def parts() -> Iterator[bytes]:
            while part := file.read(CHUNK):
                if time.monotonic() > end:
                    raise DeadlineExceeded(f"{url} was not copied within {seconds:g} s.", url=url)
                yield part

        return _write(parts(), path, max_bytes, url)


def _write(parts: Iterable[bytes], path: Path, max_bytes: int | None, url: str) -> int:
    """Write to a neighbour of ``path``, then move it into place."""
    size = 0
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".fetch-", delete=False) as file:
        try:
            for part in parts:
                size += len(part)
                check_size(size, max_bytes, url)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException as error:
            os.unlink(file.name)
            if isinstance(error, OSError):
                raise ServiceError(f"{path} cannot be written: {error.strerror}.", url=url) from None
            raise
    return size
