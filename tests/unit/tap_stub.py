"""A service that answers every request in the same way, however wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
EXTERNAL = '<!DOCTYPE x [<!ENTITY i SYSTEM "file:///etc/passwd">'

Stub = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(stub: Stub) -> Iterator[str]:
    """Address of a TAP service that answers every request in the same way."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Be quiet."""

        def handle_one(self) -> None:
            self.sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with suppress(OSError):  # the client may go away
                stub(self)

        do_GET = do_POST = do_DELETE = handle_one  # noqa: N815 - names of http.server

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tap"
    finally:
        server.shutdown()
        server.server_close()


def says(body: bytes, status: int = 200, **headers: str) -> Stub:
    def stub(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return stub


def endless(start: bytes, more: bytes) -> Stub:
    def stub(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(start)
        block = more * (1 + 100_000 // len(more))
        while True:
            handler.wfile.write(block)

    return stub
