"""What an archive answers: a VOTable with a status, never to be trusted before it is read to its end."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.parsers.expat import ExpatError

import numpy as np
from astropy.io import votable
from numpy.typing import NDArray

from vo_photoz.errors import ProtocolError, ServiceError, Truncated
from vo_photoz.flow import NewColumn

UNREADABLE = (
    ValueError, TypeError, KeyError, IndexError, EOFError, OSError, ExpatError, struct.error,
    votable.exceptions.VOWarning,
)  # fmt: skip
"""What astropy's reader raises at a damaged VOTable."""

LONGEST = 300


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
    tree = _parse(body, url)
    status, words = _status(tree)
    if status == "ERROR":
        raise ServiceError(f"{url} reports: {_short(words)}", url=url)
    table = _result(tree, url)
    if status == "OVERFLOW" or len(table.array) >= maxrec > 0:
        rows = len(table.array)
        whose = (
            f"MAXREC={maxrec}"
            if rows >= maxrec
            else f"its own limit of {rows} rows (MAXREC={maxrec} was sent)"
        )
        raise Truncated(
            f"{url} returned {rows} rows and there are more: the answer is cut at {whose}.",
            advice="Ask for fewer rows at a time, or for a smaller radius.",
            url=url,
        )
    names = table.array.dtype.names or ()
    columns = [
        NewColumn(
            str(field.name),
            _plain(table.array[name]),
            _unit(field.unit),
            str(field.ucd or ""),
            " ".join(str(field.description or "").split()),
        )
        for field, name in zip(table.fields, names, strict=True)
    ]
    return Answer(columns, url)


def error_words(body: bytes) -> str:
    """The service's own words in an error document: a VOTable, else any text without its tags."""
    try:
        status, words = _status(_parse(body, ""))
    except ProtocolError:
        status, words = "", ""
    if status != "ERROR" or not words:
        words = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", body.decode("utf-8", "replace"), flags=re.S)
    return _short(words)


def _parse(body: bytes, url: str) -> Any:
    start = body[:4096].lstrip()
    if not re.search(rb"<(\w+:)?VOTABLE\b", start):
        kind = "a page of HTML" if b"<html" in start.lower() else "something else"
        told = _short(start[:LONGEST].decode("utf-8", "replace"))
        raise ProtocolError(
            f"{url} answered with {kind} instead of a VOTable: {told}", advice="Is it a TAP service?", url=url
        )
    if not re.search(rb"</(\w+:)?VOTABLE\s*>\s*$", body[-1024:]):
        raise ProtocolError(f"The answer of {url} ends in the middle.", advice="Try again.", url=url)
    try:
        return votable.parse(BytesIO(body), verify="ignore")
    except UNREADABLE as error:
        raise ProtocolError(
            f"{url} sent a VOTable that cannot be read: {_short(str(error))}.", url=url
        ) from None


def _status(tree: Any) -> tuple[str, str]:
    """Value and text of the last QUERY_STATUS: an overflow or a late failure follows an earlier OK."""
    infos = [info for part in (tree, *_resources(tree)) for info in part.infos]
    found = [(str(i.value).upper(), str(i.content or "")) for i in infos if i.name == "QUERY_STATUS"]
    return found[-1] if found else ("", "")


def _resources(part: Any) -> list[Any]:
    return [inner for resource in part.resources for inner in (resource, *_resources(resource))]


def _result(tree: Any, url: str) -> Any:
    resources = sorted(_resources(tree), key=lambda resource: resource.type != "results")
    for resource in resources:
        if resource.tables:
            return resource.tables[0]
    raise ProtocolError(f"The VOTable of {url} holds no table.", url=url)


def _plain(values: Any) -> NDArray[Any]:
    """Masked array in native byte order; text as text."""
    mask: NDArray[np.bool_] = np.array(np.ma.getmaskarray(values))
    data = np.ma.getdata(values)
    if data.dtype == object or data.dtype.kind == "S":
        gone = [bool(np.all(row)) for row in mask]
        texts = ["" if no or value is None else _text(value) for value, no in zip(data, gone, strict=True)]
        return np.ma.MaskedArray(np.array(texts, dtype=str), mask=[not text for text in texts])
    native = data.astype(data.dtype.newbyteorder("="), copy=False)
    if native.dtype.kind == "f":
        mask |= np.isnan(native)
    return np.ma.MaskedArray(native, mask=mask)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _unit(unit: Any) -> str:
    if unit is None:
        return ""
    try:
        return str(unit.to_string("vounit"))
    except ValueError:
        return str(unit)


def _short(words: str) -> str:
    seen = "".join(c if c.isprintable() else " " for c in words.replace("\ufffd", " "))
    text = " ".join(seen.split()) or "(no words)"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
