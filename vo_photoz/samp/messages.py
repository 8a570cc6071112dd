"""What SAMP messages say: built and read, without a connection. Text is ASCII: some hubs refuse the rest."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from vo_photoz import __version__
from vo_photoz.errors import UsageError

LOAD_VOTABLE, LOAD_FITS = "table.load.votable", "table.load.fits"
HIGHLIGHT_ROW, SELECT_ROWS = "table.highlight.row", "table.select.rowList"
POINT_AT = "coord.pointAt.sky"
PING = "samp.app.ping"
SHUTDOWN, DISCONNECT = "samp.hub.event.shutdown", "samp.hub.disconnect"
HUB_EVENTS = ("samp.hub.event.register", "samp.hub.event.unregister", "samp.hub.event.subscriptions")
FORMATS = {LOAD_VOTABLE: "votable", LOAD_FITS: "fits"}

OUR_NAME = "vo_photoz"
INSTANCE = "vo_photoz.instance"
"""Metadata by which one of us knows another."""

OUR_TABLES = "vo_photoz:"
"""Every identifier of a table that we send begins so."""

MAX_TEXT = 500

Params = dict[str, Any]
Reply = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """A message as it came.

    Parameters
    ----------
    sender : str
        Identifier of the sending client, valid as long as the hub lives.
    msg_id : str or None
        None for a notification, which cannot be answered.
    mtype : str
        Its type.
    params : dict
        Of the type; never trusted.
    key : str
        The registration with which it was received: an answer goes out only with the same.
    hub : str
        Tells one run of a hub from another.
    """

    sender: str
    msg_id: str | None
    mtype: str
    params: Params
    key: str = ""
    hub: str = ""


@dataclass(frozen=True)
class TableSent:
    """What table.load.votable and table.load.fits say."""

    url: str
    name: str
    table_id: str
    format: str


def ascii_text(value: object, limit: int = MAX_TEXT) -> str:
    """Text on one line in printable ASCII: accents are dropped, other letters escaped."""
    plain = unicodedata.normalize("NFKD", str(value))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    escaped = plain.encode("ascii", "backslashreplace").decode("ascii")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in escaped).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def metadata(instance: str, page: str = "") -> dict[str, str]:
    """How we present ourselves to the other clients."""
    told = {
        "samp.name": OUR_NAME,
        "samp.description.text": "Redshift densities from survey images: send a table, get it back.",
        "author.name": "The vo_photoz developers",
        "vo_photoz.version": ascii_text(__version__),
        INSTANCE: ascii_text(instance),
    }
    return told | ({"home.page": page} if page else {})


def is_one_of_us(client: Mapping[str, Any]) -> bool:
    """Whether the metadata of a client say that it is a vo_photoz, this one or another."""
    return INSTANCE in client or client.get("samp.name") == OUR_NAME


def is_aladin(client: Mapping[str, Any]) -> bool:
    """Whether the metadata of a client say that it is Aladin, whose answers may never come."""
    return str(client.get("samp.name", "")).lower().startswith("aladin")


def reads_binary2(client: Mapping[str, Any]) -> bool:
    """Whether a client is known to read BINARY2 whole: TOPCAT does, Aladin ignores its nulls."""
    return str(client.get("samp.name", "")).lower().startswith("topcat")


def is_our_table(table_id: str) -> bool:
    """Whether a table with this identifier came from us."""
    return table_id.startswith(OUR_TABLES)


def load_table(url: str, name: str, table_id: str) -> Params:
    """Params of a table.load.votable."""
    return {"url": url, "name": ascii_text(name, 100), "table-id": table_id}


def point_at(ra: float, dec: float) -> Params:
    """Params of a coord.pointAt.sky; SAMP writes numbers as text."""
    return {"ra": f"{ra:.8f}", "dec": f"{dec:.8f}"}


def ok() -> Reply:
    """An answer without a result."""
    return {"samp.status": "samp.ok", "samp.result": {}}


def failed(sentence: object) -> Reply:
    """An answer that says why not."""
    return {"samp.status": "samp.error", "samp.error": {"samp.errortxt": ascii_text(sentence)}}


def reply_error(reply: Reply) -> str:
    """Empty, or what an answer of another client complains of."""
    if reply.get("samp.status") in ("samp.ok", "samp.warning"):
        return ""
    told = reply.get("samp.error")
    text = told.get("samp.errortxt", "") if isinstance(told, dict) else ""
    return ascii_text(text) or "an error without a text"


def is_known_table(complaint: str) -> bool:
    """Whether a client refuses a table because it has it already ("Duplicate table-id")."""
    return "duplicate" in complaint.lower()


def read_table_sent(mtype: str, params: Params) -> TableSent:
    """Read a table.load message.

    Raises
    ------
    UsageError
        Raised if it names no address.
    """
    url = _text(params, "url")
    if not url:
        raise UsageError("The message names no url.", advice="Send the table again.")
    name = _text(params, "name") or PurePosixPath(unquote(urlsplit(url).path)).name or "table"
    return TableSent(url, ascii_text(name, 100), _text(params, "table-id"), FORMATS[mtype])


def read_rows(params: Params) -> tuple[str, list[int]]:
    """Identifier of the table and the rows (from 0) of a table.highlight.row or table.select.rowList."""
    rows = params.get("row-list", [params.get("row")])
    texts = [str(row) for row in rows] if isinstance(rows, list) else []
    return _text(params, "table-id"), [int(text) for text in texts if text.isdecimal()]


def _text(params: Params, name: str) -> str:
    value = params.get(name, "")
    return value.strip() if isinstance(value, str) else ""
