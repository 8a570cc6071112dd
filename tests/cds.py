"""What CDS answers about coverage, played on loopback: MOCServer and VizieR's maps, and any folder of files.

Made from what astroquery's and mocpy's clients send. An unknown identifier gets an empty map from the
MOCServer, and HTTP 400 from VizieR.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from mocpy import MOC


class Cds(SimpleHTTPRequestHandler):
    """Answers of one server; `known` and `broken` are set by the test."""

    known: dict[str, MOC]
    asked: list[str]
    broken: bool

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        address = urlsplit(self.path)
        if address.path.startswith(("/MocServer/", "/viz-bin/")):
            if self.broken:
                return self.send_error(503)
            query = parse_qs(address.query)
            if address.path == "/MocServer/query":
                assert query["get"] == ["smoc"]
                moc = self.known.get(query["ID"][0], MOC.new_empty(0))
                return self.send_map(moc, query["order"][0])
            moc = self.known.get(unquote(address.path).removeprefix("/viz-bin/moc/"))
            if moc is None:
                return self.send_error(400)
            return self.send_map(moc, query.get("order", ["11"])[0])
        return super().do_GET()

    def send_map(self, moc: MOC, order: str) -> None:
        if order != "max" and moc.max_order > int(order):
            moc = moc.degrade_to_order(int(order))
        with tempfile.TemporaryDirectory() as folder:
            moc.save(f"{folder}/m.fits", format="fits")
            data = Path(f"{folder}/m.fits").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/fits")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def cds(folder: Path) -> Iterator[tuple[str, type[Cds]]]:
    """Serve a folder, and coverage maps: the address, and the class on which a test sets what is known."""
    handler = type("Handler", (Cds,), {"known": {}, "asked": [], "broken": False})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        server.server_close()


def moc_of(cells: list[int], order: int) -> MOC:
    """Map of a few cells of one order."""
    return MOC.from_healpix_cells(np.array(cells, np.uint64), np.full(len(cells), order, np.uint8), order)
