"""Writing of the BINARY2 serialisation: numpy weaves the columns of fixed width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.tables.fields import Kind, null_value, row_mask
from vo_photoz.tables.serialisations.binary import Bytes, stored, width_of

_BLOCK = 4 << 20
"""Bytes of rows woven at a time: what fits into the cache of a processor is woven fastest."""
_MOST = 20_000
"""Rows woven at a time at most."""

_Member = tuple[NDArray[Any], Kind, str | None]
"""A column, its kind and its declared null."""


def encode(columns: list[NDArray[Any]], kinds: list[Kind], nulls: list[str | None]) -> Iterator[Bytes]:
    """BINARY2 rows of the columns, some thousand at a time, as bytes.

    Parameters
    ----------
    columns : list of array, each shape (n, ...)
        In the form `vo_photoz.tables.fields` describes.
    kinds, nulls : list
        Kind and declared null of each FIELD.
    """
    rows = len(columns[0]) if columns else 0
    fixed = sum(width_of(kind) for kind in kinds if not kind.variable)
    step = max(1, min(_MOST, _BLOCK // (fixed + 16)))
    for start in range(0, rows, step):
        part = [column[start : start + step] for column in columns]
        gone = np.packbits(np.stack([row_mask(column) for column in part], axis=1), axis=1)
        yield _rows(gone, list(zip(part, kinds, nulls, strict=True)))


def _rows(gone: Bytes, members: list[_Member]) -> Bytes:
    """Bytes of rows: runs of columns of fixed width as blocks, between them the cells of variable length."""
    if not any(kind.variable for _, kind, _ in members):
        return _block(members, gone).view(np.uint8)
    pieces: list[list[bytes]] = []
    run: list[_Member] = []
    head: Bytes | None = gone
    for member in members:
        if not member[1].variable:
            run.append(member)
            continue
        if run or head is not None:
            pieces.append(_cells_of(_block(run, head)))
            run, head = [], None
        pieces.append(_counted(member))
    if run:
        pieces.append(_cells_of(_block(run, None)))
    woven: list[bytes] = [b""] * (len(gone) * len(pieces))
    for place, cells in enumerate(pieces):
        woven[place :: len(pieces)] = cells
    return np.frombuffer(b"".join(woven), dtype=np.uint8)


def _block(members: list[_Member], head: Bytes | None) -> NDArray[Any]:
    """Rows of columns of fixed width as a structured array, after the bits that say what has no value."""
    rows = len(members[0][0]) if head is None else len(head)
    layout: list[Any] = [] if head is None else [("gone", "u1", (head.shape[1],))]
    for place, (_, kind, _) in enumerate(members):
        layout.append((f"c{place}", *stored(kind)))
    block = np.empty(rows, dtype=layout)
    if head is not None:
        block["gone"] = head
    for place, (values, kind, null) in enumerate(members):
        _fill(block[f"c{place}"], values, kind, null)
    return block


def _fill(target: NDArray[Any], values: NDArray[Any], kind: Kind, null: str | None) -> None:
    """Put values into their places; masked ones become the declared null, NaN, '?' or 0."""
    if kind.text:
        target[...] = _padded(values, kind)
        return
    data = np.ma.getdata(values)
    if kind.dtype.kind == "b":
        target[...] = np.where(np.ma.getmaskarray(values), ord("?"), np.where(data, ord("T"), ord("F")))
        return
    target[...] = data
    mask = np.ma.getmask(values)
    if mask is np.ma.nomask or not mask.any():
        return
    number = null_value(null, kind)
    blank = number if number is not None else np.nan if kind.dtype.kind in "fc" else 0
    target[mask] = np.array(blank).astype(kind.dtype)


def _padded(values: NDArray[Any], kind: Kind) -> NDArray[Any]:
    width = width_of(kind)
    if not width:
        return np.zeros(len(values), dtype="V0")
    return np.array([cell[:width].ljust(width, b"\0") for cell in _encoded(values, kind)], dtype=f"V{width}")


def _encoded(values: NDArray[Any], kind: Kind) -> list[bytes]:
    coding = "utf-16-be" if kind.datatype == "unicodeChar" else "utf-8"
    return [str(cell).encode(coding, "replace") for cell in np.ma.getdata(values).tolist()]


def _cells_of(block: NDArray[Any]) -> list[bytes]:
    """Bytes of each row of a block."""
    cells: list[bytes] = block.view(f"V{block.dtype.itemsize}").tolist()
    return cells


def _counted(member: _Member) -> list[bytes]:
    """Cells of variable length, the number of elements before each."""
    values, kind, null = member
    if kind.text:
        size = 2 if kind.datatype == "unicodeChar" else 1
        return [(len(cell) // size).to_bytes(4, "big") + cell for cell in _encoded(values, kind)]
    single = Kind(kind.datatype)
    dtype = stored(single)[0]
    cells = []
    for cell in np.ma.getdata(values):
        flat = np.ma.asanyarray(cell).reshape(-1)
        raw = np.empty(len(flat), dtype=dtype)
        _fill(raw, flat, single, null)
        cells.append(len(flat).to_bytes(4, "big") + raw.tobytes())
    return cells
