"""A table is predicted once and delivered once, whatever is repeated, refused or lost on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.samp.sent import refusal, starts, store_of
from tests.contract.service_parts.peer import Peer, error, until
from vo_photoz.samp import delivery
from vo_photoz.samp.messages import Message
from vo_photoz.samp.service import Service


def test_a_message_delivered_again_is_one_job(
    start: Callable[..., Service], peer: Peer, table: Path, tmp_path: Path
) -> None:
    service = start()
    params = {"url": table.as_uri(), "name": "t", "table-id": "x"}
    sender = str(peer.client.get_public_id())
    assert service.hub is not None
    again = Message(sender, "msg#1", "table.load.votable", params, "", service.hub.hub)
    for _ in range(10):
        service.receive(again)
    notified = Message(sender, None, "table.load.votable", params, "", service.hub.hub)
    for _ in range(5):
        service.receive(notified)
    until(lambda: peer.tables)
    time.sleep(1)
    assert len(peer.tables) == 1
    assert starts(tmp_path) == 1


def test_a_table_sent_again_on_purpose_is_a_new_job(
    start: Callable[..., Service], peer: Peer, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_photoz.pipeline.service.store.REDELIVERY_SECONDS", 0.2)
    start()
    peer.send(table.as_uri())
    until(lambda: peer.tables)
    time.sleep(0.5)
    peer.send(table.as_uri())
    until(lambda: len(peer.tables) == 2)
    assert peer.tables[0]["table-id"] != peer.tables[1]["table-id"]


def test_no_ping_pong(start: Callable[..., Service], peer: Peer, table: Path, tmp_path: Path) -> None:
    first, second = start("a", broadcast=True), start("b", broadcast=True)
    assert first.hub is not None
    assert second.hub is not None
    clients = {
        peer.client.get_metadata(one).get("vo_photoz.instance"): one
        for one in peer.client.get_registered_clients()
    }
    to = clients[first.hub.instance]
    assert peer.send(table.as_uri(), to=to)["samp.status"] == "samp.ok"
    until(lambda: peer.tables)
    time.sleep(1.5)
    assert len(peer.tables) == 1
    assert (starts(tmp_path, "a"), starts(tmp_path, "b")) == (1, 0)
    # The one sends to the other all the same, and the user's program sends our product back.
    product = peer.tables[0]["url"]
    second.hub.tell(to, "table.load.votable", {"url": table.as_uri(), "table-id": "other:1"})
    assert "result of vo_photoz" in refusal(peer, product, to=to, table_id=peer.tables[0]["table-id"])
    assert "result of vo_photoz" in refusal(peer, product, to=to, table_id="topcat:77")
    time.sleep(0.5)
    assert starts(tmp_path, "a") == 1


def test_a_refused_result_goes_out_once_more_with_a_new_identifier(
    start: Callable[..., Service], peer: Peer, table: Path
) -> None:
    start()
    peer.answer = lambda _: (
        error("something is wrong") if len(peer.tables) == 1 else {"samp.status": "samp.ok"}
    )
    peer.send(table.as_uri())
    until(lambda: len(peer.tables) == 2)
    assert peer.tables[0]["table-id"] != peer.tables[1]["table-id"]


def test_a_lost_answer_does_not_double_the_table(
    start: Callable[..., Service], peer: Peer, table: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(delivery, "REPLY_SECONDS", 0.5)
    start()
    peer.answer = lambda _: None if len(peer.tables) == 1 else error("Duplicate table-id: ignored")
    peer.send(table.as_uri())
    until(lambda: store_of(tmp_path).list()[0].delivered)
    assert len(peer.tables) == 2
    assert peer.tables[0]["table-id"] == peer.tables[1]["table-id"], "known to the client: not loaded twice"
