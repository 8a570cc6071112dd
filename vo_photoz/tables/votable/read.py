"""VOTable documents read: rows to columns; what stands around them stays as it is."""

from __future__ import annotations

import io
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element

from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import ALIASES
from vo_photoz.tables.serialisations import binary, tabledata
from vo_photoz.tables.serialisations.base64_stream import StreamDecoder
from vo_photoz.tables.user_table import ColumnInfo, UserTable
from vo_photoz.tables.votable import xmlread
from vo_photoz.tables.votable.rows import Rows


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
    table = table_of(document, source)
    if document.rows.serialisation == "FITS":
        table = _with_fits(table, document.rows)
    else:
        table.data = _columns(document.rows, table.columns, source)
    if not rowless:
        check_rows(table.table, table.n_rows, source)
    return table


def check_rows(table: Element, rows: int, source: str) -> None:
    """Compare the rows that were found with those that the document declares.

    Raises
    ------
    TableError
        Raised if there are fewer.
    """
    declared = table.get("nrows", "").strip()
    if declared.isdecimal() and int(declared[:18]) > rows:
        raise TableError(
            f"{source} is not complete: it declares {declared[:18]} rows, but holds {rows}.",
            advice="Fetch or save it again.",
        )


def table_of(document: xmlread.Document, source: str) -> UserTable:
    """Table of a document, without its rows.

    Raises
    ------
    TableError
        Raised if there is none.
    """
    if document.table is None:
        raise TableError(
            _why_none(document.root, source), advice="Give a VOTable with a TABLE that has columns."
        )
    for field in document.table.findall("FIELD"):
        _mend(field)
    note = ""
    if document.tables > 1:
        name = document.table.get("name") or document.table.get("ID") or "without a name"
        note = f"The document holds {document.tables} tables; the first with rows ({name}) was taken."
    return UserTable(document.root, document.table, [], source=source, note=note)


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
    decoder = decoder_of(rows, source)
    pieces = [decoder.add(piece) for piece in rows.pieces]
    return b"".join([*pieces, decoder.finish()])


def decoder_of(rows: Rows, source: str) -> StreamDecoder:
    """Decoder of the binary rows.

    Raises
    ------
    TableError
        Raised if they lie in another file.
    """
    if rows.serialisation == "PARQUET" or rows.attributes.get("href"):
        raise TableError(
            f"The rows of {source} lie in another file ({rows.attributes.get('href', 'not named')}).",
            advice="Save the table as one file, or give that file.",
        )
    return StreamDecoder(rows.attributes.get("encoding", "base64"), source)


def _with_fits(table: UserTable, rows: Rows) -> UserTable:
    from vo_photoz.tables.formats.fits import fits_columns  # noqa: PLC0415 - rare, and fits.py imports this file
    from vo_photoz.tables.votable.skeleton import with_columns  # noqa: PLC0415

    extension = rows.attributes.get("extnum")
    stream = io.BytesIO(_stream(rows, table.source))
    columns = fits_columns(stream, table.source, int(extension) if extension else None)
    if len(columns) != len(table.columns):
        raise TableError(
            f"{table.source} has {len(table.columns)} FIELDs, but its FITS rows have {len(columns)} columns."
        )
    return with_columns(table, columns)
