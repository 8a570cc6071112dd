"""Reading of the BINARY and BINARY2 serialisations, whole columns at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import Kind, masked, null_value, objects, row_mask

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]

@dataclass(frozen=True)
class _Cells:
    """Where the cells of a column lie in the stream."""

    starts: Places
    counts: Places | None  # elements of each cell; None for a fixed length


def width_of(kind: Kind) -> int:
    """Bytes of one step of a cell (of the whole cell, where the length is fixed)."""
    if kind.datatype == "bit":
        return (kind.count + 7) // 8
    return _item(kind) * kind.count


def _item(kind: Kind) -> int:
    if kind.text:
        return 2 if kind.datatype == "unicodeChar" else 1
    return kind.dtype.itemsize


def decode(stream: bytes, kinds: list[Kind], nulls: list[str | None], *, flags: bool) -> list[NDArray[Any]]:
    """Columns from a stream.

    Parameters
    ----------
    stream : bytes
        Decoded content of STREAM.
    kinds, nulls : list
        Kind and declared null of each FIELD.
    flags : bool
        True for BINARY2: every row begins with a bit a column that says whether it has no value.

    Raises
    ------
    TableError
        Raised if the stream ends inside a row.
    """
    head = (len(kinds) + 7) // 8 if flags else 0
    rows, places = _layout(stream, kinds, head)
    data = np.frombuffer(stream, dtype=np.uint8)
    gone = np.zeros((len(rows), len(kinds)), dtype=bool)
    if flags:
        bits = data[rows[:, None] + np.arange(head)]
        gone = np.unpackbits(bits, axis=1)[:, : len(kinds)].astype(bool)
    return [
        _column(data, cells, kind, null, gone[:, i])
        for i, (cells, kind, null) in enumerate(zip(places, kinds, nulls, strict=True))
    ]


def _layout(stream: bytes, kinds: list[Kind], head: int) -> tuple[Places, list[_Cells]]:
    """Start of every row, and of every cell."""
    if any(kind.variable for kind in kinds):
        return _walk(stream, kinds, head)
    offsets = np.cumsum([head, *(width_of(kind) for kind in kinds)])
    size = int(offsets[-1])
    if not size or len(stream) % size:
        raise _cut()
    rows = np.arange(0, len(stream), size, dtype=np.int64)
    return rows, [_Cells(rows + offset, None) for offset in offsets[:-1]]


def _walk(stream: bytes, kinds: list[Kind], head: int) -> tuple[Places, list[_Cells]]:
    """Layout where rows differ in length: only the counts of variable cells are read."""
    steps = _steps(kinds)
    rows: list[int] = []
    found: list[list[int]] = [[] for _ in steps]
    at, end = 0, len(stream)
    while at < end:
        rows.append(at)
        at += head
        for (before, size), counts in zip(steps, found, strict=True):
            at += before
            count = int.from_bytes(stream[at : at + 4], "big", signed=True)
            if count < 0 or at + 4 > end:
                raise _cut()
            counts.append(count)
            at += 4 + (count * size if size else (count + 7) // 8)
        at += steps.tail
    if at != end:
        raise _cut()
    starts = np.array(rows, dtype=np.int64)
    return starts, _places(starts + head, kinds, [np.array(counts, dtype=np.int64) for counts in found])


class _steps(list[tuple[int, int]]):  # noqa: N801 - a list with a remark, private
    """For each variable column: fixed bytes before it, bytes an element (0: bits)."""

    def __init__(self, kinds: list[Kind]) -> None:
        super().__init__()
        before = 0
        for kind in kinds:
            if kind.variable:
                self.append((before, 0 if kind.datatype == "bit" else _item(kind)))
                before = 0
            else:
                before += width_of(kind)
        self.tail = before


def _places(at: Places, kinds: list[Kind], counts: list[Places]) -> list[_Cells]:
    cells = []
    remaining = iter(counts)
    for kind in kinds:
        if not kind.variable:
            cells.append(_Cells(at, None))
            at = at + width_of(kind)
            continue
        count = next(remaining)
        cells.append(_Cells(at + 4, count))
        at = at + 4 + ((count + 7) // 8 if kind.datatype == "bit" else count * _item(kind))
    return cells


def _cut() -> TableError:
    return TableError(
        "The binary rows of the VOTable end inside a row, or are not what its FIELDs say.",
        advice="Fetch or save the table again.",
    )


def _column(
    data: Bytes, cells: _Cells, kind: Kind, null: str | None, gone: NDArray[np.bool_]
) -> NDArray[Any]:
    if kind.text:
        return _texts(data, cells, kind, null, gone)
    if cells.counts is None:
        raw = data[cells.starts[:, None] + np.arange(width_of(kind))]
        values, absent = _elements(raw, kind, kind.count, null)
        values = values.reshape(len(raw), *kind.shape)
        mask = absent.reshape(values.shape) | gone.reshape(-1, *(1,) * len(kind.shape))
        return masked(values, mask)
    column = np.empty(len(gone), dtype=object)
    for row, (start, count) in enumerate(zip(cells.starts.tolist(), cells.counts.tolist(), strict=True)):
        size = (count + 7) // 8 if kind.datatype == "bit" else count * _item(kind)
        values, absent = _elements(data[None, start : start + size], kind, count, null)
        column[row] = masked(values[0], absent[0]).reshape(-1, *kind.shape)
    return masked(column, gone)


def _elements(
    raw: NDArray[np.uint8], kind: Kind, count: int, null: str | None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Elements of cells, shape (n, count), and which have no value."""
    if kind.datatype == "bit":
        bits = np.unpackbits(raw, axis=1)[:, :count].astype(bool)
        return bits, np.zeros(bits.shape, dtype=bool)
    if kind.datatype == "boolean":
        true = np.isin(raw, np.frombuffer(b"Tt1", np.uint8))
        return true, ~true & ~np.isin(raw, np.frombuffer(b"Ff0", np.uint8))
    values = np.ascontiguousarray(raw).view(kind.dtype.newbyteorder(">")).astype(kind.dtype)
    absent = np.zeros(values.shape, dtype=bool)
    number = null_value(null, kind)
    if number is not None:
        absent = values == number
    return values, absent


def _texts(data: Bytes, cells: _Cells, kind: Kind, null: str | None, gone: NDArray[np.bool_]) -> NDArray[Any]:
    size = _item(kind)
    counts = np.full(len(gone), kind.count) if cells.counts is None else cells.counts
    raw = data.tobytes()
    ends = (cells.starts + counts * size).tolist()
    texts = [_text(raw[start:end], size) for start, end in zip(cells.starts.tolist(), ends, strict=True)]
    if null:
        gone = gone | np.array([text == null for text in texts], dtype=bool)
    return masked(objects(texts), gone)


def _text(raw: bytes, size: int) -> str:
    if size == 2:
        return raw.decode("utf-16-be", "replace").split("\0", 1)[0]
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
