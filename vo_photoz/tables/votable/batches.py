"""The rows of a VOTable, batch by batch, while the document is read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import Kind
from vo_photoz.tables.serialisations import binary, tabledata
from vo_photoz.tables.serialisations.base64_stream import StreamDecoder
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable import xmlread
from vo_photoz.tables.votable.read import check_rows, decoder_of, table_of
from vo_photoz.tables.votable.rows import Rows

_ENOUGH = 8 << 20
"""Bytes of binary rows that are decoded together."""
_LONGEST_ROW = 1 << 30


def votable_batches(stream: BinaryIO, source: str, rows: int) -> Iterator[UserTable]:
    """Rows of the table that `vo_photoz.tables.votable.read.read_votable` reads, at least one batch.

    Parameters
    ----------
    stream : binary file
        The document, unpacked.
    source : str
        Its name, for errors.
    rows : int
        Rows of a batch at most.

    Yields
    ------
    UserTable
        All share one tree, which is complete when the last batch was given.

    Raises
    ------
    TableError
        Raised if there is no table, or it is damaged.
    """
    reader = xmlread.Reader(source, rowless=False)
    batches: _Batches | None = None
    for _ in reader.feed(stream):
        if reader.filling is None or reader.rows.empty:
            continue
        if batches is None or batches.rows is not reader.rows:
            batches = _Batches(table_of(reader.so_far(), source), reader.rows, rows)
        yield from batches.take()
    document = reader.document()
    if batches is None or batches.rows is not document.rows:
        batches = _Batches(table_of(document, source), document.rows, rows)
    batches.table.note = table_of(document, source).note
    yield from batches.last()
    check_rows(batches.table.table, batches.count, source)


class _Batches:
    """Batches of the rows of a document that is still read."""

    def __init__(self, table: UserTable, rows: Rows, most: int) -> None:
        self.table = table
        self.rows = rows
        self.most = most
        self.given = False
        self.count = 0
        self.parts: list[bytes] = []
        self.size = 0
        self.enough = _ENOUGH
        self.decoder: StreamDecoder | None = None
        self.file: IO[bytes] | None = None

    def take(self) -> Iterator[UserTable]:
        """Batches that are complete."""
        if self.rows.serialisation == "TABLEDATA":
            while len(self.rows.cells) >= self.most * self.rows.columns:
                yield self._cells()
            return
        self._decode()
        if self.file is None and self.size >= self.enough:
            yield from self._binary()

    def last(self) -> Iterator[UserTable]:
        """Batches that are left at the end of the document; an empty one where there were no rows."""
        if self.rows.serialisation == "TABLEDATA":
            yield from self.take()
            if self.rows.cells or not self.given:
                yield self._cells()
            return
        self._decode()
        self._keep(b"" if self.decoder is None else self.decoder.finish())
        if self.file is not None:
            yield from self._fits()
            return
        yield from self._binary()
        if self.size:
            raise binary.cut_off()
        if not self.given:
            yield self._batch(binary.decode(b"", *self._told(), flags=self._flags))

    def _cells(self) -> UserTable:
        cells = self.rows.take(self.most)
        return self._batch(
            [
                tabledata.decode(column, info.kind, info.null, info.name)
                for column, info in zip(cells, self.table.columns, strict=True)
            ]
        )

    def _batch(self, data: list[NDArray[Any]]) -> UserTable:
        self.given = True
        self.count += len(data[0])
        return UserTable(
            self.table.root, self.table.table, data, source=self.table.source, note=self.table.note
        )

    @property
    def _flags(self) -> bool:
        return self.rows.serialisation == "BINARY2"

    def _told(self) -> tuple[list[Kind], list[str | None]]:
        return [column.kind for column in self.table.columns], [column.null for column in self.table.columns]

    def _decode(self) -> None:
        """Take what the document has of STREAM so far."""
        pieces = self.rows.pieces[:]
        self.rows.pieces.clear()
        if not pieces:
            return
        self.rows.seen = True
        if self.decoder is None:
            self.decoder = decoder_of(self.rows, self.table.source)
            if self.rows.serialisation == "FITS":
                self.file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - closed after the rows
        for piece in pieces:
            self._keep(self.decoder.add(piece))

    def _keep(self, raw: bytes) -> None:
        if self.file is not None:
            self.file.write(raw)
        elif raw:
            self.parts.append(raw)
            self.size += len(raw)

    def _binary(self) -> Iterator[UserTable]:
        stream = b"".join(self.parts)
        kinds, nulls = self._told()
        columns, used = binary.decode_rows(stream, kinds, nulls, flags=self._flags)
        self.parts, self.size = [stream[used:]], len(stream) - used
        if self.size > _LONGEST_ROW:
            raise TableError(f"A row of {self.table.source} would be longer than {_LONGEST_ROW} bytes.")
        self.enough = max(_ENOUGH, 2 * self.size)
        count = len(columns[0]) if columns else 0
        for start in range(0, count, self.most):
            yield self._batch([column[start : start + self.most] for column in columns])

    def _fits(self) -> Iterator[UserTable]:
        from vo_photoz.tables.formats.fits import column_batches  # noqa: PLC0415 - rare, needs astropy
        from vo_photoz.tables.votable.skeleton import with_columns  # noqa: PLC0415

        assert self.file is not None  # noqa: S101 - for the type checker
        extension = self.rows.attributes.get("extnum")
        self.file.flush()
        with self.file, Path(self.file.name).open("rb") as stream:
            for columns in column_batches(
                stream, self.table.source, self.most, int(extension) if extension else None
            ):
                self.count += len(columns[0][0])
                yield with_columns(self.table, columns)
