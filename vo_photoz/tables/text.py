"""Tables as text: CSV (and its relatives with tab, semicolon or bar) and ECSV."""

from __future__ import annotations

import csv
import warnings
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from astropy.table import Column, Table
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import plain
from vo_photoz.tables.parquet import from_arrow
from vo_photoz.tables.skeleton import Told, skeleton
from vo_photoz.tables.user_table import UserTable

# Words for "no value". NaN is not among them: it is a number to us.
_NULLS = ["", "null", "NULL", "None", "N/A", "n/a", "NA", "#N/A", "--", "\\N"]


def read_csv(stream: BinaryIO, source: str) -> UserTable:
    """Table of a CSV file with a line of names.

    Lines that begin with ``#`` above the names are left out. Types are found from all rows: integer, float,
    boolean, else text; dates and sexagesimal angles stay text.

    Raises
    ------
    TableError
        Raised if it is no table, or rows differ in length.
    """
    text = _decoded(stream.read(), source)
    skipped, line = _names_line(text)
    delimiter = max(",;\t|", key=line.count)
    names = [
        name.strip() for name in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    ]
    names[0] = names[0].lstrip("#").strip() if names else ""
    if not [name for name in names if name]:
        raise TableError(f"{source} is not a table: its first line holds no names of columns.")
    if len(names) == 1 and _prose(line):
        raise TableError(f"{source} is not a table: its first line is '{line.strip()[:60]}'.")
    table = _rows(text[skipped:].encode("utf-8"), len(names), delimiter, source)
    told = [Told(name or f"col{place}") for place, name in enumerate(names, 1)]
    columns = [plain(from_arrow(table.column(place), told[place].name)) for place in range(len(names))]
    return skeleton(columns, told, source=source)


def _decoded(raw: bytes, source: str) -> str:
    if b"\0" in raw[:4096]:
        raise TableError(f"{source} is not a table: it holds binary data of no known format.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _names_line(text: str) -> tuple[int, str]:
    """Place after the line of names, and that line."""
    at = 0
    comment = ""
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end].rstrip("\r")
        at = end + 1
        if line.startswith("#"):
            comment = comment or line
        elif line.strip():
            return at, line
    return at, comment


def _prose(line: str) -> bool:
    return len(line.split()) > 3 or line.lstrip()[:1] in ("{", "<", "%")


def _rows(raw: bytes, count: int, delimiter: str, source: str) -> Any:
    names = [f"c{place}" for place in range(count)]
    if not raw.strip():
        return pa.table({name: pa.array([], pa.string()) for name in names})
    parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    read = arrow_csv.ReadOptions(column_names=names, use_threads=False)
    types: dict[str, Any] = {}
    for _ in range(2):  # again where a column was taken for dates or times
        convert = arrow_csv.ConvertOptions(
            column_types=types, null_values=_NULLS, strings_can_be_null=False, timestamp_parsers=[]
        )
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(raw), read_options=read, parse_options=parse, convert_options=convert
            )
        except pa.ArrowInvalid as error:
            raise TableError(
                f"{source} cannot be read as CSV: {' '.join(str(error).split())[:200]}.",
                advice="Every row needs as many cells as there are names.",
            ) from None
        odd = {field.name: pa.string() for field in table.schema if _odd(field.type)}
        if not odd:
            break
        types |= odd
    return table


def _odd(kind: Any) -> bool:
    return bool(pa.types.is_temporal(kind) or pa.types.is_null(kind) or pa.types.is_binary(kind))


def read_ecsv(stream: BinaryIO, source: str) -> UserTable:
    """Table of an ECSV file, with units and descriptions.

    Raises
    ------
    TableError
        Raised if the file is damaged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            table = Table.read(_decoded(stream.read(), source), format="ascii.ecsv")
        except (ValueError, TypeError, KeyError, OSError, ImportError) as error:
            reason = " ".join(str(error).split())[:200]
            raise TableError(f"{source} cannot be read as ECSV: {reason}.") from None
        return from_astropy(table, source)


def from_astropy(table: Table, source: str) -> UserTable:
    """A table of ours from an astropy Table (mixins such as Time become text or columns of their own)."""
    parts = [part for name in table.colnames for part in _parts(table, name)]
    told = [
        Told(
            name=column.name,
            unit=_unit(column),
            ucd=str(column.info.meta.get("ucd", "") if column.info.meta else ""),
            description=column.info.description or "",
        )
        for column in parts
    ]
    columns = [plain(_values(column)) for column in parts]
    infos = [
        (str(key), str(value)) for key, value in table.meta.items() if isinstance(value, (str, int, float))
    ]
    return skeleton(columns, told, title=str(table.meta.get("name", "")), infos=infos, source=source)


def _parts(table: Table, name: str) -> list[Column]:
    column = table[name]
    if isinstance(column, Column):
        return [column]
    if hasattr(column, "isot"):  # Time
        return [Column(column.isot, name=name)]
    if hasattr(column, "spherical"):  # SkyCoord
        sky = column.icrs.spherical
        return [
            Column(sky.lon.deg, name="ra", unit="deg", meta={"ucd": "pos.eq.ra"}),
            Column(sky.lat.deg, name="dec", unit="deg", meta={"ucd": "pos.eq.dec"}),
        ]
    if hasattr(column, "unit") and hasattr(column, "value"):  # Quantity, Angle
        values = Column(np.asarray(column.value), name=name, unit=column.unit)
        values.info.description = column.info.description
        return [values]
    return [Column([str(cell) for cell in column], name=name)]


def _unit(column: Column) -> str:
    if column.unit is None:
        return ""
    try:
        return str(column.unit.to_string("vounit"))
    except (ValueError, AttributeError):
        return str(column.unit)


def _values(column: Column) -> NDArray[Any]:
    return np.ma.MaskedArray(column.data) if hasattr(column, "mask") else np.asarray(column)
