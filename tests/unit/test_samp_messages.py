"""What SAMP messages say, and what the lockfile says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_photoz.errors import TableError, UsageError
from vo_photoz.samp import messages
from vo_photoz.samp.connection import Client
from vo_photoz.samp.lockfile import hub_identity, lockfile_path, read_lockfile


@given(st.text(), st.integers(3, 50))
def test_text_is_one_line_of_printable_ascii(text: str, limit: int) -> None:
    line = messages.ascii_text(text, limit)
    assert line.isascii()
    assert len(line) <= limit
    assert line == "" or line.isprintable()


def test_letters_keep_their_meaning() -> None:
    assert messages.ascii_text("Gal\u00e1xia \u03b1\u0007\n2") == r"Galaxia \u03b1 2"


def test_metadata_are_ascii_and_make_us_known() -> None:
    told = messages.metadata("abc")
    assert all(key.isascii() and value.isascii() for key, value in told.items())
    assert messages.is_one_of_us(told)
    assert messages.is_one_of_us({"samp.name": "vo_photoz"})
    assert not messages.is_one_of_us({"samp.name": "topcat"})


@pytest.mark.parametrize(
    ("name", "is_it"), [("Aladin", True), ("aladin lite", True), ("topcat", False), ("", False)]
)
def test_aladin_is_known_by_its_name(name: str, is_it: bool) -> None:
    assert messages.is_aladin({"samp.name": name}) is is_it


def test_a_table_message() -> None:
    params = {"url": " http://127.0.0.1:1/t.vot ", "name": "t1", "table-id": "topcat:1"}
    sent = messages.read_table_sent("table.load.votable", params)
    assert sent == messages.TableSent("http://127.0.0.1:1/t.vot", "t1", "topcat:1", "votable")
    bare = messages.read_table_sent("table.load.fits", {"url": "file:///a/my%20table.fits", "name": 7})
    assert bare == messages.TableSent("file:///a/my%20table.fits", "my table.fits", "", "fits")
    for nothing in ({}, {"url": ""}, {"url": ["list"]}):
        with pytest.raises(UsageError, match="no url"):
            messages.read_table_sent("table.load.votable", nothing)


@pytest.mark.parametrize(
    ("params", "rows"),
    [
        ({"row": "4"}, [4]),
        ({"row": "-1"}, []),
        ({"row": "four"}, []),
        ({}, []),
        ({"row-list": ["1", "x", "22"]}, [1, 22]),
        ({"row-list": []}, []),
        ({"row-list": "12"}, []),
    ],
)
def test_rows(params: dict[str, object], rows: list[int]) -> None:
    assert messages.read_rows({"table-id": "t", **params}) == ("t", rows)


def test_answers() -> None:
    refused = messages.failed(TableError("No positions.", advice="Add \u03b1."))
    assert refused["samp.status"] == "samp.error"
    assert messages.reply_error(refused) == r"No positions. Add \u03b1."
    assert messages.reply_error(messages.ok()) == ""
    assert messages.reply_error({"samp.status": "samp.error"}) != ""
    assert messages.is_known_table("Duplicate table-id: ignored")


def test_wildcards_of_subscriptions() -> None:
    client = Client("c1", {"samp.name": "x"}, ("table.load.*", "image.load.fits"))
    assert client.takes("table.load.votable")
    assert client.takes("image.load.fits")
    assert not client.takes("table.highlight.row")
    assert Client("c2", {}, ("*",)).takes("anything")


def test_lockfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my lockfile"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://localhost{tmp_path}/my%20lockfile")
    assert lockfile_path() == path
    assert read_lockfile(path) is None
    path.write_text("# half written\nsamp.secret=a\n")
    assert read_lockfile(path) is None
    path.write_text("samp.secret=a=b\n# comment\nsamp.hub.xmlrpc.url=http\\://127.0.0.1\\:1/\n\nodd line\n")
    params = read_lockfile(path)
    assert params is not None
    assert (params["samp.secret"], params["samp.hub.xmlrpc.url"]) == ("a=b", "http://127.0.0.1:1/")
    assert "a=b" not in hub_identity(params)


def test_lockfile_at_home_or_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SAMP_HUB", raising=False)
    assert lockfile_path() == tmp_path / ".samp"
    for wrong in ("std-lockurl:http://example.org/samp", "other-profile:x"):
        monkeypatch.setenv("SAMP_HUB", wrong)
        with pytest.raises(UsageError, match="not a local lockfile"):
            lockfile_path()
