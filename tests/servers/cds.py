"""CDS X-Match and QueryCat on this machine, as documented; astropy and mocpy compute."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.io.votable import from_table, writeto
from astropy.io.votable.tree import Info
from astropy.table import Table, hstack
from mocpy import MOC

XMATCH, QUERYCAT = "/xmatch/api/v1/sync", "/QueryCat/QueryCat"
HARD_LIMIT = 2_000_000


@dataclass
class Cds:
    """The tables, the limits, and what was asked.

    ``tables`` maps names of VizieR to (table, column of the right ascension, column of the declination).
    """

    tables: dict[str, tuple[Table, str, str]]
    hard_limit: int = HARD_LIMIT
    most_upload: int = 100_000_000
    seconds: float = 0.0
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def xmatch(self) -> str:
        return self.url + XMATCH

    @property
    def querycat(self) -> str:
        return self.url + QUERYCAT

    @contextmanager
    def counted(self) -> Iterator[None]:
        """How many requests are worked on at the same time."""
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(self.seconds)
            yield
        finally:
            with self.lock:
                self.at_once -= 1


class Refused(Exception):
    """What the service says of a request that it does not answer."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.status = status


def match(cds: Cds, form: dict[str, str], files: dict[str, bytes]) -> tuple[Table, bool]:
    """Rows of an X-Match, and whether there were more."""
    if form.get("request", form.get("REQUEST")) != "xmatch":
        raise Refused("REQUEST must be xmatch")
    radius = float(form.get("distMaxArcsec") or "nan")
    if not 0 < radius <= 180:
        raise Refused("distMaxArcsec must be at most 180")
    if form.get("RESPONSEFORMAT") != "votable":
        raise Refused("this server writes VOTables only")
    if "cat1" not in files:
        raise Refused("Missing parameter cat1")
    if len(files["cat1"]) > cds.most_upload:
        raise Refused("Uploaded file too large", 413)
    mine = Table.read(io.BytesIO(files["cat1"]), format="ascii.csv")
    for name in ("colRA1", "colDec1"):
        if form.get(name) not in mine.colnames:
            raise Refused(f"Missing or unknown column {name}")
    theirs, ra, dec = catalogue(cds, form.get("cat2", "").removeprefix("vizier:"))
    here = SkyCoord(mine[form["colRA1"]], mine[form["colDec1"]], unit="deg")
    there = SkyCoord(theirs[ra], theirs[dec], unit="deg")
    first, second, separation, _ = search_around_sky(here, there, radius * u.arcsec)
    distance = Table({"angDist": np.round(separation.arcsec, 6)})
    distance["angDist"].unit = "arcsec"
    kept = theirs[chosen(form.get("cols2"), theirs)]
    found = hstack([distance, mine[chosen(form.get("cols1"), mine)][first], kept[second]], join_type="exact")
    limit = min(int(form.get("MAXREC", cds.hard_limit)), cds.hard_limit)
    return found[:limit], len(found) > limit


def chosen(names: str | None, table: Table) -> list[str]:
    wanted = names.split(",") if names is not None else table.colnames
    if unknown := [name for name in wanted if name not in table.colnames]:
        raise Refused(f"Unknown column: {unknown[0]}")
    return wanted


def catalogue(cds: Cds, name: str) -> tuple[Table, str, str]:
    if name not in cds.tables:
        raise Refused(f"Table not found: {name}")
    return cds.tables[name]


def inside(cds: Cds, form: dict[str, str], files: dict[str, bytes]) -> tuple[Table, bool]:
    """Rows of a table inside the MOC that was sent, and whether there were more."""
    if form.get("mode") != "mocfile" or "moc" not in files:
        raise Refused("mode=mocfile needs the file moc")
    theirs, ra, dec = catalogue(cds, form.get("catName", ""))
    moc = moc_of(files["moc"])
    covered = moc.contains_lonlat(np.asarray(theirs[ra]) * u.deg, np.asarray(theirs[dec]) * u.deg)
    found = theirs[covered]
    limit = min(int(form.get("limit", cds.hard_limit)), cds.hard_limit)
    # The real service cuts without a word.
    return found[:limit], False


def moc_of(data: bytes) -> Any:
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile(suffix=".fits") as file:
        file.write(data)
        file.flush()
        return MOC.from_fits(file.name)


def votable(table: Table | None, status: str, words: str = "") -> bytes:
    document = from_table(table if table is not None else Table({"empty": [0]})[:0])
    info = Info(name="QUERY_STATUS", value=status)
    info.content = words or None
    document.resources[0].infos.append(info)
    document.resources[0].type = "results"
    if table is None:
        document.resources[0].tables.clear()
    document.set_all_tables_format("tabledata")
    out = io.BytesIO()
    writeto(document, out)
    return out.getvalue()


@contextmanager
def serving(cds: Cds) -> Iterator[Cds]:
    """Serve on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *arguments: object) -> None:
            """Be quiet."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            form, files = fields(self.headers.get("Content-Type", ""), body)
            with cds.lock:
                cds.asked.append(form)
                cds.uploads += list(files.values())
            work = {XMATCH: match, QUERYCAT: inside}.get(urlsplit(self.path).path)
            with cds.counted():
                try:
                    if work is None:
                        raise Refused("no such service", 404)
                    rows, more = work(cds, form, files)
                    self.answer(200, votable(rows, "OVERFLOW" if more else "OK"))
                except Refused as refused:
                    self.answer(refused.status, votable(None, "ERROR", str(refused)))

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-votable+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cds.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield cds
    finally:
        server.shutdown()
        server.server_close()


def fields(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """Values and files of a form, both kinds of encoding."""
    if not content_type.startswith("multipart/"):
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}, {}
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    form: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in message.get_payload():
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        if part.get_filename() is not None:
            files[name] = content
        else:
            form[name] = content.decode()
    return form, files
