"""Any table in, batch by batch: memory is bounded, whatever the size of the file."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from vo_photoz.tables.formats.csv_stream import CsvStream, ReadAgain, again
from vo_photoz.tables.formats.parquet import parquet_batches
from vo_photoz.tables.formats.text import ArrowColumns, csv_batches, ecsv_batches
from vo_photoz.tables.read import opened
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.batches import votable_batches

__all__ = ["BATCH_ROWS", "ReadAgain", "TableBatches", "again", "bytes_of", "some_rows"]

BATCH_ROWS = 50_000
"""Rows of a batch, where the caller asks for no other number."""


class TableBatches:
    """A table in any format that `read_table` knows, as batches of rows.

    Every iteration reads the file from its beginning and gives at least one batch. The batches of one share
    one tree (`UserTable.root`), which is complete after the last: a document may tell more behind its rows. A
    text file may turn out to hold other types than its first rows told; the iteration then ends with
    `ReadAgain`, and the next one knows. `again` does that.

    Parameters
    ----------
    path : str or Path
        The file.
    format : str or None
        As of `read_table`.
    rows : int
        Rows of a batch at most (of a text file about as many).

    Raises
    ------
    TableError, UsageError
        As `read_table`, while the batches are taken.
    """

    def __init__(self, path: str | Path, *, format: str | None = None, rows: int = BATCH_ROWS) -> None:
        self.path = Path(path)
        self._format = format
        self._rows = rows
        self._csv: CsvStream | None = None

    def __iter__(self) -> Iterator[UserTable]:
        with opened(self.path, self._format) as (stream, kind):
            yield from self._batches(stream, kind)

    def _batches(self, stream: BinaryIO, kind: str) -> Iterator[UserTable]:
        name, rows = self.path.name, self._rows
        if kind == "csv":
            self._csv = CsvStream(stream, name, known=self._csv)
            return csv_batches(self._csv, name)
        if kind == "ecsv":
            return ecsv_batches(stream, name, rows)
        if kind == "votable":
            return votable_batches(stream, name, rows)
        if kind == "fits":
            from vo_photoz.tables.formats.fits import fits_batches  # noqa: PLC0415 - needs astropy

            return fits_batches(_seekable(stream), name, rows)
        return parquet_batches(_seekable(stream), name, rows)


def _seekable(stream: BinaryIO) -> BinaryIO:
    """The stream itself, or what a packed one holds, on the disk."""
    if isinstance(stream.raw if isinstance(stream, io.BufferedReader) else stream, io.FileIO):
        return stream
    with tempfile.NamedTemporaryFile() as file:
        shutil.copyfileobj(stream, file, 1 << 20)
        file.flush()
        return Path(file.name).open("rb")  # the file goes when nobody reads it any more


def some_rows(table: UserTable, wanted: NDArray[np.bool_]) -> UserTable:
    """The wanted rows of a table; both share one tree.

    Parameters
    ----------
    table : UserTable
        A table or batch.
    wanted : bool array, shape (n,)
        Which rows.
    """
    columns = table.data
    taken = columns.take(wanted) if isinstance(columns, ArrowColumns) else [one[wanted] for one in columns]
    return UserTable(
        table.root, table.table, cast("list[NDArray[Any]]", taken), source=table.source, note=table.note
    )


def bytes_of(table: UserTable) -> int:
    """About how much memory the rows take."""
    if isinstance(table.data, ArrowColumns):
        return table.data.size
    return sum(_bytes(np.ma.getdata(column)) for column in table.data)


def _bytes(column: NDArray[Any]) -> int:
    if column.dtype != object:
        return int(column.nbytes)
    return sum(getattr(cell, "nbytes", len(cell)) + 60 for cell in column.tolist())
