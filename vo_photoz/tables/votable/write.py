"""VOTable documents written: the tree, and in it the rows, which may come batch by batch."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TextIO, cast
from xml.etree.ElementTree import Element

import pybase64
from numpy.typing import NDArray

from vo_photoz.tables.serialisations import binary_write, tabledata_write
from vo_photoz.tables.user_table import ColumnInfo, UserTable
from vo_photoz.tables.votable import xmlwrite
from vo_photoz.tables.votable.portable import portable

Serialisation = Literal["BINARY2", "TABLEDATA"]
Batch = list[NDArray[Any]]
"""Columns of some rows."""


def write_votable(table: UserTable, path: Path, serialisation: Serialisation) -> None:
    """Write the document with all its rows; not atomic (see `vo_photoz.tables.write`)."""
    root, element, data = portable(table, fixed_text=serialisation == "TABLEDATA")
    write_document(root, element, [data], path, serialisation)


def write_document(
    root: Element, table: Element, batches: Iterable[Batch], path: Path, serialisation: Serialisation
) -> None:
    """Write a document whose rows come batch by batch; not atomic.

    Parameters
    ----------
    root, table : Element
        The tree, as `vo_photoz.tables.votable.portable.portable` gives it. What is appended to the elements
        around the table while the batches are taken is written behind the rows.
    batches : iterable of list of array
        Columns of some rows each, in the order of the FIELDs.
    path : Path
        The file.
    serialisation : str
        "BINARY2" or "TABLEDATA".
    """
    columns = [ColumnInfo.of(field) for field in table.findall("FIELD")]
    rows = _write_tabledata if serialisation == "TABLEDATA" else _write_binary2
    with path.open("w", encoding="utf-8", newline="\n") as out:
        xmlwrite.write(root, out, table=table, data=lambda out: rows(out, columns, batches))


def document_without_rows(table: UserTable) -> str:
    """The VOTable document alone, for files that keep the rows elsewhere."""
    root, _, _ = portable(table)
    out = io.StringIO()
    xmlwrite.write(root, out)
    return out.getvalue()


def _write_tabledata(out: TextIO, columns: list[ColumnInfo], batches: Iterable[Batch]) -> None:
    out.write("<DATA>\n<TABLEDATA>\n")
    kinds, nulls = [column.kind for column in columns], [column.null for column in columns]
    raw = _bytes_of(out)
    for data in batches:
        for block in tabledata_write.encode(data, kinds, nulls):
            raw.write(block)
    out.write("</TABLEDATA>\n</DATA>\n")


def _write_binary2(out: TextIO, columns: list[ColumnInfo], batches: Iterable[Batch]) -> None:
    out.write('<DATA>\n<BINARY2>\n<STREAM encoding="base64">\n')
    kinds, nulls = [column.kind for column in columns], [column.null for column in columns]
    raw = _bytes_of(out)
    rest = b""
    for data in batches:
        for block in binary_write.encode(data, kinds, nulls):
            # Three bytes become four letters: what is over goes with the next block.
            first = min(-len(rest) % 3, len(block))
            last = len(block) - (len(block) - first) % 3
            head, body = rest + block[:first].tobytes(), block[first:last]
            rest = block[last:].tobytes()
            if len(head) % 3:
                rest, head = head + rest, b""
            raw.write(pybase64.b64encode(head))
            raw.write(pybase64.b64encode(body.data))
            raw.write(b"\n")
    raw.write(pybase64.b64encode(rest))
    out.write("\n</STREAM>\n</BINARY2>\n</DATA>\n")


def _bytes_of(out: TextIO) -> io.BufferedWriter:
    """The file below a text file, to which bytes are written faster."""
    out.flush()
    return cast("io.TextIOWrapper", out).buffer  # type: ignore[return-value]
