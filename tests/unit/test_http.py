"""Connections of our own, against real servers on this machine."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vo_photoz.errors import (
    DeadlineExceeded,
    PhotozError,
    RateLimited,
    ServiceError,
    TransientError,
    UsageError,
)
from vo_photoz.http import Policy, addresses, download, get_bytes
from vo_photoz.http.addresses import check_addresses, is_loopback, is_public

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A small web server whose answers a test chooses by path."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.now = self.most = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                with outer.lock:
                    outer.requests.append((self.path, dict(self.headers)))
                    outer.now += 1
                    outer.most = max(outer.most, outer.now)
                try:
                    outer.answers[self.path](self)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    with outer.lock:
                        outer.now -= 1

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}{path}"

    def serve(self, path: str, answer: Answer) -> str:
        self.answers[path] = answer
        return self.url(path)


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.http.shutdown()
    one.http.server_close()


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def in_turn(*answers: Answer) -> Answer:
    waiting = list(answers)

    def answer(request: BaseHTTPRequestHandler) -> None:
        now = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        now(request)

    return answer


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(200):
        request.wfile.write(b"x")
        time.sleep(0.05)


def drip_headers(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    for _ in range(200):
        request.wfile.write(b"x")
        time.sleep(0.05)


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 65536)


def test_body_without_length_and_with_our_name(server: Server) -> None:
    url = server.serve("/table", status(200, b"all of it"))
    assert get_bytes(url) == b"all of it"
    agent = server.requests[0][1]["User-Agent"]
    assert agent.startswith("vo_photoz/")
    assert "(IVOA-" in agent


def test_missing_is_none_only_when_asked(server: Server) -> None:
    url = server.serve("/tile", status(404))
    assert get_bytes(url, missing_ok=True) is None
    with pytest.raises(ServiceError, match="HTTP 404"):
        get_bytes(url)
    assert len(server.requests) == 2


def test_transient_failure_is_asked_again(server: Server) -> None:
    url = server.serve("/busy", in_turn(status(503), status(502), status(200, b"now")))
    assert get_bytes(url, seconds=20) == b"now"
    assert len(server.requests) == 3


def test_retries_are_bounded(server: Server) -> None:
    url = server.serve("/busy", status(503))
    with pytest.raises(TransientError, match="HTTP 503"):
        get_bytes(url, seconds=20, attempts=2)
    assert len(server.requests) == 2


def test_retry_after_is_obeyed_within_the_deadline(server: Server) -> None:
    url = server.serve("/limit", in_turn(status(429, Retry_After="1"), status(200, b"ok")))
    start = time.monotonic()
    assert get_bytes(url, seconds=20) == b"ok"
    assert time.monotonic() - start >= 1


def test_retry_after_beyond_the_deadline_is_told(server: Server) -> None:
    url = server.serve("/limit", status(429, Retry_After="3600"))
    with pytest.raises(RateLimited) as caught:
        get_bytes(url, seconds=5)
    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


@pytest.mark.parametrize("slow", [drip, drip_headers], ids=["body", "headers"])
def test_total_deadline_against_a_slow_drip(server: Server, slow: Answer, tmp_path: Path) -> None:
    url = server.serve("/drip", slow)
    start = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="not finished within"):
        download(url, tmp_path / "x", seconds=0.5, policy=Policy.SENT)
    with pytest.raises(DeadlineExceeded):
        get_bytes(url, seconds=0.5)
    assert time.monotonic() - start < 3
    assert list(tmp_path.iterdir()) == []


def test_silent_server_meets_the_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/never"
        with pytest.raises(DeadlineExceeded):
            download(url, tmp_path / "x", seconds=0.3, policy=Policy.SENT)


def test_endless_body_is_cut_off(server: Server, tmp_path: Path) -> None:
    url = server.serve("/endless", endless)
    with pytest.raises(ServiceError, match="larger than the 1000000 bytes"):
        download(url, tmp_path / "x", seconds=20, max_bytes=1_000_000, policy=Policy.SENT)
    with pytest.raises(ServiceError, match="larger than"):
        get_bytes(url, max_bytes=1_000_000)
    assert list(tmp_path.iterdir()) == []


def test_body_shorter_than_announced_is_an_error(server: Server, tmp_path: Path) -> None:
    url = server.serve("/cut", status(200, b"half", Content_Length="8"))
    with pytest.raises(TransientError, match="broke off"):
        download(url, tmp_path / "x", seconds=5)
    assert list(tmp_path.iterdir()) == []


def test_refused_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(TransientError, match="could not be reached"):
        download(f"http://127.0.0.1:{port}/x", tmp_path / "x", seconds=5, policy=Policy.SENT)


def test_something_else_than_http_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def speak() -> None:
            connection, _ = other.accept()
            connection.recv(65536)
            connection.sendall(b"220 ready\r\n\r\n")
            connection.close()

        threading.Thread(target=speak, daemon=True).start()
        with pytest.raises(ServiceError, match="HTTP"):
            download(f"http://127.0.0.1:{other.getsockname()[1]}/", tmp_path / "x", seconds=5)


def test_connections_to_one_host_are_limited(server: Server) -> None:
    def slowly(request: BaseHTTPRequestHandler) -> None:
        time.sleep(0.1)
        status(200, b"x")(request)

    url = server.serve("/slow", slowly)
    threads = [threading.Thread(target=get_bytes, args=(url,)) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 24
    assert 4 < server.most <= 8


def test_download_replaces_only_when_complete(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "table.vot"
    path.write_text("before")
    with pytest.raises(ServiceError):
        download(server.serve("/no", status(500)), path, seconds=5)
    assert path.read_text() == "before"
    assert download(server.serve("/yes", status(200, b"after!")), path, seconds=5, policy=Policy.SENT) == 6
    assert path.read_text() == "after!"
    assert os.listdir(tmp_path) == ["table.vot"]


@pytest.mark.parametrize("form", ["file://{}", "file://localhost{}", "file:{}"])
def test_local_file(form: str, tmp_path: Path) -> None:
    source = tmp_path / "a b.vot"
    source.write_bytes(b"table")
    url = form.format(str(source).replace(" ", "%20"))
    assert download(url, tmp_path / "copy", seconds=5, policy=Policy.SENT) == 5
    assert (tmp_path / "copy").read_bytes() == b"table"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://archive.org/t.vot", "not fetched by ftp"),
        ("javascript:alert(1)", "not fetched by javascript"),
        ("/etc/hostname", "without a scheme"),
        ("file://elsewhere/t.vot", "on another machine"),
        ("file:///no/such/file.vot", "No such file"),
        ("file:///dev/zero", "not a regular file"),
        ("file:///tmp", "not a regular file"),
        ("http://10.0.0.1/t.vot", "not this machine"),
        ("http://169.254.169.254/latest", "not this machine"),
        ("http://8.8.8.8/t.vot", "not this machine"),
        ("https://192.168.1.1/t.vot", "not on the public network"),
        ("https://127.0.0.1/t.vot", "not on the public network"),
        ("https://[::ffff:10.0.0.1]/t.vot", "not on the public network"),
        ("https://[fe80::1]/t.vot", "not on the public network"),
        ("https://224.0.0.1/t.vot", "not on the public network"),
        ("https://0.0.0.0/t.vot", "not on the public network"),
        ("http://[::1/t.vot", "not an address"),
    ],
)
def test_addresses_refused(url: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(PhotozError, match=sentence) as caught:
        download(url, tmp_path / "x", seconds=5, policy=Policy.SENT)
    assert isinstance(caught.value, UsageError | ServiceError)
    assert list(tmp_path.iterdir()) == []


def test_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UsageError, match="not a regular file"):
        download(f"file://{tmp_path}/fifo", tmp_path / "x", seconds=5, policy=Policy.SENT)


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "https://127.0.0.1/x", "http://10.0.0.1/x"])
def test_redirects_are_checked_again(server: Server, target: str, tmp_path: Path) -> None:
    url = server.serve("/away", status(302, Location=target))
    with pytest.raises(ServiceError, match=r"by another protocol|leads nowhere|not this machine"):
        download(url, tmp_path / "x", seconds=5, policy=Policy.SENT)


def test_redirect_on_this_machine_is_followed(server: Server, tmp_path: Path) -> None:
    server.serve("/there", status(200, b"here"))
    url = server.serve("/away", status(302, Location="/there"))
    assert download(url, tmp_path / "x", seconds=5, policy=Policy.SENT) == 4
    loop = server.serve("/loop", status(302, Location="/loop"))
    with pytest.raises(ServiceError, match="leads on more than"):
        download(loop, tmp_path / "x", seconds=5, policy=Policy.SENT)


def test_name_is_looked_up_once_and_the_checked_address_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    looked_up: list[str] = []

    def changing(host: str, *args: object, **options: object) -> object:
        """A name that is this machine when checked and another one afterwards."""
        if host != "tables.example":
            return real(host, *args, **options)
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "10.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, args[0]))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", changing)
    url = server.serve("/t", status(200, b"ok")).replace("127.0.0.1", "tables.example")
    assert download(url, tmp_path / "x", seconds=5, policy=Policy.SENT) == 2
    assert looked_up == ["tables.example"]


def test_every_address_of_a_name_must_be_allowed() -> None:
    both = [ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address("10.0.0.1")]
    with pytest.raises(ServiceError, match=r"10\.0\.0\.1"):
        check_addresses("mixed.example", both, public=True)


def test_kinds_of_addresses() -> None:
    public = ["8.8.8.8", "2606:4700::1111"]
    other = [
        "100.64.0.1",
        "192.0.2.1",
        "240.0.0.1",
        "::",
        "fc00::1",
        "2002:0a00:0001::",
        "ff02::1",
        "::ffff:127.0.0.1",
    ]
    assert all(is_public(ipaddress.ip_address(text)) for text in public)
    assert not any(is_public(ipaddress.ip_address(text)) for text in other)
    assert all(is_loopback(ipaddress.ip_address(text)) for text in ["127.1.2.3", "::1", "::ffff:127.0.0.1"])
