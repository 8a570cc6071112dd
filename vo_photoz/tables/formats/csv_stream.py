"""CSV and its relatives (tab, semicolon, bar) as Arrow batches; types are those of the whole file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa
from pyarrow import csv as arrow_csv

from vo_photoz.errors import TableError
from vo_photoz.tables.bounds import MOST_COLUMNS, too_many_columns
from vo_photoz.tables.formats.csv_rows import row_pieces

# Words for "no value". NaN is not among them: it is a number to us.
_NULLS = ["", "null", "NULL", "None", "N/A", "n/a", "NA", "#N/A", "--", "\\N"]

T = TypeVar("T")

_LONGEST_LINE = 16 << 20
_CANDIDATES = (pa.null(), pa.int64(), pa.bool_(), pa.float64(), pa.string())
"""Types in the order in which they are tried."""


class ReadAgain(Exception):
    """A later row does not fit what the first rows told; the next reading begins with what is known now."""


def again(work: Callable[[], T]) -> T:
    """What a function returns that reads a stream, as often as it takes until the types are known."""
    while True:
        try:
            return work()
        except ReadAgain:
            continue


class CsvStream:
    """A CSV file with a line of names, as batches.

    Lines that begin with ``#`` above the names are left out. The types are found from the first rows. Where a
    later row contradicts, the type that fits the whole column is found, and the reading has to begin again.

    Parameters
    ----------
    stream : binary file
        The text, unpacked; it can be read from the beginning again.
    source : str
        Its name, for errors.
    known : CsvStream or None
        An earlier reading of the same file, of which the types are taken over.
    """

    def __init__(self, stream: BinaryIO, source: str, *, known: CsvStream | None = None) -> None:
        self._stream = stream
        self._source = source
        self._types: dict[str, Any] = dict(known._types) if known else {}
        self._encoding: str = known._encoding if known else "utf8"
        self._start = 0
        line = self._names_line()
        self._delimiter = max(",;\t|", key=line.count)
        names = next(csv.reader([line], delimiter=self._delimiter, skipinitialspace=True), [])
        self.names = [name.strip() for name in names]
        self._check(line)
        self.names = [name or f"col{place}" for place, name in enumerate(self.names, 1)]

    def _names_line(self) -> str:
        """Line of names; the rows begin after it."""
        comment = ""
        self._stream.seek(0)
        while raw := self._stream.readline(_LONGEST_LINE):
            if b"\0" in raw:
                raise TableError(f"{self._source} is not a table: it holds binary data of no known format.")
            raw = raw.removeprefix(b"\xef\xbb\xbf") if not self._start else raw
            self._start = self._stream.tell()
            line = _text(raw).rstrip("\r\n")
            if line.startswith("#"):
                comment = comment or line
            elif line.strip():
                return line
        return comment

    def _check(self, line: str) -> None:
        if len(self.names) > MOST_COLUMNS:
            raise too_many_columns(self._source, len(self.names))
        if self.names:
            self.names[0] = self.names[0].lstrip("#").strip()
        if not any(self.names):
            raise TableError(f"{self._source} is not a table: its first line holds no names of columns.")
        if len(self.names) == 1 and (len(line.split()) > 3 or line.lstrip()[:1] in ("{", "<", "%")):
            raise TableError(f"{self._source} is not a table: its first line is '{line.strip()[:60]}'.")

    def __iter__(self) -> Iterator[Any]:
        """Tables of Arrow with columns ``c0``, ``c1``, ...; at least one.

        Raises
        ------
        ReadAgain
            Raised if a row does not fit the types; begin again.
        TableError
            Raised if rows differ in length.
        """
        given = False
        try:
            for batch in self._batches(None):
                given = True
                yield batch
        except pa.ArrowInvalid as error:
            self._learn(error)
            raise ReadAgain from None
        if not given:
            names = [f"c{place}" for place in range(len(self.names))]
            yield pa.Table.from_arrays([pa.array([], pa.string())] * len(names), names)

    def _batches(self, only: str | None) -> Iterator[Any]:
        if not self._rows_follow():
            return
        for text in row_pieces(self._stream, self._delimiter, self._encoding, self._source):
            if not text.strip():
                continue
            batch = self._parsed(text, only)
            kinds = {field.name: field.type for field in batch.schema}
            if any(map(pa.types.is_binary, kinds.values())):
                self._encoding = "latin1"
                yield from self._batches(only)
                return
            odd = {name: pa.string() for name, kind in kinds.items() if pa.types.is_temporal(kind)}
            self._types |= kinds | odd
            yield self._parsed(text, only) if odd else batch  # dates and times stay text

    def _parsed(self, text: bytes, only: str | None) -> Any:
        """Rows of one piece.

        Arrow gets bytes, and no file of ours: its threads would call Python then, and where garbage is
        collected in one of them, a reader that is thrown away there waits for itself, for ever.
        """
        names = [f"c{place}" for place in range(len(self.names))]
        return arrow_csv.read_csv(
            pa.py_buffer(text),
            arrow_csv.ReadOptions(column_names=names, block_size=len(text) + 1),
            arrow_csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=self._types,
                null_values=_NULLS,
                strings_can_be_null=False,
                timestamp_parsers=[],
                include_columns=[only] if only else None,
            ),
        ).combine_chunks()

    def _rows_follow(self) -> bool:
        """Whether there is more than blank lines; the stream then stands at the rows."""
        self._stream.seek(self._start)
        while line := self._stream.readline(_LONGEST_LINE):
            if line.strip():
                self._stream.seek(self._start)
                return True
        return False

    def _learn(self, error: pa.ArrowInvalid) -> None:
        """Find the type of the column that broke the reading; raise where types are not to blame."""
        text = " ".join(str(error).split())
        found = re.search(r"In CSV column #(\d+)", text)
        if "invalid UTF8" in text and self._encoding == "utf8":
            self._encoding = "latin1"
        elif found is not None and not pa.types.is_string(self._types[f"c{found[1]}"]):
            empty = [other for other, kind in self._types.items() if pa.types.is_null(kind)]
            broken = f"c{found[1]}"
            self._settle(broken, _CANDIDATES.index(self._types[broken]) + 1)
            for column in empty:
                self._settle(column, _CANDIDATES.index(self._types[column]))
        else:
            raise TableError(
                f"{self._source} cannot be read as CSV: {text[:200]}.",
                advice="Every row needs as many cells as there are names.",
            ) from None

    def _settle(self, column: str, first: int) -> None:
        """Find the first of the candidates that all rows of a column fit."""
        for candidate in _CANDIDATES[first:]:
            self._types[column] = candidate
            if pa.types.is_string(candidate) or self._fits(column):
                return

    def _fits(self, column: str) -> bool:
        try:
            for _ in self._batches(column):
                pass
        except pa.ArrowInvalid:
            return False
        return True


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
