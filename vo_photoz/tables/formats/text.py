"""Tables as text: CSV (and its relatives with tab, semicolon or bar) and ECSV."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
from astropy.table import Column, Table
from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import plain
from vo_photoz.tables.formats.csv_stream import CsvStream, again
from vo_photoz.tables.formats.parquet import from_arrow
from vo_photoz.tables.user_table import Columns, UserTable
from vo_photoz.tables.votable.skeleton import Told, skeleton, with_columns

_BROKEN = (ValueError, LookupError, TypeError, AttributeError, OSError, ImportError, RecursionError)
"""What astropy raises for damaged files."""

_ENOUGH = 8 << 20
"""Bytes of lines that are read together."""


def read_csv(stream: BinaryIO, source: str) -> UserTable:
    """Table of a CSV file with a line of names; see `vo_photoz.tables.formats.csv_stream.CsvStream`.

    Types are found from all rows: integer, float, boolean, else text; dates and sexagesimal angles stay text.

    Raises
    ------
    TableError
        Raised if it is no table, or rows differ in length.
    """
    rows = CsvStream(stream, source)
    table = pa.concat_tables(again(lambda: list(rows)))
    columns = [plain(from_arrow(table.column(place), name)) for place, name in enumerate(rows.names)]
    return skeleton(columns, [Told(name) for name in rows.names], source=source)


def csv_batches(rows: CsvStream, source: str) -> Iterator[UserTable]:
    """Rows of a CSV file as they come; at least one batch. The columns are made when they are asked for.

    Raises
    ------
    ReadAgain
        Raised if a row does not fit the types; begin again.
    TableError
        As `read_csv`.
    """
    first: UserTable | None = None
    for piece in rows:
        columns = ArrowColumns(piece, rows.names)
        if first is None:
            made = [plain(values) for values in columns]
            first = skeleton(made, [Told(name) for name in rows.names], source=source)
        yield UserTable(first.root, first.table, cast("list[NDArray[Any]]", columns), source=source)


class ArrowColumns(Columns):
    """Columns of a record batch, each in our form when it is first asked for.

    Parameters
    ----------
    batch : pyarrow.Table
        Some rows.
    names : list of str
        Names of the columns, for errors.
    """

    def __init__(self, batch: Any, names: list[str]) -> None:
        self._batch = batch
        self._names = names
        self._made: dict[int, NDArray[Any]] = {}
        self.n_rows = len(batch)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, place: Any) -> Any:
        if place not in self._made:
            column = self._batch.column(place)
            self._made[place] = plain(from_arrow(column, self._names[place]))[0]
        return self._made[place]

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return int(self._batch.nbytes)

    def take(self, wanted: NDArray[np.bool_]) -> ArrowColumns:
        """Columns of the wanted rows."""
        return ArrowColumns(self._batch.filter(pa.array(wanted)), self._names)


def read_ecsv(stream: BinaryIO, source: str) -> UserTable:
    """Table of an ECSV file, with units and descriptions.

    Raises
    ------
    TableError
        Raised if the file is damaged.
    """
    return _ecsv(stream.read(), source)


def ecsv_batches(stream: BinaryIO, source: str, rows: int) -> Iterator[UserTable]:
    """Rows of the table that `read_ecsv` reads, some ``rows`` lines at a time; at least one batch.

    Raises
    ------
    TableError
        As `read_ecsv`.
    """
    head = b""
    for line in stream:
        head += line
        if not line.startswith(b"#"):
            break
    first: UserTable | None = None
    while lines := _lines(stream, rows):
        table = _ecsv(head + lines, source)
        first = first or table
        yield with_columns(first, [plain(values) for values in table.data])
    if first is None:
        yield _ecsv(head, source)


def _lines(stream: BinaryIO, rows: int) -> bytes:
    """Lines of about so many rows, fewer where they are long; a cell in quotes may hold line ends."""
    lines: list[bytes] = []
    size = quotes = 0
    while (len(lines) < rows and size < _ENOUGH) or quotes % 2:
        line = stream.readline()
        if not line:
            break
        lines.append(line)
        size += len(line)
        quotes += line.count(b'"')
    return b"".join(lines)


def _ecsv(raw: bytes, source: str) -> UserTable:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            table = Table.read(text, format="ascii.ecsv")
        except _BROKEN as error:
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
