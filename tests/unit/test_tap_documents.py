"""Documents of jobs, lists of jobs and capabilities, true ones and others."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler

import pytest

from tests.unit.tap_stub import BOMB, EXTERNAL, endless, says, serving
from vo_photoz.errors import DeadlineExceeded, ProtocolError, ServiceError
from vo_photoz.tap.services.capabilities import Limits, parse_limits, read_limits
from vo_photoz.tap.services.documents import JobDocument, pending_jobs
from vo_photoz.tap.services.service import TapService

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

    seconds = 2 if error is DeadlineExceeded else 15
    with serving(stub) as url, pytest.raises(error, match=words):
        TapService(url, time.monotonic() + seconds).query("SELECT 1", maxrec=10, job=True)


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
