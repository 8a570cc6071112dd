"""Cells of the TABLEDATA serialisation: text to columns and columns to text, exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import Kind, masked, null_value, objects, row_mask

_TRUE = {"T", "t", "1", "true", "TRUE", "True"}
_FALSE = {"F", "f", "0", "false", "FALSE", "False"}
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def decode(cells: list[str], kind: Kind, null: str | None, name: str) -> NDArray[Any]:
    """A column from the text of its cells.

    Parameters
    ----------
    cells : list of str
        One a row.
    kind : Kind
        What the FIELD says.
    null : str or None
        The value that means none.
    name : str
        Name of the column, for errors.

    Raises
    ------
    TableError
        Raised if a cell is not what the FIELD says.
    """
    if kind.text:
        blank = np.array([cell == null for cell in cells], dtype=bool) if null else np.zeros(len(cells), bool)
        return masked(objects(cells), blank)
    if not kind.sizes and not kind.variable:
        return _numbers([cell.strip() for cell in cells], kind, null, name)
    rows = [_split(cell, kind) for cell in cells]
    if kind.variable:
        return _variable(rows, kind, null, name)
    return _fixed(rows, kind, null, name)


def _split(cell: str, kind: Kind) -> list[str]:
    if kind.datatype == "bit":
        return list("".join(cell.split()))
    parts = cell.replace(",", " ").split()
    if kind.dtype.kind == "c":
        return [" ".join(parts[i : i + 2]) for i in range(0, len(parts), 2)]
    if kind.datatype == "boolean" and len(parts) == 1 and len(cell.strip()) == kind.count > 1:
        return list(parts[0])
    return parts


def _fixed(rows: list[list[str]], kind: Kind, null: str | None, name: str) -> NDArray[Any]:
    absent = np.array([not row for row in rows], dtype=bool)
    for number, row in enumerate(rows):
        if len(row) not in (0, kind.count):
            raise TableError(
                f"Row {number + 1} of the column '{name}' has {len(row)} values instead of {kind.count}."
            )
    flat = [part for row in rows for part in (row or [""] * kind.count)]
    values = _numbers(flat, kind, null, name).reshape(len(rows), *kind.shape)
    full = absent.reshape(-1, *(1,) * len(kind.shape)) | np.ma.getmaskarray(values)
    return masked(values, full)


def _variable(rows: list[list[str]], kind: Kind, null: str | None, name: str) -> NDArray[Any]:
    flat = _numbers([part for row in rows for part in row], kind, null, name)
    ends = np.cumsum([len(row) for row in rows]).tolist()
    column = np.empty(len(rows), dtype=object)
    start = 0
    for number, end in enumerate(ends):
        if (end - start) % max(kind.count, 1):
            raise TableError(f"Row {number + 1} of the column '{name}' does not fill its arraysize.")
        column[number] = flat[start:end].reshape(-1, *kind.shape)
        start = end
    return column


def _numbers(cells: list[str], kind: Kind, null: str | None, name: str) -> NDArray[Any]:
    """One-dimensional array of the cells; empty ones and nulls are masked."""
    letter = kind.dtype.kind
    if letter == "b":
        return _booleans(cells, name)
    empty = np.array([not cell or cell == null for cell in cells], dtype=bool)
    number = null_value(null, kind)
    filled: list[Any] = cells
    if empty.any():
        # a null that is a number stays in the data, under the mask
        blank = number if number is not None else "nan" if letter in "fc" else 0
        filled = [blank if no else cell for cell, no in zip(cells, empty.tolist(), strict=True)]
    data = _converted(filled, kind, name)
    if number is not None and letter in "iu":
        empty |= data == number
    return masked(data, empty)


def _converted(cells: list[Any], kind: Kind, name: str) -> NDArray[Any]:
    known: dict[str, Callable[[Any], Any]] = {"f": float, "c": _complex}
    quick = known.get(kind.dtype.kind, int)
    try:
        return np.array(list(map(quick, cells)), dtype=kind.dtype)
    except (ValueError, OverflowError):
        pass  # look again, cell by cell, for what is rare
    convert: Callable[[Any], Any] = {"f": _float, "c": _complex}.get(kind.dtype.kind, _integer)
    values = np.empty(len(cells), dtype=kind.dtype)
    for row, cell in enumerate(cells):
        try:
            values[row] = convert(cell)
        except (ValueError, OverflowError):
            raise TableError(
                f"The column '{name}' has the cell '{_shown(cell)}', which is no {kind.datatype}.",
                advice="Mend the table where it was made.",
            ) from None
    return values


def _shown(cell: Any) -> str:
    return ascii(str(cell)[:40])[1:-1]


def _float(cell: Any) -> float:
    low = str(cell).lower()
    if low in ("+inf", "infinity", "+infinity"):
        return float("inf")
    return float(low.replace("d", "e"))  # Fortran's exponent


def _integer(cell: Any) -> int:
    text = str(cell)
    if text[:2].lower() == "0x":
        return int(text, 16)
    try:
        return int(text)
    except ValueError:
        number = float(text)  # "12.0" is met in the wild
        if number != int(number):
            raise
        return int(number)


def _complex(cell: Any) -> complex:
    parts = [_float(part) for part in str(cell).split()] or [float("nan")]
    return complex(parts[0], parts[1] if len(parts) > 1 else 0.0)


def _booleans(cells: list[str], name: str) -> NDArray[Any]:
    wrong = set(cells) - _TRUE - _FALSE - {"", "?", " ", "\0"}
    if wrong:
        raise TableError(f"The column '{name}' has the cell '{_shown(min(wrong))}', which is no boolean.")
    data = np.array([cell in _TRUE for cell in cells], dtype=bool)
    return masked(data, np.array([cell not in _TRUE and cell not in _FALSE for cell in cells], dtype=bool))


def encode(values: NDArray[Any], kind: Kind, null: str | None) -> list[str]:
    """Text of the cells of a column, escaped for XML.

    Parameters
    ----------
    values : array, shape (n, ...)
        In the form `vo_photoz.tables.fields` describes.
    kind : Kind
        What the FIELD says.
    null : str or None
        The value that the FIELD declares to mean none.
    """
    if kind.text:
        return [clean(cell) for cell in _strings(values, null)]
    if kind.variable:
        gone = np.ma.getmaskarray(values).tolist()
        cells = np.ma.getdata(values)
        return ["" if no else _joined(cell, kind, null) for cell, no in zip(cells, gone, strict=True)]
    if not kind.sizes:
        return _tokens(values, null)
    size = kind.count
    tokens = _tokens(values.reshape(-1), null if null is not None else _inside(kind))
    joined = (
        [" ".join(tokens[at : at + size]) for at in range(0, len(tokens), size)]
        if size
        else [""] * len(values)
    )
    if null is None and np.ma.isMaskedArray(values):
        gone = row_mask(values).tolist()
        joined = ["" if no else cell for cell, no in zip(joined, gone, strict=True)]
    return joined


def _inside(kind: Kind) -> str | None:
    """What stands for no value inside an array."""
    return {"f": "NaN", "c": "NaN NaN", "b": "?"}.get(kind.dtype.kind)


def _joined(cell: NDArray[Any], kind: Kind, null: str | None) -> str:
    return " ".join(_tokens(np.ma.asanyarray(cell).reshape(-1), null if null is not None else _inside(kind)))


def _strings(values: NDArray[Any], null: str | None) -> list[str]:
    cells: list[str] = np.ma.getdata(values).tolist()
    if not np.ma.isMaskedArray(values):
        return cells
    gone = np.ma.getmaskarray(values).tolist()
    return [(null or "") if no else cell for cell, no in zip(cells, gone, strict=True)]


def _tokens(values: NDArray[Any], null: str | None) -> list[str]:
    data = np.ma.getdata(values)
    texts = _written(data)
    if not np.ma.isMaskedArray(values):
        return texts
    gone = np.ma.getmaskarray(values).tolist()
    return [(null or "") if no else text for text, no in zip(texts, gone, strict=True)]


def _written(data: NDArray[Any]) -> list[str]:
    """Shortest text that reads back as the same number."""
    letter = data.dtype.kind
    if letter == "b":
        return ["T" if value else "F" for value in data.tolist()]
    if letter == "c":
        real, imaginary = _written(data.real), _written(data.imag)
        return [f"{one} {other}" for one, other in zip(real, imaginary, strict=True)]
    if letter == "f":
        texts = list(map(str, data)) if data.dtype.itemsize == 4 else list(map(repr, data.tolist()))
        if not np.isfinite(data).all():
            special = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}
            texts = [special.get(text, text) for text in texts]
        return texts
    return list(map(str, data.tolist()))


def clean(text: str) -> str:
    """Text of a cell or element: escaped, with what XML forbids replaced by U+FFFD."""
    if not text.isprintable():
        text = _FORBIDDEN.sub("\ufffd", text)
        return escape(text, {"\r": "&#13;"})
    return escape(text)
