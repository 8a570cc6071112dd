"""A service that lies, floods or never ends costs one sentence, little memory and the time given."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from tests.unit.tap_stub import BOMB, EXTERNAL, Stub, endless, says, serving
from vo_photoz.errors import DeadlineExceeded, ProtocolError, ServiceError, Truncated
from vo_photoz.flow import Positions
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.queries import parse_query

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


MEASURED = """
import resource, sys
from tests.unit.test_tap_hostile import CASES, ask
from tests.unit.tap_stub import serving
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
