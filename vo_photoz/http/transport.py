"""Connections under a total deadline, optionally pinned to addresses that were checked.

The timeouts of an HTTP library count from one packet to the next: a server that sends a byte now and then
never meets them. Here every operation on a socket is cut short by the deadline of the whole request.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from vo_photoz import __version__
from vo_photoz.http.addresses import check_addresses, resolve

USER_AGENT = f"vo_photoz/{__version__} (IVOA-science) python-httpx2/{httpx2.__version__}"
"""IVOA SoftID: product/version, the kind of use, then the library."""

_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


@contextmanager
def deadline(at: float) -> Iterator[None]:
    """Within it, every operation of this thread on a socket ends at ``at`` (of `time.monotonic`)."""
    token = _deadline.set(min(at, _deadline.get()))
    try:
        yield
    finally:
        _deadline.reset(token)


def _allowed(timeout: float | None, kind: type[httpcore2.TimeoutException]) -> float | None:
    """Seconds that an operation may take."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise kind("the deadline of the request is over")
    if timeout is None:
        return None if left == float("inf") else left
    return min(left, timeout)


class _Stream(httpcore2.NetworkStream):
    """A socket that knows the deadline."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _allowed(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _allowed(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = _allowed(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class Backend(httpcore2.NetworkBackend):
    """Opens sockets under the deadline.

    Parameters
    ----------
    public : bool or None
        None: any address. True: public servers only; False: this machine only. A name is then looked up once,
        its addresses are checked, and the connection goes to the address that was checked.
    """

    def __init__(self, public: bool | None = None) -> None:
        self._public = public
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to a host that may be connected to."""
        if self._public is not None:
            addresses = resolve(host, port, _allowed(timeout, httpcore2.ConnectTimeout))
            host = str(check_addresses(host, addresses, public=self._public))
        seconds = _allowed(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, seconds, local_address, socket_options))


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class Transport(httpx2.BaseTransport):
    """Sends requests over pools of connections opened by a `Backend`.

    Parameters
    ----------
    backend : Backend
        Opens the connections.
    proxies : bool
        Whether the proxies of the environment are used. Pinned connections go without: a proxy would look
        the name up again.
    """

    def __init__(self, backend: Backend, *, proxies: bool) -> None:
        self._backend = backend
        self._context = httpx2.create_ssl_context()
        self._direct = httpcore2.ConnectionPool(
            ssl_context=self._context, max_connections=None, keepalive_expiry=20, network_backend=backend
        )
        found = getproxies() if proxies else {}
        self._proxies = {
            scheme: self._proxy(found[scheme]) for scheme in ("http", "https") if found.get(scheme)
        }

    def _proxy(self, address: str) -> httpcore2.HTTPProxy:
        url = httpx2.URL(address if "://" in address else f"http://{address}")
        bare = url.copy_with(username=None, password=None)
        account = (url.username, url.password) if url.username else None
        return httpcore2.HTTPProxy(
            proxy_url=str(bare),
            proxy_auth=account,
            ssl_context=self._context,
            max_connections=None,
            network_backend=self._backend,
        )

    def _pool(self, url: httpx2.URL) -> httpcore2.ConnectionPool:
        proxy = self._proxies.get(url.scheme)
        return self._direct if proxy is None or proxy_bypass(url.host) else proxy

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        target = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        plain = httpcore2.Request(
            method=request.method,
            url=target,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answer = self._pool(request.url).handle_request(plain)
        return httpx2.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._direct.close()
        for pool in self._proxies.values():
            pool.close()
