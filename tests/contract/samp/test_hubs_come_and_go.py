"""Hubs and senders come and go; results find their way all the same."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.samp.sent import ROWS, read, store_of
from tests.contract.service_parts.hub import HubProcess
from tests.contract.service_parts.peer import Peer, until
from vo_photoz.samp.service import Service


def test_a_sender_that_comes_back_gets_its_result(
    start: Callable[..., Service], hub: HubProcess, table: Path, tmp_path: Path
) -> None:
    start()
    before = Peer("topcat")
    assert before.send(table.as_uri(), name="slow 0.5")["samp.status"] == "samp.ok"
    before.close()
    other = Peer("another program")
    until(lambda: store_of(tmp_path).list()[0].state == "done")
    after = Peer("topcat")
    until(lambda: after.tables)
    time.sleep(0.5)
    assert len(after.tables) == 1
    assert not other.tables
    after.close()
    other.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_the_hub_goes_and_returns_in_the_middle(
    number: int, start: Callable[..., Service], hub: HubProcess, table: Path
) -> None:
    service = start()
    before = Peer("topcat")
    assert before.send(table.as_uri(), name="slow 2")["samp.status"] == "samp.ok"
    hub.stop(number)
    assert service.hub is not None
    until(lambda: not service.hub.is_registered, 10)
    hub.start()
    after = Peer("topcat")
    assert until(after.find, 10)
    until(lambda: after.tables)
    assert len(read(after.tables[0]["body"])) == ROWS
    assert after.send(table.as_uri(), table_id="peer:2")["samp.status"] == "samp.ok"
    after.close()


def test_another_hub_takes_over(
    start: Callable[..., Service], lockfile: Path, tmp_path: Path, table: Path
) -> None:
    service = start()
    assert service.hub is not None
    assert service.hub.own_hub_runs
    other = HubProcess(tmp_path / "other-lockfile")
    os.replace(tmp_path / "other-lockfile", lockfile)
    peer = Peer("topcat")
    until(peer.find, what="us at the new hub")
    assert not service.hub.own_hub_runs
    peer.send(table.as_uri())
    until(lambda: peer.tables)
    peer.close()
    other.stop()


def test_a_hub_of_ours_when_there_is_none(
    start: Callable[..., Service], lockfile: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    lockfile.write_text(f"samp.secret=old\nsamp.hub.xmlrpc.url=http\\://127.0.0.1\\:{port}/\n")
    monkeypatch.setattr("vo_photoz.samp.client.GRACE_SECONDS", 0.5)
    service = start()
    assert service.hub is not None
    assert service.hub.own_hub_runs
    assert "secret=old" not in lockfile.read_text()
    assert lockfile.stat().st_mode & 0o777 == 0o600
    peer = Peer("topcat")
    peer.send(table.as_uri())
    until(lambda: peer.tables)
    peer.close()
    lockfile.unlink()
    until(lockfile.exists, what="the lockfile written again")


def test_we_start_a_hub_when_the_other_one_does_not_return(
    start: Callable[..., Service], hub: HubProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_photoz.samp.client.GRACE_SECONDS", 1.0)
    service = start()
    assert service.hub is not None
    assert not service.hub.own_hub_runs
    hub.stop(signal.SIGKILL)
    until(lambda: service.hub.own_hub_runs and service.hub.is_registered)
