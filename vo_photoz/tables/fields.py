"""What a FIELD of a VOTable holds: datatype and arraysize to numpy and back.

The in-memory form of a column, whatever file it came from:

- text (char, unicodeChar, any arraysize): object array of str, one string a row;
- numbers and booleans of fixed shape: array (n, ...), in numpy's order of axes (the last varies fastest);
- arrays of variable length: object array of arrays;
- a masked array where rows have no value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError

DTYPES: dict[str, str] = {
    "boolean": "?",
    "bit": "?",
    "unsignedByte": "u1",
    "short": "i2",
    "int": "i4",
    "long": "i8",
    "float": "f4",
    "double": "f8",
    "floatComplex": "c8",
    "doubleComplex": "c16",
}
TEXT = ("char", "unicodeChar")

# Names that some writers use although no version of the standard has them.
ALIASES = {
    "string": "char",
    "unicodeString": "unicodeChar",
    "int16": "short",
    "int32": "int",
    "int64": "long",
    "float32": "float",
    "float64": "double",
    "unsignedShort": "int",
    "unsignedInt": "long",
}

_WIDER = {"i1": "i2", "u2": "i4", "u4": "i8", "f2": "f4"}


Plain = tuple[NDArray[Any], str, str | None]
"""A column in the in-memory form, its datatype and arraysize."""


@dataclass(frozen=True)
class Kind:
    """How the cells of a column are stored.

    Parameters
    ----------
    datatype : str
        A datatype of the VOTable standard.
    sizes : tuple of int
        Fixed axes as arraysize lists them, the fastest first; empty for a scalar.
    variable : bool
        Whether the last (slowest) axis, which ``sizes`` leaves out, varies from row to row.
    """

    datatype: str
    sizes: tuple[int, ...] = ()
    variable: bool = False

    @property
    def text(self) -> bool:
        """Whether cells are strings."""
        return self.datatype in TEXT

    @property
    def shape(self) -> tuple[int, ...]:
        """Fixed axes in numpy's order."""
        return self.sizes[::-1]

    @property
    def count(self) -> int:
        """Number of elements of a cell (of one step of the variable axis, if there is one)."""
        return int(np.prod(self.sizes, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Native numpy type of an element."""
        return np.dtype(DTYPES[self.datatype])


def kind_of(datatype: str, arraysize: str | None, where: str = "A column") -> Kind:
    """The kind that the attributes of a FIELD or PARAM describe.

    Raises
    ------
    TableError
        Raised if the attributes cannot be meant.
    """
    if datatype not in DTYPES and datatype not in TEXT:
        raise TableError(f"{where} has the unknown datatype '{datatype}'.")
    if not arraysize:
        return Kind(datatype)
    axes = arraysize.replace(" ", "").split("x")
    variable = axes[-1].endswith("*")
    if variable:
        axes = axes[:-1]
    try:
        sizes = tuple(int(axis) for axis in axes)
    except ValueError:
        raise TableError(f"{where} has the arraysize '{arraysize}', which cannot be read.") from None
    if any(size < 0 for size in sizes) or np.prod(sizes, dtype=float) > 1e9:
        raise TableError(f"{where} has the impossible arraysize '{arraysize}'.")
    if sizes == (1,) and not variable and datatype not in TEXT:
        return Kind(datatype)  # many writers mean a scalar
    return Kind(datatype, sizes, variable)


def holds(kind: Kind, values: NDArray[Any]) -> bool:
    """Whether an array is in the in-memory form of a kind."""
    data = np.ma.getdata(values)
    if data.dtype.kind == "O":
        cells = data.tolist()
        if kind.text or not kind.variable:
            return kind.text and all(isinstance(cell, str) for cell in cells)
        return all(not isinstance(cell, str) and cell.dtype == kind.dtype for cell in cells)
    if kind.text or kind.variable:
        return False
    return data.dtype == kind.dtype and data.shape[1:] == kind.shape


def plain(values: Any) -> Plain:
    """A column of any source in our in-memory form, with its datatype and arraysize.

    Parameters
    ----------
    values : array, shape (n, ...)
        Masked where rows have no value.

    Returns
    -------
    values : array
        In the form described at the top of this file.
    datatype : str
        Of the FIELD.
    arraysize : str or None
        Of the FIELD.
    """
    values = np.ma.asanyarray(values) if np.ma.isMaskedArray(values) else np.asarray(values)
    dtype = values.dtype
    if dtype.kind in "USM":
        return _text(values)
    if dtype.kind == "O":
        return _objects(values)
    if dtype.str[1:] in _WIDER:
        values = values.astype(_WIDER[dtype.str[1:]])
    elif dtype.str[1:] == "u8":
        values = values.astype("i8") if np.all(np.ma.filled(values, 0) < 2**63) else values.astype("f8")
    elif dtype.kind == "f" and dtype.itemsize > 8:
        values = values.astype("f8")
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    arraysize = "x".join(str(size) for size in values.shape[:0:-1]) or None
    return values, _datatype(values.dtype), arraysize


def _datatype(dtype: np.dtype[Any]) -> str:
    for datatype, name in DTYPES.items():
        if np.dtype(name) == dtype and datatype != "bit":
            return datatype
    raise TableError(f"A column of the type {dtype} cannot be written.")


def _text(values: NDArray[Any]) -> Plain:
    mask = mask_of(values)
    data = np.asarray(np.ma.getdata(values))
    data = np.char.decode(data, "utf-8", "replace") if data.dtype.kind == "S" else data.astype("U")
    if data.ndim == 1:
        return _text_column(data.tolist(), mask, "*")
    width = max(data.dtype.itemsize // 4, 1)
    rows = np.char.ljust(data, width).reshape(len(data), -1)
    arraysize = "x".join(str(size) for size in (width, *data.shape[:0:-1]))
    return _text_column(["".join(row) for row in rows], row_mask(values), arraysize)


def _text_column(cells: list[str], mask: NDArray[np.bool_], arraysize: str) -> tuple[NDArray[Any], str, str]:
    column = objects([("" if gone else cell) for cell, gone in zip(cells, mask.tolist(), strict=True)])
    datatype = "char" if all(cell.isascii() for cell in column) else "unicodeChar"
    return masked(column, mask), datatype, arraysize


def _objects(values: NDArray[Any]) -> Plain:
    data = np.ma.getdata(values)
    mask = np.ma.getmaskarray(values) | np.array(
        [cell is None or cell is np.ma.masked for cell in data], dtype=bool
    )
    kept = [cell for cell, gone in zip(data, mask, strict=True) if not gone]
    if all(isinstance(cell, (str, bytes)) for cell in kept):
        cells = [
            cell.decode("utf-8", "replace") if isinstance(cell, bytes) else (cell or "") for cell in data
        ]
        return _text_column(cells, mask, "*")
    if all(isinstance(cell, (bool, np.bool_)) for cell in kept):
        return plain(masked(np.array([bool(cell) for cell in data]), mask))
    if all(np.ndim(cell) == 0 for cell in kept):
        filled = np.array([0 if gone else cell for cell, gone in zip(data, mask, strict=True)])
        if filled.dtype.kind != "O":
            return plain(masked(filled, mask))
        return _text_column([str(cell) for cell in data], mask, "*")
    return _arrays(data, mask)


def _arrays(data: NDArray[Any], mask: NDArray[np.bool_]) -> Plain:
    cells = [np.ma.asanyarray(cell) for cell, gone in zip(data, mask, strict=True) if not gone]
    dtype = np.result_type(*(cell.dtype for cell in cells))
    if dtype.kind in "iu" and any(np.ma.getmaskarray(cell).any() for cell in cells):
        dtype = np.dtype("f8")  # NaN stands for no value inside an array
    if dtype.kind not in "biufc":
        joined = [" ".join(str(part) for part in np.ravel(cell)) for cell in data]
        return _text_column(joined, mask, "*")
    _, datatype, _ = plain(np.empty(0, dtype))
    tails = {cell.shape[1:] for cell in cells}
    tail = tails.pop() if len(tails) == 1 else ()
    native = DTYPES[datatype]
    column = np.empty(len(data), dtype=object)
    for row, (cell, gone) in enumerate(zip(data, mask, strict=True)):
        filled = np.zeros((0, *tail)) if gone else np.ma.asanyarray(cell).astype(native)
        column[row] = np.ma.filled(filled, np.nan if np.ma.is_masked(filled) else None).astype(native)
        if not tail and column[row].ndim != 1:
            column[row] = column[row].reshape(-1)
    return masked(column, mask), datatype, "x".join([*(str(size) for size in tail[::-1]), "*"])


def objects(cells: list[Any]) -> NDArray[Any]:
    """A one-dimensional object array of the cells, whatever they are."""
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        column[row] = cell
    return column


def masked(values: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """A masked array, or the array itself where nothing is masked."""
    if not mask.any():
        return np.ma.getdata(values)
    if mask.shape != values.shape:
        mask = np.broadcast_to(mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim)), values.shape)
    return np.ma.MaskedArray(np.ma.getdata(values), mask=mask)


def joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Columns of several batches as one."""
    data = np.concatenate([np.ma.getdata(part) for part in parts])
    return masked(data, np.concatenate([mask_of(part) for part in parts]))


def mask_of(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where an element is masked; the shape of the array."""
    return np.asarray(np.ma.getmaskarray(values), dtype=bool)


def free_null(values: NDArray[Any]) -> int | None:
    """A value that no row has, to mean none; None where nothing is masked or every value is used."""
    data = np.ma.getdata(values)
    if data.dtype.kind not in "iu" or not mask_of(values).any():
        return None
    limits = np.iinfo(data.dtype)
    used = set(np.unique(np.ma.compressed(values)).tolist())
    candidates = range(limits.max, -1, -1) if limits.min == 0 else range(limits.min, 0)
    return next((value for value in candidates if value not in used), None)


def null_value(null: str | None, kind: Kind) -> int | float | None:
    """The number that a declared null means; None where it is none that a cell can hold."""
    try:
        if not null or kind.text or kind.dtype.kind == "b":
            return None
        if kind.dtype.kind in "fc":
            return float(null)
        number = int(null, 0)
    except ValueError:
        return None
    limits = np.iinfo(kind.dtype)
    return number if limits.min <= number <= limits.max else None


def row_mask(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True for rows of which every element is masked; shape (n,)."""
    mask = mask_of(values)
    return mask if mask.ndim == 1 else np.asarray(mask.reshape(len(mask), -1).all(axis=1))
