"""Bad tables, bad addresses and failing predictions are told to the sender in one sentence."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.samp.sent import OneShot, refusal, store_of
from tests.contract.service_parts.peer import Peer, until
from vo_photoz.samp.service import Service

VOTABLE = '<?xml version="1.0"?>\n<VOTABLE version="1.4"><RESOURCE><TABLE>{}</TABLE></RESOURCE></VOTABLE>'
FIELD = '<FIELD name="{}" datatype="double" unit="deg"/>'
ONE_ROW = "<DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD></TR></TABLEDATA></DATA>"
NO_ROWS = "<DATA><TABLEDATA></TABLEDATA></DATA>"
RA, DEC = FIELD.format("ra"), FIELD.format("dec")
BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE v [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {now} "{f"&{last};" * 10}">' for last, now in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>\n<VOTABLE><DESCRIPTION>&j;</DESCRIPTION></VOTABLE>"
)
BAD_TABLES = {
    "no positions": VOTABLE.format(FIELD.format("mag") + FIELD.format("colour") + ONE_ROW),
    "ambiguous": VOTABLE.format(
        FIELD.format("ra_1")
        + FIELD.format("dec_1")
        + FIELD.format("ra_2")
        + FIELD.format("dec_2")
        + "<DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD><TD>100</TD><TD>50</TD></TR></TABLEDATA></DATA>"
    ),
    "no rows": VOTABLE.format(RA + DEC + NO_ROWS),
    "cut off": VOTABLE.format(RA + DEC + ONE_ROW)[:-60],
    "entity bomb": BOMB,
    "no table": "<html><body>Please log in</body></html>",
    "nothing": "",
    "outside": VOTABLE.format(RA + DEC + ONE_ROW.replace("<TD>2<", "<TD>95<")),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_bad_tables_are_refused_in_the_reply(
    kind: str, start: Callable[..., Service], peer: Peer, tmp_path: Path, table: Path
) -> None:
    start()
    path = tmp_path / "bad.vot"
    path.write_text(BAD_TABLES[kind])
    sentence = refusal(peer, path.as_uri())
    assert store_of(tmp_path).list()[0].state == "failed"
    assert store_of(tmp_path).list()[0].error.startswith(sentence[:20])
    assert peer.send(table.as_uri(), table_id="peer:good")["samp.status"] == "samp.ok"


def test_bad_addresses_are_refused_in_bounded_time(
    start: Callable[..., Service], peer: Peer, table: Path
) -> None:
    start(fetch_seconds=2, fetch_max_bytes=1_000_000)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = f"http://127.0.0.1:{closed.getsockname()[1]}/t.vot"
    servers = [OneShot(None), OneShot(b"", endless=True), OneShot(b"", status=404)]
    stalled, endless, missing = (server.url for server in servers)
    bad = {
        "file:///no/such/table.vot": "No such file",
        "file:///dev/zero": "regular file",
        "file://elsewhere/t.vot": "another machine",
        "ftp://127.0.0.1/t.vot": "not fetched by ftp",
        "http://10.1.2.3/t.vot": "not this machine",
        "http://169.254.169.254/latest/meta-data": "not this machine",
        "https://192.168.0.1/t.vot": "not on the public network",
        "": "no url",
        refused: "could not be reached",
        stalled: "within 2 s",
        endless: "larger than",
        missing: "HTTP 404",
    }
    for number, (url, words) in enumerate(bad.items()):
        assert words in refusal(peer, url, table_id=f"bad:{number}")
    assert peer.send(table.as_uri())["samp.status"] == "samp.ok"
    until(lambda: peer.tables)
    for server in servers:
        server.close()


def test_a_stalling_sender_keeps_nobody_else_waiting(
    start: Callable[..., Service], peer: Peer, table: Path
) -> None:
    start()
    stalled = OneShot(None)
    other = Peer("slow program")
    message = {"samp.mtype": "table.load.votable", "samp.params": {"url": stalled.url}}
    other.client.notify(until(other.find), message)
    begin = time.monotonic()
    assert peer.send(table.as_uri())["samp.status"] == "samp.ok"
    assert peer.ask("samp.app.ping", {})["samp.status"] == "samp.ok"
    until(lambda: peer.tables)
    assert time.monotonic() - begin < 15
    other.close()
    stalled.close()


def test_a_prediction_that_fails_is_told_and_the_next_one_runs(
    start: Callable[..., Service], peer: Peer, table: Path, tmp_path: Path
) -> None:
    start()
    for number, name in enumerate(["bad", "odd", "abort", "good"]):
        assert peer.send(table.as_uri(), name=name, table_id=f"peer:{number}")["samp.status"] == "samp.ok"
    until(lambda: peer.tables)
    assert peer.tables[0]["name"] == "good_photoz"
    errors = {job.name: job.error for job in store_of(tmp_path).list()}
    assert errors["bad"] == "The survey has no band u. Choose another survey."
    assert "KeyError" in errors["odd"]
    assert "SIGABRT" in errors["abort"]
