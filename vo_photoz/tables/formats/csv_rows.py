"""The text of a CSV file in pieces of whole rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from vo_photoz.errors import TableError

_PIECE = 4 << 20
"""Bytes that are read at a time."""
_LONGEST_ROW = 64 << 20


def row_pieces(stream: BinaryIO, delimiter: str, encoding: str, source: str) -> Iterator[bytes]:
    """Pieces of some MB that end where a row ends, in UTF-8.

    Parameters
    ----------
    stream : binary file
        Stands at the rows.
    delimiter, encoding : str
        Those of the file.
    source : str
        Its name, for errors.

    Raises
    ------
    TableError
        Raised if the text holds NUL bytes, a row is longer than 64 MB, or the last quoted cell never ends.
    """
    rows = _whole_rows(delimiter)
    rest, size = b"", _PIECE
    while raw := stream.read(size):
        if b"\0" in raw:
            raise TableError(f"{source} is not a table: it holds NUL bytes.", advice="Save it as text.")
        rest += raw if encoding == "utf8" else raw.decode(encoding).encode("utf8")
        if end := _end(rest, rows):
            yield rest[:end]
            rest, size = rest[end:], _PIECE
        elif len(rest) < _LONGEST_ROW:
            size = 3 * len(rest)  # a row of many MB is not looked through again and again
        else:
            break
    if raw:
        raise TableError(
            f"{source} cannot be read as CSV: a row, or a quoted cell that never ends, is longer than 64 MB.",
            advice="Fetch or save it again.",
        )
    if not rows.fullmatch(rest + b"\n"):
        raise TableError(
            f"{source} cannot be read as CSV: a quoted cell of its last row never ends.",
            advice="Fetch or save it again.",
        )
    yield rest


def _whole_rows(delimiter: str) -> re.Pattern[bytes]:
    """What matches as many whole rows as there are.

    A quote opens a cell only at its beginning, as Arrow takes it; elsewhere it is a character like others.
    All repetitions are possessive: the time is linear in the text, whatever it holds.
    """
    before = re.escape(delimiter.encode()) + rb"\r\n"
    quoted = rb'(?<![^%b])"(?:[^"]++|"")*+"' % before
    within = rb'(?<=[^%b])"' % before
    return re.compile(rb'(?:(?:[^"\r\n]++|%b|%b)*+[\r\n])*+' % (quoted, within))


def _end(text: bytes, rows: re.Pattern[bytes]) -> int:
    """Where the last whole row ends; 0 where none does."""
    if b'"' not in text:
        return max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    found = rows.match(text)
    return found.end() if found else 0
