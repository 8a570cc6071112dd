"""Reading of the BINARY and BINARY2 serialisations, whole columns at a time."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import Kind, masked, null_value, objects

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Places = tuple[list[int], list[int]]
"""First byte, and the byte after the last, of a part of every row."""


_WIDEST_ROW = 1 << 30
"""Bytes of a row; numpy counts them in 31 bits."""


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
    columns, used = decode_rows(stream, kinds, nulls, flags=flags)
    if used != len(stream):
        raise cut_off()
    return columns


def decode_rows(
    stream: bytes, kinds: list[Kind], nulls: list[str | None], *, flags: bool
) -> tuple[list[NDArray[Any]], int]:
    """Columns of the whole rows at the beginning of a stream, and how many bytes those rows are.

    Arguments as of `decode`; what follows the last whole row is left for another call.

    Raises
    ------
    TableError
        Raised if the stream is not what the FIELDs say.
    """
    if sum(0 if kind.variable else width_of(kind) for kind in kinds) > _WIDEST_ROW:
        raise TableError(f"Its FIELDs make rows of the VOTable longer than {_WIDEST_ROW} bytes.")
    runs = _runs(kinds, (len(kinds) + 7) // 8 if flags else 0)
    places, rows, used = _places(stream, runs, kinds)
    gone = np.zeros((rows, len(kinds)), dtype=bool)
    columns: list[NDArray[Any]] = []
    for run, (starts, ends) in zip(runs, places, strict=True):
        if isinstance(run, int):
            columns.append(_variable(stream, (starts, ends), kinds[run], nulls[run], gone[:, run]))
            continue
        block = _block(stream, starts, ends, run, rows)
        for name in run.names or ():
            if name == "gone":
                gone = np.unpackbits(block[name], axis=1)[:, : len(kinds)].astype(bool)
                continue
            at = len(columns)
            columns.append(_fixed(block[name], kinds[at], nulls[at], gone[:, at]))
    return columns, used


def cut_off() -> TableError:
    """Error of rows that do not end where they should."""
    return TableError(
        "The binary rows of the VOTable end inside a row, or are not what its FIELDs say.",
        advice="Fetch or save the table again.",
    )


# Where the cells are


def stored(kind: Kind) -> tuple[Any, ...]:
    """Type and shape of a cell of fixed width in the stream."""
    if kind.text:
        return (f"V{width_of(kind)}",)
    if kind.datatype == "bit":
        return ("u1", (width_of(kind),))
    return ("u1" if kind.dtype.kind == "b" else kind.dtype.newbyteorder(">"), kind.shape)


def _runs(kinds: list[Kind], head: int) -> list[np.dtype[Any] | int]:
    """Layout of a row: neighbours of fixed width as one type, each of variable length as its number."""
    runs: list[np.dtype[Any] | int] = []
    flags: list[Any] = [("gone", "u1", (head,))] if head else []
    for variable, group in groupby(enumerate(kinds), lambda member: member[1].variable):
        if variable:
            runs += [np.dtype(flags)] if flags else []
            runs += [at for at, _ in group]
        else:
            runs.append(np.dtype(flags + [(f"c{at}", *stored(kind)) for at, kind in group]))
        flags = []
    return runs


def _places(
    stream: bytes, runs: list[np.dtype[Any] | int], kinds: list[Kind]
) -> tuple[list[Places], int, int]:
    """Where the runs of the whole rows lie, the number of rows, and where the last one ends."""
    only = runs[0] if len(runs) == 1 else None
    if isinstance(only, np.dtype):
        rows = len(stream) // only.itemsize if only.itemsize else 0
        return [([0], [rows * only.itemsize])], rows, rows * only.itemsize
    starts, counts, used = _walk(stream, runs, kinds)
    places: list[Places] = []
    at = np.array(starts, dtype=np.int64)
    for run in runs:
        if isinstance(run, np.dtype):
            end = at + run.itemsize
        else:
            number, item = np.array(counts[run], dtype=np.int64), _element(kinds[run])
            at = at + 4
            end = at + (number * item if item else (number + 7) // 8)
        places.append((at.tolist(), end.tolist()))
        at = end
    return places, len(starts), used


def _walk(
    stream: bytes, runs: list[np.dtype[Any] | int], kinds: list[Kind]
) -> tuple[list[int], dict[int, list[int]], int]:
    """Start of every whole row, the counts of its variable cells by column, and where the last row ends."""
    steps: list[tuple[int, int, list[int]]] = []  # fixed bytes before the cell, bytes of an element, counts
    counts: dict[int, list[int]] = {}
    tail = 0
    for run in runs:
        if isinstance(run, np.dtype):
            tail += run.itemsize
        else:
            counts[run] = []
            steps.append((tail, _element(kinds[run]), counts[run]))
            tail = 0
    starts: list[int] = []
    at = used = 0
    number, end = int.from_bytes, len(stream)
    while at < end:
        start = at
        for before, item, found in steps:
            at += before
            count = number(stream[at : at + 4], "big", signed=True)
            if count < 0:
                raise cut_off()
            found.append(count)
            at += 4 + (count * item if item else (count + 7) // 8)
        at += tail
        if at <= end:
            starts.append(start)
            used = at
    return starts, {run: found[: len(starts)] for run, found in counts.items()}, used


def _element(kind: Kind) -> int:
    return 0 if kind.datatype == "bit" else _item(kind)


def _block(stream: bytes, starts: list[int], ends: list[int], run: np.dtype[Any], rows: int) -> NDArray[Any]:
    if not run.itemsize or not rows:
        return np.zeros(rows, dtype=run)
    if len(starts) == 1:
        return np.frombuffer(stream, dtype=run, count=rows, offset=starts[0])
    parts = [stream[start:end] for start, end in zip(starts, ends, strict=True)]
    return np.frombuffer(b"".join(parts), dtype=run)


# What the cells are


def _fixed(raw: NDArray[Any], kind: Kind, null: str | None, gone: Mask) -> NDArray[Any]:
    """Column of fixed width."""
    if kind.text:
        return _texts(raw.tolist(), kind, null, gone)
    if kind.datatype == "bit":
        bits = np.unpackbits(raw, axis=1)[:, : kind.count].astype(bool).reshape(-1, *kind.shape)
        return _without(bits, None, gone)
    values, absent = _elements(raw, kind, null)
    return _without(values, absent, gone)


def _without(values: NDArray[Any], absent: Mask | None, gone: Mask) -> NDArray[Any]:
    """Values, masked where single elements or whole cells are absent."""
    if gone.any():
        rows = np.broadcast_to(gone.reshape(-1, *(1,) * (values.ndim - 1)), values.shape)
        absent = rows if absent is None else absent | rows
    return values if absent is None else masked(values, absent)


def _elements(raw: NDArray[Any], kind: Kind, null: str | None) -> tuple[NDArray[Any], Mask | None]:
    """Elements in native order, and which have no value; None where all have."""
    if kind.dtype.kind == "b":
        true = np.isin(raw, np.frombuffer(b"Tt1", np.uint8))
        return true, ~true & ~np.isin(raw, np.frombuffer(b"Ff0", np.uint8))
    values = raw.astype(kind.dtype)
    number = null_value(null, kind)
    return values, None if number is None else values == number


def _variable(stream: bytes, places: Places, kind: Kind, null: str | None, gone: Mask) -> NDArray[Any]:
    """Column of variable length."""
    cells = [stream[start:end] for start, end in zip(*places, strict=True)]
    if kind.text:
        return _texts(cells, kind, null, gone)
    if kind.datatype == "bit":
        counts = [int.from_bytes(stream[start - 4 : start], "big") for start in places[0]]
        return masked(
            objects([_bits(cell, n).reshape(-1, *kind.shape) for cell, n in zip(cells, counts, strict=True)]),
            gone,
        )
    flat = np.frombuffer(b"".join(cells), dtype=stored(Kind(kind.datatype))[0])
    values, absent = _elements(flat, kind, null)
    ends = (np.cumsum([len(cell) for cell in cells], dtype=np.int64) // _item(kind)).tolist()
    parts = []
    start = 0
    for end in ends:
        part = values[start:end]
        part = part if absent is None else masked(part, absent[start:end])
        parts.append(part.reshape(-1, *kind.shape))
        start = end
    return masked(objects(parts), gone)


def _bits(cell: bytes, count: int) -> Mask:
    return np.unpackbits(np.frombuffer(cell, dtype=np.uint8))[:count].astype(bool)


def _texts(cells: list[bytes], kind: Kind, null: str | None, gone: Mask) -> NDArray[Any]:
    wide = kind.datatype == "unicodeChar"
    texts = [_wide(cell) for cell in cells] if wide else [_narrow(cell) for cell in cells]
    if null:
        gone = gone | np.array([text == null for text in texts], dtype=bool)
    return masked(objects(texts), gone)


def _wide(raw: bytes) -> str:
    return raw.decode("utf-16-be", "replace").split("\0", 1)[0]


def _narrow(raw: bytes) -> str:
    raw = raw.partition(b"\0")[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
