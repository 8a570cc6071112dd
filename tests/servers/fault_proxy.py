"""A proxy in front of a genuine archive that breaks chosen requests."""

from __future__ import annotations

import http.client
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HTML = b"<!DOCTYPE html><html><body><h1>Maintenance</h1>Back on Monday.</body></html>"
DELAY_SECONDS = 0.02
MAXREC = re.compile(rb'(name="MAXREC"\r\n\r\n)(\d+)')


@dataclass(frozen=True)
class Done:
    """A request that reached the archive, and what it answered."""

    method: str
    path: str
    sent: bytes
    status: int
    location: str


@dataclass
class Plan:
    """Which request gets which fault: ``fault(method, path, how often this was asked)``, empty for none.

    Faults: ``drop`` (never arrives), ``lost`` (arrives, the answer does not; ``lost 5`` after 5 s), ``cut``
    and ``halfdocument`` (half an answer, told or not), ``delay 2`` (answer after 2 s), ``stall``,
    ``trickle``, ``html``, ``garbage``, a status like ``503 1`` (with Retry-After), ``maxrec 1000`` (a server
    with this limit) and ``silent 1000`` (one that does not tell of it).
    """

    fault: Callable[[str, str, int], str]
    asked: list[tuple[str, str]] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, method: str, path: str) -> str:
        """Fault of the request that comes now."""
        with self.lock:
            self.asked.append((method, path))
            return self.fault(method, path, self.asked.count((method, path)))

    def count(self, method: str, ending: str = "") -> int:
        """How often something was asked."""
        return sum(m == method and path.endswith(ending) for m, path in self.asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def fault_proxy(upstream: str, fault: Callable[[str, str, int], str]) -> Iterator[tuple[str, Plan]]:
    """Address of a service that has faults, and what was asked of it."""
    plan, target = Plan(fault), urlsplit(upstream)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else 40 ms pass between headers and body

        def log_message(self, *arguments: object) -> None:
            """Be quiet."""

        def handle_one(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind, _, detail = plan.next(self.command, urlsplit(self.path).path).partition(" ")
            if kind == "stall":
                over.wait(60)
                self.close_connection = True
            elif kind == "drop":
                self.close_connection = True
            elif kind == "html":
                self.answer(200, {"Content-Type": "text/html"}, HTML)
            elif kind.isdigit():
                self.answer(int(kind), {"Retry-After": detail} if detail else {}, b"<html>busy</html>")
            else:
                self.forward(sent, kind, float(detail or DELAY_SECONDS))

        do_GET = do_POST = do_DELETE = handle_one  # noqa: N815 - names of http.server

        def forward(self, sent: bytes, kind: str, seconds: float) -> None:
            left_out = ("host", "connection", "accept-encoding")
            headers = {k: v for k, v in self.headers.items() if k.lower() not in left_out}
            if kind in ("maxrec", "silent") and b'name="MAXREC"' in sent:
                sent = MAXREC.sub(lambda found: found[1] + b"%d" % min(int(found[2]), int(seconds)), sent)
                headers["Content-Length"] = str(len(sent))
            real = http.client.HTTPConnection(target.hostname or "", target.port, timeout=120)
            real.request(self.command, self.path, sent, headers)
            reply = real.getresponse()
            here, there = f"http://127.0.0.1:{server.server_port}", f"{target.scheme}://{target.netloc}"
            body = reply.read()
            if upstream != there:  # an archive writes its own address into its documents
                body = body.replace(there.encode(), here.encode())
            real.close()
            kept = ("content-type", "location", "content-range", "etag", "last-modified")
            path, location = urlsplit(self.path).path, reply.getheader("Location", "").replace(there, here)
            plan.done.append(Done(self.command, path, sent, reply.status, urlsplit(location).path))
            known = {k: v.replace(there, here) for k, v in reply.getheaders() if k.lower() in kept}
            if kind in ("delay", "lost"):
                over.wait(seconds)
            if kind == "lost":
                self.close_connection = True
                return
            if kind == "silent":
                body = re.sub(rb'<INFO name="QUERY_STATUS" value="OVERFLOW".*?(/>|</INFO>)', b"", body)
            if kind == "halfdocument":
                body = body[: len(body) // 2]
            elif kind == "garbage":
                body = bytes(len(body))
            self.answer(reply.status, known, body, kind)

        def answer(self, status: int, headers: dict[str, str], body: bytes, kind: str = "") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if kind == "trickle":
                self.trickle(body)
            elif kind == "cut":
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def trickle(self, body: bytes) -> None:
            """A byte now and then, so that no timeout between two packets is ever met."""
            for byte in body:
                if over.is_set():
                    break
                self.wfile.write(bytes([byte]))
                time.sleep(0.2)
            self.close_connection = True

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{target.path}", plan
    finally:
        over.set()
        server.shutdown()
        server.server_close()
