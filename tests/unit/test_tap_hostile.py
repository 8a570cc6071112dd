"""A service that lies, floods or never ends costs one sentence, little memory and the time given."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from vo_photoz.errors import DeadlineExceeded, ProtocolError, ServiceError, Truncated
from vo_photoz.flow import Positions
from vo_photoz.tap.capabilities import Limits, parse_limits, read_limits
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.documents import JobDocument, pending_jobs
from vo_photoz.tap.queries import parse_query
from vo_photoz.tap.service import TapService

ROOT = Path(__file__).resolve().parents[2]
QUERY = """\
-- title: Stub
-- service: http://127.0.0.1:9/tap
-- upload: yes
-- parameters: radius = 1.5 arcsec
-- returns: ra, dec
SELECT up.id, db.ra, db.dec FROM stub AS db JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.ra, db.dec), CIRCLE('ICRS', up.ra, up.dec, {radius}))
"""
FIELDS = "".join(
    f'<FIELD name="{name}" datatype="{kind}"/>'
    for name, kind in (("id", "long"), ("ra", "double"), ("dec", "double"))
)
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
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
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


def votable(table: str, status: str = "OK", head: str = "", words: str = "") -> bytes:
    info = f'<INFO name="QUERY_STATUS" value="{status}">{words}</INFO>'
    return (
        f'{head}<VOTABLE version="1.3"><RESOURCE type="results">{info}{table}</RESOURCE></VOTABLE>'.encode()
    )


def rows(data: str, attributes: str = "") -> str:
    return f"<TABLE {attributes}>{FIELDS}<DATA>{data}</DATA></TABLE>"


def ask(url: str, n: int = 50, seconds: float = 20) -> None:
    positions = Positions(np.linspace(0, 300, n), np.zeros(n), np.ones(n, dtype=bool))
    find_pairs(
        positions, parse_query(QUERY, "stub", "stub.adql"), radius_arcsec=1.5, service=url, seconds=seconds
    )


INNER = "<DESCRIPTION>&i;</DESCRIPTION>"
NO_ROWS = rows("<TABLEDATA/>")
STREAM = '<STREAM encoding="base64">{}</STREAM>'
PACKED = gzip.compress(bytes(300_000_000), 9)
CASES: dict[str, tuple[Stub, type[ServiceError], str]] = {
    "html": (says(b"<!DOCTYPE html><html><body>Log in first</body></html>"), ProtocolError, "a page of HTML"),
    "empty": (says(b""), ProtocolError, "instead of a VOTable"),
    "truncated": (says(votable(rows("<TABLEDATA>"))[:-20]), ProtocolError, "ends in the middle"),
    "error": (says(votable("", "ERROR", words="Disk full")), ServiceError, "reports: Disk full"),
    "error behind rows": (
        says(votable(NO_ROWS + '<INFO name="QUERY_STATUS" value="ERROR">Late</INFO>')),
        ServiceError,
        "reports: Late",
    ),
    "bomb": (
        says(votable(INNER, head=BOMB + "]>")),
        ProtocolError,
        "XML entities",
    ),
    "external": (
        says(votable(INNER, head=EXTERNAL + "]>")),
        ProtocolError,
        "entities",
    ),
    "deep": (says(votable("<GROUP>" * 50_000 + "</GROUP>" * 50_000)), ProtocolError, "nests"),
    "cells": (says(votable(rows("<TABLEDATA><TR><TD>1</TD></TR></TABLEDATA>"))), ProtocolError, "1 cells"),
    "rows that are not there": (
        says(
            votable(rows('<BINARY2><STREAM encoding="base64">AAAA</STREAM></BINARY2>', 'nrows="1000000000"'))
        ),
        ProtocolError,
        "cannot be read",
    ),
    "array without end": (
        says(votable(NO_ROWS.replace('datatype="long"', 'datatype="long" arraysize="9999999999"'))),
        ProtocolError,
        "arraysize",
    ),
    "long array": (
        says(
            votable(
                '<TABLE><FIELD name="id" datatype="long" arraysize="*"/><DATA><BINARY>'
                '<STREAM encoding="base64">f////w==</STREAM></BINARY></DATA></TABLE>'
            )
        ),
        ProtocolError,
        "cannot be read",
    ),
    "other ids": (
        says(votable(rows("<TABLEDATA><TR><TD>99</TD><TD>1</TD><TD>1</TD></TR></TABLEDATA>"))),
        ProtocolError,
        "not sent",
    ),
    "other columns": (says(votable(NO_ROWS.replace('"ra"', '"x"'))), ProtocolError, "column ra"),
    "endless zeros": (endless(b"", b"\0"), Truncated, "bytes allowed"),
    "endless rows": (
        endless(votable(rows("<TABLEDATA>"))[:-40], b"<TR><TD>1</TD><TD>1</TD><TD>1</TD></TR>"),
        Truncated,
        "bytes allowed",
    ),
    "packed zeros": (says(PACKED, Content_Encoding="gzip"), Truncated, "bytes allowed"),
    "packed stream": (
        says(
            votable(
                rows(
                    "<BINARY2>"
                    + STREAM.format(b64encode(PACKED).decode()).replace('base64"', 'gzip"')
                    + "</BINARY2>"
                )
            )
        ),
        ProtocolError,
        "cannot be",
    ),
    "round and round": (says(b"", 302, Location="/tap/sync"), ServiceError, "leads nowhere"),
    "to a file": (says(b"", 302, Location="file:///etc/passwd"), ServiceError, "leads nowhere"),
    "teapot": (says(b"<html><h1>I am a teapot</h1></html>", 418), ServiceError, "HTTP 418: I am a teapot"),
    "not HTTP": (
        lambda handler: handler.wfile.write(b"SSH-2.0-x\r\n\r\n"),
        ProtocolError,
        "does not speak HTTP",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_in_time(case: str) -> None:
    stub, error, words = CASES[case]
    started = time.monotonic()
    with serving(stub) as url, pytest.raises(error, match=words) as caught:
        ask(url)
    assert time.monotonic() - started < 15
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1_000


def test_trickle_ends_with_the_time_given() -> None:
    def stub(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.05)

    started = time.monotonic()
    with serving(stub) as url, pytest.raises(DeadlineExceeded):
        ask(url, seconds=2)
    assert time.monotonic() - started < 5


JOB = '<job xmlns="http://www.ivoa.net/xml/UWS/v1.0" xmlns:xlink="http://www.w3.org/1999/xlink"><phase>{}</phase>'
DONE = JOB + '<results><result id="result" xlink:href="{}"/></results></job>'


@pytest.mark.parametrize(
    ("document", "error", "words"),
    [
        (b"<html/>", ProtocolError, "not the document of a job"),
        (BOMB.encode() + b"]><job><phase>&i;</phase></job>", ProtocolError, "entities"),
        (EXTERNAL.encode() + b"]><job><phase>&i;</phase></job>", ProtocolError, "entities"),
        (DONE.format("COMPLETED", "file:///etc/passwd").encode(), ServiceError, "leads nowhere"),
        (JOB.format("EXECUTING").encode() + b"</job>", DeadlineExceeded, "in the time allowed"),
        (JOB.format("NONSENSE").encode() + b"</job>", DeadlineExceeded, "in the time allowed"),
        (JOB.format("EXECUTING").encode() + b" " * 5_000_000, ProtocolError, "bytes allowed"),
        (JOB.format("ABORTED").encode() + b"</job>", ServiceError, "ABORTED"),
        (JOB.format("ERROR").encode() + b"</job>", ServiceError, "reports"),
    ],
)
def test_documents_of_jobs(document: bytes, error: type[ServiceError], words: str) -> None:
    def stub(handler: BaseHTTPRequestHandler) -> None:
        made = handler.command == "POST" and handler.path.endswith("/async")
        says(b"" if made else document, 303 if made else 200, Location="/tap/async/1")(handler)

    with serving(stub) as url, pytest.raises(error, match=words):
        TapService(url, time.monotonic() + 2).query("SELECT 1", maxrec=10, job=True)


def test_job_without_an_address() -> None:
    with serving(says(b"")) as url, pytest.raises(ProtocolError, match="made no job"):
        TapService(url, time.monotonic() + 2).query("SELECT 1", maxrec=10, job=True)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"<a/>", BOMB.encode() + b"]><a>&i;</a>", b"<a>" * 1_000 + b"</a>" * 1_000]
)
def test_capabilities_that_are_none(body: bytes) -> None:
    with serving(says(body)) as url:
        limits = read_limits(url, time.monotonic() + 5)
    assert not limits.known
    assert str(limits).startswith("not known: http")


def test_endless_capabilities_and_lists_are_cut() -> None:
    with serving(endless(b"<capabilities>", b"<capability/>")) as url:
        assert "larger than" in read_limits(url, time.monotonic() + 10).problem


def test_limits_of_every_form() -> None:
    document = b"""<c:capabilities xmlns:c="http://www.ivoa.net/xml/VOSICapabilities/v1.0">
    <capability standardID="ivo://ivoa.net/std/VOSI#availability"/>
    <capability standardID="ivo://ivoa.net/std/TAP#aux">
      <uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-http"/>
      <executionDuration><default>600</default><hard>7200</hard></executionDuration></capability>
    <capability standardID="ivo://ivoa.net/std/TAP">
      <language><languageFeatures type="ivo://ivoa.net/std/TAPRegExt#features-adqlgeo">
        <feature><form>POINT</form></feature><feature><form>contains</form></feature></languageFeatures>
      <languageFeatures type="ivo://ivoa.net/std/TAPRegExt#features-udf">
        <feature><form>ivo_hashlist_has(list TEXT) -&gt; INTEGER</form></feature></languageFeatures>
      </language>
      <outputLimit><default unit="row">2000</default><hard unit="row">many</hard></outputLimit>
      <uploadLimit><default unit="row">50000</default><hard unit="row">100000</hard></uploadLimit>
    </capability></c:capabilities>"""
    assert parse_limits(document, "x") == Limits(
        known=True,
        inline_upload=False,
        upload_rows=50_000,
        default_rows=2_000,
        seconds=7_200,
        geometry=frozenset({"POINT", "CONTAINS"}),
        functions=frozenset({"ivo_hashlist_has"}),
    )


def test_lists_of_jobs() -> None:
    document = b"""<uws:jobs xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0"
      xmlns:xlink="http://www.w3.org/1999/xlink">
      <uws:jobref id="a"><uws:phase>PENDING</uws:phase></uws:jobref>
      <uws:jobref id="b" xlink:href="/elsewhere/b"><uws:phase>PENDING</uws:phase></uws:jobref>
      <uws:jobref id="c"><uws:phase>COMPLETED</uws:phase></uws:jobref></uws:jobs>"""
    assert pending_jobs(document, "http://x/tap/async?LAST=5") == [
        "http://x/tap/async/a",
        "http://x/elsewhere/b",
    ]
    done = JobDocument.read(DONE.format("COMPLETED", "http://x/out").encode(), "http://x/1")
    assert done.result_address("http://x/1") == "http://x/out"
    with pytest.raises(ProtocolError):
        JobDocument.read(b"<job/>", "http://x/1")


MEASURED = """
import resource, sys
from tests.unit.test_tap_hostile import CASES, ask, serving
from vo_photoz.errors import ServiceError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for case in ("endless zeros", "endless rows", "packed zeros", "packed stream", "bomb", "long array"):
    with serving(CASES[case][0]) as url:
        try:
            ask(url, 900)
        except ServiceError:
            continue
        sys.exit(case)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_is_bounded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200_000, "kilobytes"
