"""A CSV file is read in pieces of whole rows, wherever its quotes stand, and by the thread that asked."""

from __future__ import annotations

import gc
import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ArrowInvalid
from pyarrow import csv as arrow_csv

from vo_photoz.errors import TableError
from vo_photoz.tables.formats import csv_rows
from vo_photoz.tables.formats.csv_rows import row_pieces
from vo_photoz.tables.formats.csv_stream import CsvStream, again

PARSE = arrow_csv.ParseOptions(newlines_in_values=True)


def pieces(text: bytes, size: int = 4 << 20) -> list[bytes]:
    before, csv_rows._PIECE = csv_rows._PIECE, size
    try:
        return list(row_pieces(io.BytesIO(text), ",", "utf8", "some.csv"))
    finally:
        csv_rows._PIECE = before


def rows(text: bytes) -> list[dict[str, str]]:
    """What Arrow reads: two columns of text."""
    if not text.strip():
        return []
    read = arrow_csv.ReadOptions(column_names=["a", "b"])
    convert = arrow_csv.ConvertOptions(column_types={"a": "string", "b": "string"})
    return arrow_csv.read_csv(io.BytesIO(text), read, PARSE, convert).to_pylist()


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (b'a,b\n1,"2', b"a,b\n"),
        (b'a,"x\ny"\n"q",', b'a,"x\ny"\n'),
        (b'5" pipe,2\nx,"', b'5" pipe,2\n'),
        (b'"a""b",2\n"a"",\n', b'"a""b",2\n'),
        (b'"a"b"c,2\nx,"', b'"a"b"c,2\n'),
        (b'"a\r\n",b\r\n"c', b'"a\r\n",b\r\n'),
        (b'""\n"""\n', b'""\n'),
    ],
)
def test_a_row_ends_outside_of_quoted_cells(text: bytes, first: bytes) -> None:
    found = row_pieces(io.BytesIO(text), ",", "utf8", "some.csv")
    assert next(found) == first


CELL = st.one_of(
    st.text("ab 1\"'", max_size=5).filter(lambda cell: not cell.startswith('"')),
    st.text('ab,\n\r"', max_size=6).map(lambda cell: '"' + cell.replace('"', '""') + '"'),
)
ROWS = st.lists(st.tuples(CELL, CELL, st.sampled_from(["\n", "\r\n"])), min_size=1, max_size=12)


@given(ROWS, st.integers(1, 40))
def test_pieces_hold_what_the_whole_holds(cells: list[tuple[str, str, str]], size: int) -> None:
    text = "".join(f"{a},{b}{end}" for a, b, end in cells).encode()
    found = pieces(text, size)
    assert b"".join(found) == text
    assert [row for piece in found for row in rows(piece)] == rows(text)


@given(st.text('a,"\n\r', max_size=30), st.integers(1, 9))
def test_no_text_breaks_it(text: str, size: int) -> None:
    raw = text.encode()
    try:
        found = pieces(raw, size)
    except TableError as error:
        assert "never ends" in str(error)  # noqa: PT017 - which of both happens depends on the text
        return
    assert b"".join(found) == raw
    try:
        whole = rows(raw)
    except ArrowInvalid:
        return
    assert [row for piece in found for row in rows(piece)] == whole


def test_a_row_of_many_megabytes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "_LONGEST_ROW", 50_000)
    with pytest.raises(TableError, match=r"some.csv cannot be read as CSV: a row, or a quoted cell"):
        pieces(b'1,"' + b"x\n" * 100_000, 1000)


def test_a_file_is_read_by_the_thread_that_asked() -> None:
    """Arrow's own threads never call a stream of ours: garbage that is collected there can wait for ever."""
    asked: set[int] = set()

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            asked.add(threading.get_ident())
            return super().read(size)

    text = b"a,b\n" + b"1,2\n" * 2_000_000 + b"x,3\n"
    stream = CsvStream(Watched(text), "late.csv")
    assert sum(len(part) for part in again(lambda: list(stream))) == 2_000_001
    gc.collect()
    assert asked == {threading.get_ident()}
