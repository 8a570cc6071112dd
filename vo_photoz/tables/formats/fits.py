"""FITS tables. Written in the convention "FITS-plus" of STIL: the primary HDU holds the VOTable document."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import Kind, Plain, free_null, mask_of, masked, null_value, objects, plain
from vo_photoz.tables.formats.fits_bounds import check_header, check_table
from vo_photoz.tables.formats.fits_notes import take_notes
from vo_photoz.tables.formats.fits_parts import parts
from vo_photoz.tables.user_table import JOB, ColumnInfo, UserTable, unique_names
from vo_photoz.tables.votable.portable import portable
from vo_photoz.tables.votable.read import read_votable
from vo_photoz.tables.votable.skeleton import Told, skeleton, with_columns
from vo_photoz.tables.votable.write import document_without_rows

_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, AttributeError, NameError)
"""What astropy raises for damaged files."""

_STRUCTURE = "XTENSION BITPIX NAXIS NAXIS1 NAXIS2 PCOUNT GCOUNT TFIELDS EXTNAME CHECKSUM DATASUM THEAP"
_COLUMN_CARDS = (
    "TTYPE",
    "TFORM",
    "TUNIT",
    "TNULL",
    "TSCAL",
    "TZERO",
    "TDISP",
    "TDIM",
    "TUCD",
    "TCOMM",
    "TUTYP",
    "TBCOL",
)
_LETTERS = {"boolean": "L", "bit": "L", "unsignedByte": "B", "short": "I", "int": "J", "long": "K"}
_LETTERS |= {"float": "E", "double": "D", "floatComplex": "C", "doubleComplex": "M"}


@contextlib.contextmanager
def _opened(stream: BinaryIO, source: str) -> Iterator[fits.HDUList]:
    check_header(stream, source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(stream, memmap=False) as hdus:
                yield hdus
    except (*_BROKEN, fits.VerifyError) as error:
        raise TableError(f"{source} cannot be read as FITS: {_sentence(error)}.") from None


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def _table_hdu(stream: BinaryIO, hdus: fits.HDUList, source: str, extension: int | None = None) -> Any:
    tables = [hdu for hdu in hdus if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))]
    if extension is not None:
        tables = [hdus[extension]]
    tables = [hdu for hdu in tables if getattr(hdu, "columns", None)]
    if not tables:
        raise TableError(f"{source} is a FITS file without a table that has columns.")
    chosen = next((hdu for hdu in tables if hdu.header["NAXIS2"]), tables[0])
    check_table(stream, chosen, source)
    return chosen


def fits_columns(stream: BinaryIO, source: str, extension: int | None = None) -> list[Plain]:
    """Columns of a FITS table in our in-memory form, with datatype and arraysize."""
    with _opened(stream, source) as hdus:
        return _columns(_table_hdu(stream, hdus, source, extension))


def _columns(hdu: Any) -> list[Plain]:
    take_notes(hdu.header)  # they speak of columns by the names that are changed here
    names = hdu.columns.names
    unique = [f"{name}#{place}" for place, name in enumerate(names)]
    for name, column in zip(unique, hdu.columns, strict=True):
        column.name = name
    raw = hdu.data.view(np.ndarray)
    table = Table.read(hdu, mask_invalid=False, character_as_bytes=True, unit_parse_strict="silent")
    return [plain(_values(table[name], raw[raw.dtype.names[place]])) for place, name in enumerate(unique)]


def _values(column: Any, raw: NDArray[Any]) -> NDArray[Any]:
    values = np.ma.asanyarray(column) if hasattr(column, "mask") else np.asarray(column)
    if values.dtype.kind == "S" and values.ndim == 1:
        return np.char.rstrip(np.ma.getdata(values))
    if values.dtype.kind == "b" and raw.shape == values.shape and raw.dtype == np.int8:
        return masked(values, raw == 0)  # neither T nor F
    return values


def read_fits(stream: BinaryIO, source: str) -> UserTable:
    """Table of a FITS file: the first that has rows.

    Raises
    ------
    TableError
        Raised if there is none, or the file is damaged.
    """
    with _opened(stream, source) as hdus:
        hdu = _table_hdu(stream, hdus, source)
        told = _told(hdu)  # before the columns are read, which renames them
        return _around(_columns(hdu), told, hdus, hdu.header, source)


def fits_batches(stream: BinaryIO, source: str, rows: int) -> Iterator[UserTable]:
    """Rows of the table that `read_fits` reads, at most ``rows`` at a time; at least one batch.

    Raises
    ------
    TableError
        As `read_fits`.
    """
    with _opened(stream, source) as hdus:
        hdu = _table_hdu(stream, hdus, source)
        first: UserTable | None = None
        for part in parts(stream, hdu, rows):
            columns = fits_columns(part, source)
            if first is None:
                first = _around(columns, _told(hdu), hdus, hdu.header, source)
            yield with_columns(first, columns)


def column_batches(stream: BinaryIO, source: str, rows: int, extension: int | None) -> Iterator[list[Plain]]:
    """Columns as `fits_columns` gives them, at most ``rows`` rows at a time."""
    with _opened(stream, source) as hdus:
        for part in parts(stream, _table_hdu(stream, hdus, source, extension), rows):
            yield fits_columns(part, source)


def _told(hdu: Any) -> list[Told]:
    notes, header = take_notes(hdu.header), hdu.header

    def text(key: str, place: int, name: str, noted: str) -> str:
        return str(header.get(f"{key}{place}", "") or notes.get(name, {}).get(noted, ""))

    return [
        Told(
            name=name or f"col{place}",
            unit=column.unit or "",
            ucd=text("TUCD", place, name, "ucd"),
            utype=text("TUTYP", place, name, "utype"),
            description=text("TCOMM", place, name, "description"),
        )
        for place, (name, column) in enumerate(zip(hdu.columns.names, hdu.columns, strict=True), 1)
    ]


def _around(
    columns: list[Plain], told: list[Told], hdus: fits.HDUList, header: Any, source: str
) -> UserTable:
    """Columns with what the file tells of them."""
    primary = hdus[0]
    document = bytes(primary.data) if primary.header.get("VOTMETA") and primary.data is not None else b""
    if document:
        empty = read_votable(io.BytesIO(document), source, rowless=True)
        if len(empty.columns) == len(columns):
            return with_columns(empty, columns)
    tables = sum(isinstance(other, (fits.BinTableHDU, fits.TableHDU)) for other in hdus)
    note = f"The file holds {tables} tables; the first with rows was taken." if tables > 1 else ""
    return skeleton(
        columns, told, title=str(header.get("EXTNAME", "")), infos=_cards(header), source=source, note=note
    )


def _cards(header: Any) -> list[tuple[str, str]]:
    cards = []
    for card in header.cards:
        key = card.keyword
        if (
            key in ("COMMENT", "HISTORY", "", *_STRUCTURE.split())
            or key.rstrip("0123456789") in _COLUMN_CARDS
        ):
            continue
        if not isinstance(card.value, fits.card.Undefined):
            cards.append((JOB if key == "VOPZJOB" else key, str(card.value)))
    for key in ("COMMENT", "HISTORY"):
        lines = [str(line) for line in header.get(key, [])]
        if lines:
            cards.append((key, "\n".join(lines)))
    return cards


# Writing


def write_fits(table: UserTable, path: Path) -> None:
    r"""Write a FITS-plus file; not atomic (see `vo_photoz.tables.write`).

    Letters outside ASCII, which FITS forbids, become escapes such as ``\xe9``; missing floats are NaN.
    """
    _, element, data = portable(table)
    columns = [ColumnInfo.of(field) for field in element.findall("FIELD")]
    names = unique_names([column.name for column in columns])
    cards = [_fits_column(*told) for told in zip(names, columns, data, strict=True)]
    hdu = fits.BinTableHDU.from_columns(fits.ColDefs(cards), name=table.title or None)
    _null_booleans(hdu, data)
    for place, column in enumerate(columns, 1):
        for key, text in (("TUCD", column.ucd), ("TUTYP", column.utype), ("TCOMM", column.description)):
            if text:
                hdu.header[f"{key}{place}"] = _ascii(text)
    if table.job:
        hdu.header["VOPZJOB"] = (_ascii(table.job), "job of vo_photoz")
    document = np.frombuffer(document_without_rows(table).encode("utf-8"), dtype=np.uint8)
    primary = fits.PrimaryHDU(document)
    primary.header["VOTMETA"] = (True, "Table metadata in VOTable format")
    fits.HDUList([primary, hdu]).writeto(path)


def _ascii(text: str) -> str:
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode("ascii")


def _fits_column(name: str, column: ColumnInfo, values: NDArray[Any]) -> fits.Column:
    kind = column.kind
    unit = _ascii(column.unit) if column.unit else None
    if kind.text:
        cells = [cell.encode("ascii", "backslashreplace") for cell in np.ma.getdata(values)]
        width = max([len(cell) for cell in cells] + [1])
        return fits.Column(_ascii(name), f"{width}A", unit=unit, array=np.array(cells, dtype=f"S{width}"))
    letter = _LETTERS[kind.datatype]
    if kind.variable:
        flat = objects(
            [np.ma.filled(np.ma.asanyarray(cell), _blank(kind)).reshape(-1) for cell in np.ma.getdata(values)]
        )
        return fits.Column(_ascii(name), f"Q{letter}()", unit=unit, array=flat)
    null = None
    data = np.ma.getdata(values)
    if np.ma.getmaskarray(values).any():
        null = _null(column.null, values, kind)
        data = np.where(np.ma.getmaskarray(values), null if null is not None else _blank(kind), data).astype(
            kind.dtype
        )
    dim = f"({','.join(map(str, kind.sizes))})" if len(kind.sizes) > 1 else None
    return fits.Column(_ascii(name), f"{kind.count}{letter}", unit=unit, null=null, dim=dim, array=data)


def _null(declared: str | None, values: NDArray[Any], kind: Kind) -> int | None:
    number = null_value(declared, kind) if kind.dtype.kind in "iu" else None
    return int(number) if number is not None else free_null(values)


def _blank(kind: Kind) -> Any:
    return np.nan if kind.dtype.kind in "fc" else kind.dtype.type(0)


def _null_booleans(hdu: Any, data: list[NDArray[Any]]) -> None:
    """FITS writes a boolean without value as a zero byte, which `fits.Column` cannot say."""
    raw = hdu.data.view(np.ndarray)
    for place, values in enumerate(data):
        if np.ma.getdata(values).dtype.kind == "b" and np.ma.getmaskarray(values).any():
            mask = mask_of(values)
            raw[raw.dtype.names[place]][mask.reshape(raw[raw.dtype.names[place]].shape)] = 0
