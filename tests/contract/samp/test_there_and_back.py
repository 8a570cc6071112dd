"""A table goes to the service and comes back, seen from another SAMP program."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.samp.sent import ROWS, OneShot, document, read, starts, store_of
from tests.contract.service_parts.hub import HubProcess
from tests.contract.service_parts.peer import Peer, until
from vo_photoz.samp import delivery
from vo_photoz.samp.service import Service


def test_a_table_comes_back_with_its_rows(start: Callable[..., Service], peer: Peer, table: Path) -> None:
    start()
    assert peer.send(table.as_uri())["samp.status"] == "samp.ok"
    (result,) = until(lambda: peer.tables)
    assert result["table-id"].startswith("vo_photoz:")
    assert result["name"] == "t_photoz"
    assert re.match(r"http://127\.0\.0\.1:\d+/", result["url"])
    assert result["msg_id"] is not None, "a call, not a notification"
    back = read(result["body"])
    assert list(back["id"]) == list(range(ROWS))
    assert "z_phot" in back.colnames


def test_a_fits_table_too(start: Callable[..., Service], peer: Peer, tmp_path: Path) -> None:
    start()
    document(ROWS).write(tmp_path / "sources.fits")
    url = (tmp_path / "sources.fits").as_uri()
    assert peer.send(url, mtype="table.load.fits")["samp.status"] == "samp.ok"
    until(lambda: peer.tables)
    assert len(read(peer.tables[0]["body"])) == ROWS


def test_the_sender_may_take_its_file_away_after_the_reply(
    start: Callable[..., Service], peer: Peer, table: Path
) -> None:
    start()
    server = OneShot(table.read_bytes())
    assert peer.send(server.url, name="slow 1")["samp.status"] == "samp.ok"
    server.close()
    copy = table.with_name("copy.vot")
    copy.write_bytes(table.read_bytes())
    assert peer.send(f"file://localhost{copy}", table_id="peer:2")["samp.status"] == "samp.ok"
    copy.unlink()
    until(lambda: len(peer.tables) == 2)
    assert all(len(read(one["body"])) == ROWS for one in peer.tables)


def test_aladin_is_notified_and_turned_to_the_sources(
    start: Callable[..., Service], hub: HubProcess, table: Path
) -> None:
    start()
    aladin = Peer("Aladin")
    message = {"samp.mtype": "table.load.votable", "samp.params": {"url": table.as_uri(), "table-id": "x"}}
    aladin.client.notify(until(aladin.find), message)
    until(lambda: aladin.pointed and aladin.tables)  # a peer may handle both at the same time
    assert aladin.tables[0]["msg_id"] is None
    assert float(aladin.pointed[0]["ra"]) == pytest.approx(150.2)
    assert float(aladin.pointed[0]["dec"]) == pytest.approx(2.0, abs=1e-4)
    aladin.close()


def test_an_aladin_that_hears_nothing_gets_its_result_later(
    start: Callable[..., Service], hub: HubProcess, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PING_SECONDS", 0.5)
    monkeypatch.setattr(delivery, "ALADIN_START_SECONDS", 2.0)
    monkeypatch.setattr("vo_photoz.samp.service.LOOK_SECONDS", 0.5)
    start()
    aladin = Peer("Aladin")
    aladin.client.client.unbind_receive_call("samp.app.ping", declare=False)
    assert aladin.send(table.as_uri())["samp.status"] == "samp.ok"
    time.sleep(3)
    assert not aladin.tables
    again = Peer("Aladin")
    aladin.close()
    until(lambda: again.tables)
    time.sleep(1)
    assert len(again.tables) == 1
    again.close()


def test_names_go_out_in_ascii(start: Callable[..., Service], peer: Peer, table: Path) -> None:
    start()
    assert peer.send(table.as_uri(), name="Quásar α\nList")["samp.status"] == "samp.ok"
    until(lambda: peer.tables)
    assert peer.tables[0]["name"] == r"Quasar \u03b1 List_photoz"


def test_only_the_sender_gets_it_unless_everybody_should(
    start: Callable[..., Service], peer: Peer, table: Path
) -> None:
    start("a")
    other = Peer("Aladin")
    peer.send(table.as_uri())
    until(lambda: peer.tables)
    assert not other.tables
    other.close()


def test_everybody_gets_it_when_asked(start: Callable[..., Service], peer: Peer, table: Path) -> None:
    start("a", broadcast=True)
    other = Peer("splat")
    peer.send(table.as_uri())
    until(lambda: peer.tables and other.tables)
    assert peer.tables[0]["table-id"] != other.tables[0]["table-id"]
    other.close()


def test_a_clicked_row_is_remembered(
    start: Callable[..., Service], peer: Peer, table: Path, tmp_path: Path
) -> None:
    service = start()
    peer.send(table.as_uri())
    until(lambda: peer.tables)
    ours = peer.tables[0]["table-id"]
    assert peer.ask("table.highlight.row", {"table-id": ours, "row": "3"})["samp.status"] == "samp.ok"
    job = store_of(tmp_path).list()[0]
    assert service.store.shown == (job.id, 3)
    assert peer.ask("table.select.rowList", {"table-id": ours, "row-list": ["1"]})["samp.status"] == "samp.ok"
    assert service.store.shown == (job.id, 1)
    for wrong in ({"table-id": ours, "row": "99"}, {"table-id": "unknown", "row": "1"}):
        assert peer.ask("table.highlight.row", wrong)["samp.status"] == "samp.error"


def test_a_large_table_waits_for_the_word(
    start: Callable[..., Service], peer: Peer, table: Path, tmp_path: Path
) -> None:
    start(confirm_rows=ROWS - 1)
    assert peer.send(table.as_uri())["samp.status"] == "samp.ok"
    job = until(lambda: [job for job in store_of(tmp_path).list() if job.state == "waiting"])[0]
    time.sleep(0.5)
    assert starts(tmp_path) == 0
    page = urllib.request.Request(
        f"{job.page}/confirm", method="POST", headers={"Origin": job.page.split("/jobs")[0].rsplit("/", 1)[0]}
    )
    urllib.request.urlopen(page, timeout=10).close()
    until(lambda: peer.tables)
