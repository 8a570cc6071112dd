"""What an archive answers: a VOTable with a status, never to be trusted before it is read to its end."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from vo_photoz.errors import ProtocolError, ServiceError, TableError, Truncated
from vo_photoz.flow import NewColumn
from vo_photoz.tables.user_table import ColumnInfo, UserTable, text_of
from vo_photoz.tables.votable.read import read_votable
from vo_photoz.tap.services import documents
from vo_photoz.tap.services.failures import failure

LONGEST = 300
WORDS = 100_000
"""Bytes of an error page that are looked at."""


class CutShort(ProtocolError):
    """An answer that ends before its last tag."""


class Overflow(Truncated):
    """An answer that was cut.

    Parameters
    ----------
    message : str
        As in `vo_photoz.errors.PhotozError`.
    rows : int
        Rows that came.
    advice, url
        As in `vo_photoz.errors.PhotozError`.
    """

    def __init__(self, message: str, *, rows: int, advice: str = "", url: str | None = None) -> None:
        super().__init__(message, advice=advice, url=url)
        self.rows = rows


@dataclass(frozen=True)
class Answer:
    """Rows of a query.

    Parameters
    ----------
    columns : list of NewColumn
        With the unit, UCD and description that the service gives.
    url : str
        Where they come from.
    """

    columns: list[NewColumn]
    url: str

    def __len__(self) -> int:
        return len(self.columns[0].values) if self.columns else 0

    def column(self, name: str) -> NewColumn:
        """Column of this name in any letter case.

        Raises
        ------
        ProtocolError
            Raised if the service did not return it.
        """
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise ProtocolError(
            f"{self.url} did not return the column {name}.",
            advice=f"It returned {', '.join(c.name for c in self.columns)}: mend the query.",
            url=self.url,
        )


def read_answer(body: bytes, url: str, maxrec: int) -> Answer:
    """Read the VOTable of a query.

    Parameters
    ----------
    body : bytes
        The whole answer.
    url : str
        Where it comes from.
    maxrec : int
        The MAXREC that was sent.

    Raises
    ------
    ServiceError
        Raised if the service reports an error, with its words.
    Truncated
        Raised if there are more rows than the service returned.
    ProtocolError
        Raised if the answer is not a whole VOTable with a table.
    """
    _check_ends(body, url)
    try:
        table = read_votable(BytesIO(body), "The answer")
    except TableError as error:
        raise _unreadable(error, body, url) from None
    except (ValueError, IndexError, OverflowError, MemoryError) as error:
        raise ProtocolError(
            f"{url} sent a VOTable that cannot be read: {_short(str(error))}.", url=url
        ) from None
    status, words = _status(table.root)
    if status == "ERROR":
        raise _reported(words, url)
    if status == "OVERFLOW" or table.n_rows >= maxrec > 0:
        raise _overflow(table.n_rows, maxrec, url)
    return Answer([_column(table, place) for place in range(len(table.columns))], url)


def _overflow(rows: int, maxrec: int, url: str) -> Overflow:
    whose = (
        f"MAXREC={maxrec}"
        if rows >= maxrec > 0
        else f"its own limit of {rows} rows (MAXREC={maxrec} was sent)"
    )
    return Overflow(
        f"{url} returned {rows} rows and there are more: the answer is cut at {whose}.",
        rows=rows,
        advice="Ask for fewer rows at a time, or for a smaller radius.",
        url=url,
    )


def _reported(words: str, url: str) -> ServiceError:
    return failure(f"{url} reports: {_short(words)}", words, url)


def _unreadable(error: TableError, body: bytes, url: str) -> ServiceError:
    """The error of an answer without a readable table: what the service reports, else what is wrong."""
    words = _reported_words(body)
    if words is not None:
        return _reported(words, url)
    return ProtocolError(f"{url} sent a VOTable that cannot be read: {_short(error.message)}", url=url)


def error_words(body: bytes) -> str:
    """The service's own words in an error document: a VOTable, else any text without its tags."""
    words = _reported_words(body)
    if not words:
        words = re.sub(
            r"<(script|style).*?</\1>|<[^>]*>", " ", body[:WORDS].decode("utf-8", "replace"), flags=re.S
        )
    return _short(words)


def _reported_words(body: bytes) -> str | None:
    """Words of the QUERY_STATUS of an error document; None if it is none."""
    try:
        status, words = _status(documents.tree(body, "", "a VOTable"))
    except ProtocolError:
        return None
    return words if status == "ERROR" else None


def _check_ends(body: bytes, url: str) -> None:
    """The body is a VOTable, from its first tag to its last."""
    start = body[:4096].lstrip()
    if not re.search(rb"<(\w+:)?VOTABLE\b", start):
        kind = "a page of HTML" if b"<html" in start.lower() else "something else"
        told = _short(start[:LONGEST].decode("utf-8", "replace"))
        raise ProtocolError(
            f"{url} answered with {kind} instead of a VOTable: {told}", advice="Is it a TAP service?", url=url
        )
    if not re.search(rb"</(\w+:)?VOTABLE\s*>\s*$", body[-1024:]):
        raise CutShort(f"The answer of {url} ends in the middle.", advice="Try again.", url=url)
    # What the body unpacks to has no limit that could be known before; archives pack whole answers instead.
    if re.search(rb"<(\w+:)?STREAM\b[^>]*(gzip|&#)", body):
        raise ProtocolError(f"{url} sent rows packed inside its VOTable, which cannot be read.", url=url)


def _status(root: Element) -> tuple[str, str]:
    """Value and text of the last QUERY_STATUS: an overflow or a late failure follows an earlier OK."""
    found = [one for one in documents.inside(root, "INFO") if one.get("name") == "QUERY_STATUS"]
    return (found[-1].get("value", "").upper(), text_of(found[-1])) if found else ("", "")


def _column(table: UserTable, place: int) -> NewColumn:
    info: ColumnInfo = table.columns[place]
    return NewColumn(
        info.name,
        _plain(table.data[place]),
        _unit(info.unit),
        info.ucd or "",
        " ".join(info.description.split()),
    )


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Masked array; text as text, null where it is empty."""
    mask: NDArray[np.bool_] = np.array(np.ma.getmaskarray(values))
    data = np.ma.getdata(values)
    if data.dtype == object and all(isinstance(value, str) for value in data):
        texts = ["" if no else value for value, no in zip(data, mask, strict=True)]
        return np.ma.MaskedArray(np.array(texts, dtype=str), mask=[not text for text in texts])
    if data.dtype.kind == "f":
        mask |= np.isnan(data)
    return np.ma.MaskedArray(data, mask=mask)


def _unit(unit: str | None) -> str:
    """A unit as VOUnits writes it; as it is where astropy does not know it."""
    if not unit:
        return ""
    for written in ("vounit", "cds", "generic"):
        with suppress(ValueError, TypeError):
            return str(u.Unit(unit, format=written, parse_strict="raise").to_string("vounit"))
    return unit


def _short(words: str) -> str:
    seen = "".join(c if c.isprintable() else " " for c in words.replace("\ufffd", " "))
    text = " ".join(seen.split()) or "(no words)"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
