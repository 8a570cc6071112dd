"""Which way a crossmatch with an archive takes, by what the archive says of itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from tests.servers.cds import Cds, serving
from vo_photoz import settings
from vo_photoz.errors import ServiceError
from vo_photoz.pipeline.crossmatch.chain import crossmatch
from vo_photoz.tables.read import read_table

UPLOAD = '<uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-inline"/>'
CAPABILITIES = """\
<?xml version="1.0"?>
<vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0">
<capability standardID="ivo://ivoa.net/std/TAP"><interface role="std"><accessURL>{url}</accessURL></interface>
{upload}</capability>
</vosi:capabilities>
"""
QUERY = """\
-- title: Spectra
-- service: {url}
-- upload: yes
-- parameters: radius = 1.5 arcsec
-- returns: ra, dec, z_spec
-- vizier: V/154/sdss16
SELECT up.id, db.RA_ICRS AS ra, db.DE_ICRS AS dec, db.zsp AS z_spec
FROM "V/154/sdss16" AS db JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.RA_ICRS, db.DE_ICRS), CIRCLE('ICRS', up.ra, up.dec, {{radius}}))
"""


@contextmanager
def tap_service(upload: str) -> Iterator[tuple[str, list[str]]]:
    """Only the capabilities of a service; all queries are answered by 400."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Be quiet."""

        def do_GET(self) -> None:
            asked.append(self.path)
            here = f"http://127.0.0.1:{server.server_port}/tap"
            self.reply(200, CAPABILITIES.format(url=here, upload=upload).encode())

        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.reply(400, b"<html>no</html>")

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tap", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def strasbourg(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cds]:
    rows = Table({"RA_ICRS": [10.0, 50.0], "DE_ICRS": [20.0, 20.0], "zsp": [1.0, 2.0]})
    with serving(Cds({"V/154/sdss16": (rows, "RA_ICRS", "DE_ICRS")})) as cds:
        monkeypatch.setenv("VO_PHOTOZ_XMATCH_SERVICE", cds.xmatch)
        settings.defaults.cache_clear()
        yield cds


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[str], tuple[str, list[float | None]]]:
    (tmp_path / "mine.csv").write_text("id,ra,dec\na,10.0,20.0001\nb,70.0,20.0\n")

    def run(url: str) -> tuple[str, list[float | None]]:
        (tmp_path / "spectra.adql").write_text(QUERY.format(url=url))
        result = crossmatch(tmp_path / "mine.csv", tmp_path / "o.vot", with_=[tmp_path / "spectra.adql"])
        written = read_table(tmp_path / "o.vot")
        return result.reports[0].infos["route"], np.ma.asarray(written.values("spectra_z_spec")).tolist()

    return run


def test_service_that_offers_no_upload_is_left_for_xmatch(strasbourg: Cds, ask) -> None:  # type: ignore[no-untyped-def]
    with tap_service("") as (url, asked):
        assert ask(url) == ("CDS X-Match", [1.0, None])
    assert asked == ["/tap/capabilities"]
    assert strasbourg.asked


def test_service_that_offers_uploads_is_asked(strasbourg: Cds, ask) -> None:  # type: ignore[no-untyped-def]
    with tap_service(UPLOAD) as (url, asked), pytest.raises(ServiceError, match="400"):
        ask(url)
    assert "/tap/sync" in asked
    assert not strasbourg.asked


def test_service_that_says_nothing_is_asked(strasbourg: Cds, ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ServiceError):
        ask("http://127.0.0.1:9/tap")
    assert not strasbourg.asked
