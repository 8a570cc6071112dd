"""Writing of the TABLEDATA serialisation: whole columns become text at once, and rows are joined by Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from vo_photoz.tables.fields import Kind, row_mask
from vo_photoz.tables.serialisations import tabledata

_CELLS = 400_000
"""Numbers formatted at a time."""
_MOST = 10_000
"""Rows formatted at a time at most."""
_LETTERS = 1 << 26
"""Letters of texts formatted at a time."""
_BETWEEN = "</TD></TR>\n<TR><TD>"


def encode(columns: list[NDArray[Any]], kinds: list[Kind], nulls: list[str | None]) -> Iterator[bytes]:
    """TR elements of the columns, some thousand at a time, as UTF-8.

    Parameters
    ----------
    columns : list of array, each shape (n, ...)
        In the form `vo_photoz.tables.fields` describes.
    kinds, nulls : list
        Kind and declared null of each FIELD.
    """
    rows = len(columns[0]) if columns else 0
    width = sum(1 if kind.text else max(kind.count, 1) for kind in kinds)
    step = max(1, min(_MOST, _CELLS // max(width, 1)))
    for part in _parts(columns, kinds, rows, step):
        cells = [_cells(column, kind, null) for column, kind, null in zip(part, kinds, nulls, strict=True)]
        lines = compute.binary_join_element_wise(*cells, "</TD><TD>") if len(cells) > 1 else cells[0]
        yield b"<TR><TD>"
        yield _joined(lines, _BETWEEN)
        yield b"</TD></TR>\n"


def _parts(
    columns: list[NDArray[Any]], kinds: list[Kind], rows: int, step: int
) -> Iterator[list[NDArray[Any]]]:
    """Columns of some rows; fewer rows where texts are long, for Arrow counts letters in 32 bits."""
    for start in range(0, rows, step):
        part = [column[start : start + step] for column in columns]
        texts = [column for column, kind in zip(part, kinds, strict=True) if kind.text]
        letters = sum(sum(map(len, np.ma.getdata(column).tolist())) for column in texts)
        if letters > _LETTERS and step > 1:
            yield from _parts(part, kinds, len(part[0]), step // 2)
        else:
            yield part


def _cells(values: NDArray[Any], kind: Kind, null: str | None) -> Any:
    """Text of the cells of a column, an Arrow array without nulls."""
    data = np.ma.getdata(values)
    masked = np.ma.getmask(values) is not np.ma.nomask and bool(np.ma.getmask(values).any())
    if kind.text and not masked:
        cells = data.tolist()
        return pa.array(cells if _harmless(cells) else map(tabledata.clean, cells), pa.string())
    if kind.text or kind.variable or data.dtype.kind not in "iuf" or (kind.sizes and not kind.count):
        return pa.array(tabledata.encode(values, kind, null), pa.string())
    if not kind.sizes:
        return _numbers(values, null or "")
    blank = null if null is not None else "NaN" if data.dtype.kind == "f" else ""
    lists = _lists(_numbers(values.reshape(-1), blank), kind.count)
    cells = compute.binary_join(lists, " ")
    if masked and null is None:
        cells = compute.replace_with_mask(cells, row_mask(values), pa.scalar("", pa.string()))
    return cells


def _harmless(cells: list[str]) -> bool:
    """Whether no cell holds a letter that XML forbids or that stands for markup."""
    text = "".join(cells)
    return text.isprintable() and not any(letter in text for letter in "&<>")


def _numbers(values: NDArray[Any], blank: str) -> Any:
    """Shortest text that reads back as the same number; masked ones as ``blank``."""
    data = np.ascontiguousarray(np.ma.getdata(values))
    texts = compute.cast(pa.array(data), pa.string())
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        for special, word in ((np.isnan(data), "NaN"), (data == np.inf, "+Inf"), (data == -np.inf, "-Inf")):
            texts = compute.replace_with_mask(texts, special, pa.scalar(word, pa.string()))
    if np.ma.isMaskedArray(values) and np.ma.getmaskarray(values).any():
        mask = np.ma.getmaskarray(values)
        texts = compute.replace_with_mask(texts, mask, pa.scalar(blank, pa.string()))
    return texts


def _lists(cells: Any, count: int) -> Any:
    """Cells in lists of ``count``."""
    offsets = pa.array(np.arange(0, len(cells) + 1, count, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, cells)


def _joined(cells: Any, between: str) -> bytes:
    """All cells as one text."""
    joined = compute.binary_join(_lists(cells, len(cells)), between)
    return bytes(joined[0].as_buffer())
