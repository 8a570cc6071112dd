"""What is sent to the service, how a sender may serve it, and what is found afterwards."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

from astropy.table import Table

from tests.contract.service_parts.peer import Peer
from vo_photoz.pipeline.service.store import JobStore

ROWS = 5


def document(rows: int) -> Table:
    table = Table({"id": range(rows), "ra": [150.0 + i / 10 for i in range(rows)], "dec": [2.0] * rows})
    table["ra"].unit = table["dec"].unit = "deg"
    return table


def store_of(tmp_path: Path, name: str = "a") -> JobStore:
    return JobStore(tmp_path / name / "data")


def read(body: bytes) -> Table:
    return Table.read(BytesIO(body), format="votable")


def starts(tmp_path: Path, name: str = "a") -> int:
    path = tmp_path / name / "data" / "starts.txt"
    return len(path.read_text().split()) if path.exists() else 0


class OneShot:
    """TOPCAT's way of serving a table: HTTP/1.0, no length, from a port that may close at any time."""

    def __init__(self, body: bytes | None, *, status: int = 200, endless: bool = False) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if body is None:
                    time.sleep(60)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body or b"")
                while endless:
                    self.wfile.write(b" " * 65536)

            def log_message(self, *args: object) -> None:
                pass

        class Quiet(HTTPServer):
            def handle_error(self, *args: object) -> None:
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/dynamic/1/t1.vot"
        threading.Thread(target=self.server.handle_request, daemon=True).start()

    def close(self) -> None:
        self.server.server_close()


def refusal(peer: Peer, url: str, **options: object) -> str:
    begin = time.monotonic()
    reply = peer.send(url, **options)
    assert time.monotonic() - begin < 10
    assert reply["samp.status"] == "samp.error", reply
    sentence = reply["samp.error"]["samp.errortxt"]
    assert sentence.isascii()
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence) > 10
    return str(sentence)
