"""The service as a process: it registers fast, survives a kill, ends cleanly, and knows its neighbours."""

from __future__ import annotations

import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.contract.samp.sent import ROWS, read, starts, store_of
from tests.contract.samp.serving import Serve
from tests.contract.service_parts.hub import HubProcess
from tests.contract.service_parts.peer import Peer, until
from vo_photoz.pipeline.service.job import Offer
from vo_photoz.samp.service import Service


def test_our_subscriptions(start: Callable[..., Service], peer: Peer) -> None:
    start()
    ours = set(peer.client.get_subscriptions(until(peer.find)))
    wanted = {"table.load.votable", "table.load.fits", "table.highlight.row", "table.select.rowList"}
    assert wanted | {"samp.app.ping", "samp.hub.disconnect", "samp.hub.event.shutdown"} <= ours
    assert not ours & {"*", "client.env.get", "coord.pointAt.sky"}
    assert peer.ask("samp.app.ping", {})["samp.status"] == "samp.ok"
    for value in peer.client.get_metadata(peer.find()).values():
        assert value.isascii()


def test_page_without_samp(start: Callable[..., Service], peer: Peer, tmp_path: Path) -> None:
    service = start(hub="none")
    assert service.hub is None
    home = f"http://127.0.0.1:{service.store.port}/{service.store.token}/"
    with urllib.request.urlopen(home, timeout=10) as answer:
        assert answer.status == 200
    assert peer.find() is None


def test_registering_waits_for_nothing_heavy(hub: HubProcess, tmp_path: Path) -> None:
    code = "import sys; from vo_photoz.cli.serve import running; from vo_photoz.settings import load\n"
    code += "import vo_photoz.cli.serve as serve\n"
    code += "heavy = {'keras', 'tensorflow', 'fastapi', 'matplotlib', 'numba', 'httpx2', 'pyarrow'}\n"
    code += "page = serve._serve_page\n"
    code += "def told(*a): print('loaded', sorted(heavy & set(sys.modules)), flush=True); return page(*a)\n"
    code += "serve._serve_page = told\n"
    code += "with running(load()) as (service, _): print(service.hub.is_registered, flush=True)\n"
    code += "print('keras' in sys.modules, flush=True)"
    service = Serve(tmp_path / "a", "-c", code)
    assert service.line("loaded") == "loaded []"
    assert service.line("e") == "True"
    assert service.line("e") == "False"
    assert service.process.wait(20) == 0


def test_killed_while_it_predicts_and_started_again(
    hub: HubProcess, peer: Peer, table: Path, tmp_path: Path
) -> None:
    first = Serve(tmp_path / "a")
    page = first.line("page")
    assert peer.send(table.as_uri(), name="slow 2")["samp.status"] == "samp.ok"
    until(lambda: starts(tmp_path))
    first.end(signal.SIGKILL)
    again = Serve(tmp_path / "a")
    assert again.line("page") == page, "addresses of earlier results still hold"
    until(lambda: peer.tables)
    time.sleep(1)
    assert len(peer.tables) == 1
    assert starts(tmp_path) == 2
    back = read(peer.tables[0]["body"])
    assert again.end(signal.SIGKILL) == -signal.SIGKILL
    third = Serve(tmp_path / "a")
    assert third.line("page") == page
    time.sleep(1)
    assert len(peer.tables) == 1, "delivered once"
    with urllib.request.urlopen(peer.tables[0]["url"], timeout=10) as answer:
        assert len(read(answer.read())) == ROWS
    assert str(back["pz_url"][0]).startswith(page.split()[1])
    assert third.end(signal.SIGTERM) == 0


def test_killed_before_the_table_was_checked(
    start: Callable[..., Service], peer: Peer, table: Path, tmp_path: Path
) -> None:
    before = store_of(tmp_path)
    folder = before.incoming()
    (folder / "input.vot").write_bytes(table.read_bytes())
    before.add(Offer(name="t", sender="topcat", content_hash="x"), folder)
    before.close()
    start()
    until(lambda: peer.tables)
    assert len(read(peer.tables[0]["body"])) == ROWS


def test_it_ends_cleanly(hub: HubProcess, peer: Peer, tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        service = Serve(tmp_path / "a", "-m", "vo_photoz", "serve")
        service.line("The page is http://127.0.0.1:")
        until(peer.find)
        assert service.end(number) == 0
        assert peer.find() is None
    assert "Traceback" not in (tmp_path / "a" / "log" / "service.log").read_text()


def test_a_second_service_on_the_same_folder_says_so(hub: HubProcess, tmp_path: Path) -> None:
    first = Serve(tmp_path / "a", "-m", "vo_photoz", "serve")
    first.line("The page is")
    second = Serve(tmp_path / "a", "-m", "vo_photoz", "serve")
    _, told = second.process.communicate(timeout=20)
    assert second.process.returncode == 1
    assert f"(process {first.process.pid}) already works on" in told
    assert "Traceback" not in told
    assert first.end(signal.SIGTERM) == 0


def test_a_living_hub_is_never_replaced(hub: HubProcess, tmp_path: Path, lockfile: Path) -> None:
    before = lockfile.read_text()
    for command in (("hub",), ("serve", "--hub", "start")):
        other = Serve(tmp_path / "a", "-m", "vo_photoz", *command)
        _, told = other.process.communicate(timeout=20)
        assert other.process.returncode == 2
        assert "A SAMP hub already runs" in told
    assert lockfile.read_text() == before


def test_our_hub_in_the_foreground(lockfile: Path, tmp_path: Path) -> None:
    own = Serve(tmp_path / "a", "-m", "vo_photoz", "hub")
    own.line("The SAMP hub runs")
    peers = [Peer("one"), Peer("two")]
    assert peers[0].ask("samp.app.ping", {}, to=peers[0].find("two"))["samp.status"] == "samp.ok"
    for peer in peers:
        peer.close()
    assert own.end(signal.SIGTERM) == 0
    assert not lockfile.exists()
