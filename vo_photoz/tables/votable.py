"""VOTable documents: rows to columns and columns to rows; what stands around them stays as it is."""

from __future__ import annotations

import base64
import binascii
import gzip
import io
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO
from xml.etree.ElementTree import Element

from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables import binary, tabledata, xmlread, xmlwrite
from vo_photoz.tables.fields import ALIASES
from vo_photoz.tables.portable import portable
from vo_photoz.tables.rows import Rows
from vo_photoz.tables.user_table import ColumnInfo, UserTable

Serialisation = Literal["BINARY2", "TABLEDATA"]

_ROWS = 10_000
"""Rows formatted at a time."""


def read_votable(stream: BinaryIO, source: str, *, rowless: bool = False) -> UserTable:
    """Table of a VOTable document: the first that has rows.

    Parameters
    ----------
    stream : binary file
        The document, unpacked.
    source : str
        Its name, for errors.
    rowless : bool
        Take the first table without DATA instead: its rows stand elsewhere.

    Raises
    ------
    TableError
        Raised if there is no table, or it is damaged.
    """
    document = xmlread.parse(stream, source, rowless=rowless)
    if document.table is None:
        raise TableError(
            _why_none(document.root, source), advice="Give a VOTable with a TABLE that has columns."
        )
    fields = document.table.findall("FIELD")
    for field in fields:
        _mend(field)
    columns = [ColumnInfo.of(field) for field in fields]
    note = ""
    if document.tables > 1:
        name = document.table.get("name") or document.table.get("ID") or "without a name"
        note = f"The document holds {document.tables} tables; the first with rows ({name}) was taken."
    table = UserTable(document.root, document.table, [], source=source, note=note)
    if document.rows.serialisation == "FITS":
        return _with_fits(table, document.rows)
    table.data = _columns(document.rows, columns, source)
    return table


def _why_none(root: Element, source: str) -> str:
    for info in root.iter("INFO"):
        if info.get("name") == "QUERY_STATUS" and info.get("value", "").upper() == "ERROR":
            reason = " ".join("".join(info.itertext()).split())
            return f"{source} holds no table but the error of a service: {reason[:300]}."
    return f"{source} is a VOTable without a table that has columns."


def _mend(field: Element) -> None:
    """Put a datatype that no version knows into words of the standard."""
    datatype = field.get("datatype", "")
    if datatype in ALIASES:
        field.set("datatype", ALIASES[datatype])
        if "string" in datatype.lower():
            field.set("arraysize", "*")
    elif not datatype:
        field.set("datatype", "char")
        field.attrib.setdefault("arraysize", "*")


def _columns(rows: Rows, columns: list[ColumnInfo], source: str) -> list[NDArray[Any]]:
    kinds = [column.kind for column in columns]
    if rows.serialisation == "TABLEDATA":
        return [
            tabledata.decode(rows.column(place), column.kind, column.null, column.name)
            for place, column in enumerate(columns)
        ]
    stream = _stream(rows, source)
    flags = rows.serialisation == "BINARY2"
    return binary.decode(stream, kinds, [column.null for column in columns], flags=flags)


def _stream(rows: Rows, source: str) -> bytes:
    if rows.serialisation == "PARQUET" or rows.attributes.get("href"):
        raise TableError(
            f"The rows of {source} lie in another file ({rows.attributes.get('href', 'not named')}).",
            advice="Save the table as one file, or give that file.",
        )
    try:
        stream = base64.b64decode(rows.stream)
        if rows.attributes.get("encoding") == "gzip":
            stream = gzip.decompress(stream)
    except (binascii.Error, OSError, EOFError) as error:
        raise TableError(
            f"The rows of {source} cannot be decoded: {error}.", advice="Save it again."
        ) from None
    return stream


def _with_fits(table: UserTable, rows: Rows) -> UserTable:
    from vo_photoz.tables.fits import fits_columns  # noqa: PLC0415 - rare, and fits.py imports this file
    from vo_photoz.tables.skeleton import with_columns  # noqa: PLC0415

    extension = rows.attributes.get("extnum")
    stream = io.BytesIO(_stream(rows, table.source))
    columns = fits_columns(stream, table.source, int(extension) if extension else None)
    if len(columns) != len(table.columns):
        raise TableError(
            f"{table.source} has {len(table.columns)} FIELDs, but its FITS rows have {len(columns)} columns."
        )
    return with_columns(table, columns)


# Writing


def write_votable(table: UserTable, path: Path, serialisation: Serialisation) -> None:
    """Write the document with all its rows; not atomic (see `vo_photoz.tables.write`)."""
    root, element, data = portable(table, fixed_text=serialisation == "TABLEDATA")
    columns = [ColumnInfo.of(field) for field in element.findall("FIELD")]
    with path.open("w", encoding="utf-8", newline="\n") as out:
        if serialisation == "TABLEDATA":
            xmlwrite.write(root, out, table=element, data=lambda out: _write_tabledata(out, columns, data))
        else:
            xmlwrite.write(root, out, table=element, data=lambda out: _write_binary2(out, columns, data))


def document_without_rows(table: UserTable) -> str:
    """The VOTable document alone, for files that keep the rows elsewhere."""
    root, _, _ = portable(table)
    out = io.StringIO()
    xmlwrite.write(root, out)
    return out.getvalue()


def _write_tabledata(out: TextIO, columns: list[ColumnInfo], data: list[NDArray[Any]]) -> None:
    out.write("<DATA>\n<TABLEDATA>\n")
    kinds = [column.kind for column in columns]
    for start in range(0, len(data[0]), _ROWS):
        part = slice(start, start + _ROWS)
        cells = [
            tabledata.encode(values[part], kind, column.null)
            for values, kind, column in zip(data, kinds, columns, strict=True)
        ]
        rows = map("</TD><TD>".join, zip(*cells, strict=True))
        out.write("".join([f"<TR><TD>{row}</TD></TR>\n" for row in rows]))
    out.write("</TABLEDATA>\n</DATA>\n")


def _write_binary2(out: TextIO, columns: list[ColumnInfo], data: list[NDArray[Any]]) -> None:
    out.write('<DATA>\n<BINARY2>\n<STREAM encoding="base64">\n')
    rest = b""
    for block in binary.encode(
        data, [column.kind for column in columns], [column.null for column in columns]
    ):
        raw = rest + block
        whole = len(raw) - len(raw) % 57
        rest = raw[whole:]
        out.write(binascii.b2a_base64(raw[:whole], newline=False).decode("ascii"))
        out.write("\n")
    out.write(binascii.b2a_base64(rest, newline=False).decode("ascii"))
    out.write("\n</STREAM>\n</BINARY2>\n</DATA>\n")
