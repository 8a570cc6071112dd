"""The service as another SAMP program sees it: genuine hubs, the real page, a stand-in for the prediction."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from astropy.table import Table

PARTS = Path(__file__).parent / "service_parts"
sys.path.append(str(PARTS))

from peer import HubProcess, Peer, error, until  # noqa: E402

from vo_photoz.cli.serve import running  # noqa: E402
from vo_photoz.pipeline.service.job import Offer  # noqa: E402
from vo_photoz.pipeline.service.store import JobStore  # noqa: E402
from vo_photoz.samp import delivery  # noqa: E402
from vo_photoz.samp.messages import Message  # noqa: E402
from vo_photoz.samp.service import Service  # noqa: E402
from vo_photoz.settings import load  # noqa: E402

ROWS = 5


@pytest.fixture
def lockfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "samp-lockfile"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{path}")
    monkeypatch.setenv("PYTHONPATH", str(PARTS))
    return path


@pytest.fixture
def hub(lockfile: Path) -> Iterator[HubProcess]:
    one = HubProcess(lockfile)
    yield one
    one.stop(signal.SIGKILL)


@pytest.fixture
def start(tmp_path: Path, lockfile: Path) -> Iterator[Callable[..., Service]]:
    """Start services, each in a data folder of its own, within this process."""
    with ExitStack() as stack:

        def one(name: str = "a", **given: object) -> Service:
            folder = tmp_path / name
            settings = load(data_dir=folder / "data", log_dir=folder / "log", **given)
            service, _ = stack.enter_context(running(settings, predictor="stand_in:run", quiet=True))
            return service

        yield one


@pytest.fixture
def peer(hub: HubProcess) -> Iterator[Peer]:
    one = Peer("topcat")
    yield one
    one.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sources.vot"
    document(ROWS).write(path, format="votable")
    return path


def document(rows: int) -> Table:
    table = Table({"id": range(rows), "ra": [150.0 + i / 10 for i in range(rows)], "dec": [2.0] * rows})
    table["ra"].unit = table["dec"].unit = "deg"
    return table


def store_of(tmp_path: Path, name: str = "a") -> JobStore:
    return JobStore(tmp_path / name / "data")


def read(body: bytes) -> Table:
    return Table.read(BytesIO(body), format="votable")


def starts(tmp_path: Path, name: str = "a") -> int:
    path = tmp_path / name / "data" / "starts.txt"
    return len(path.read_text().split()) if path.exists() else 0


class OneShot:
    """TOPCAT's way of serving a table: HTTP/1.0, no length, from a port that may close at any time."""

    def __init__(self, body: bytes | None, *, status: int = 200, endless: bool = False) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if body is None:
                    time.sleep(60)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body or b"")
                while endless:
                    self.wfile.write(b" " * 65536)

            def log_message(self, *args: object) -> None:
                pass

        class Quiet(HTTPServer):
            def handle_error(self, *args: object) -> None:
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/dynamic/1/t1.vot"
        threading.Thread(target=self.server.handle_request, daemon=True).start()

    def close(self) -> None:
        self.server.server_close()


# The way there and back


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


def test_our_subscriptions(start: Callable[..., Service], peer: Peer) -> None:
    start()
    ours = set(peer.client.get_subscriptions(until(peer.find)))
    wanted = {"table.load.votable", "table.load.fits", "table.highlight.row", "table.select.rowList"}
    assert wanted | {"samp.app.ping", "samp.hub.disconnect", "samp.hub.event.shutdown"} <= ours
    assert not ours & {"*", "client.env.get", "coord.pointAt.sky"}
    assert peer.ask("samp.app.ping", {})["samp.status"] == "samp.ok"
    for value in peer.client.get_metadata(peer.find()).values():
        assert value.isascii()


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


# Bad tables

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


def refusal(peer: Peer, url: str, **options: object) -> str:
    begin = time.monotonic()
    reply = peer.send(url, **options)
    assert time.monotonic() - begin < 10
    assert reply["samp.status"] == "samp.error", reply
    sentence = reply["samp.error"]["samp.errortxt"]
    assert sentence.isascii()
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence) > 10
    return str(sentence)


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


# Once and not twice


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


# Comings and goings


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


# The process


class Serve:
    """`serve` in a process of its own, with the stand-in or as the user runs it."""

    def __init__(self, folder: Path, *command: str) -> None:
        environment = os.environ | {
            "VO_PHOTOZ_DATA_DIR": str(folder / "data"),
            "VO_PHOTOZ_LOG_DIR": str(folder / "log"),
        }
        self.process = subprocess.Popen(
            [sys.executable, *(command or (str(PARTS / "serve_stand_in.py"),))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self, words: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if words in line:
                return line.strip()
        assert self.process.stderr is not None
        raise AssertionError(self.process.stderr.read())

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=20)
        return self.process.returncode


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
