"""Parquet tables. Written in the convention VOParquet: the file's metadata hold the VOTable document."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute
from pyarrow import parquet as pq

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import Kind, mask_of, masked, objects, plain, row_mask
from vo_photoz.tables.user_table import JOB, ColumnInfo, UserTable, unique_names
from vo_photoz.tables.votable.portable import portable
from vo_photoz.tables.votable.read import read_votable
from vo_photoz.tables.votable.skeleton import Told, skeleton, with_columns
from vo_photoz.tables.votable.write import document_without_rows

_CONTENT = b"IVOA.VOTable-Parquet.content"
_VERSION = b"IVOA.VOTable-Parquet.version"
_BROKEN = (pa.ArrowException, OSError, ValueError)
_BUFFER = 1 << 20
"""Bytes of a column that are read at a time."""


def read_parquet(stream: BinaryIO, source: str) -> UserTable:
    """Table of a Parquet file.

    Raises
    ------
    TableError
        Raised if the file is damaged or has a column of a type that no table of the VO can hold.
    """
    try:
        table = pq.read_table(pa.BufferReader(stream.read()), use_threads=False)
    except _BROKEN as error:
        raise _damaged(source, error) from None
    return _around([table.column(place) for place in range(table.num_columns)], table.schema, source)


def parquet_batches(stream: BinaryIO, source: str, rows: int) -> Iterator[UserTable]:
    """Rows of the table that `read_parquet` reads, at most ``rows`` at a time; at least one batch.

    Raises
    ------
    TableError
        As `read_parquet`.
    """
    first: UserTable | None = None
    try:
        file = pq.ParquetFile(stream, buffer_size=_BUFFER)
        for batch in file.iter_batches(rows, use_threads=False):
            table = _around(batch.columns, file.schema_arrow, source)
            first = first or table
            yield with_columns(first, list(map(plain, table.data)))
        if first is None:
            empty = file.schema_arrow.empty_table()
            yield _around(empty.columns, file.schema_arrow, source)
    except _BROKEN as error:
        raise _damaged(source, error) from None


def _damaged(source: str, error: Exception) -> TableError:
    return TableError(f"{source} cannot be read as Parquet: {' '.join(str(error).split())[:200]}.")


def _around(columns: list[Any], schema: Any, source: str) -> UserTable:
    """Columns with what the file tells of them."""
    metadata = schema.metadata or {}
    arrays = [from_arrow(column, name) for column, name in zip(columns, schema.names, strict=True)]
    if _CONTENT in metadata:
        known = read_votable(io.BytesIO(metadata[_CONTENT]), source, rowless=True)
        if unique_names(known.names) == schema.names:
            formed = [_formed(values, told.kind) for values, told in zip(arrays, known.columns, strict=True)]
            return with_columns(known, [plain(values) for values in formed])
    told = [_told(field) for field in schema]
    job = metadata.get(JOB.encode())
    infos = [(JOB, job.decode("utf-8", "replace"))] if job else []
    return skeleton([plain(values) for values in arrays], told, infos=infos, source=source)


def _told(field: Any) -> Told:
    notes = {
        key.decode().lower(): value.decode("utf-8", "replace")
        for key, value in (field.metadata or {}).items()
    }
    return Told(
        name=field.name,
        unit=notes.get("unit", ""),
        ucd=notes.get("ucd", ""),
        utype=notes.get("utype", ""),
        description=notes.get("description", ""),
    )


def _formed(values: NDArray[Any], kind: Kind) -> NDArray[Any]:
    """Complex numbers and axes put back, which Parquet keeps as pairs and one long list."""
    data, mask = np.ma.getdata(values), mask_of(values)
    if kind.text or data.dtype.kind not in "Of":
        return values
    if data.dtype.kind == "O":
        if kind.dtype.kind == "c":
            data = objects([np.ascontiguousarray(cell).view(kind.dtype) for cell in data])
        return masked(objects([cell.reshape(-1, *kind.shape) for cell in data]), mask)
    if kind.dtype.kind == "c":
        data = np.ascontiguousarray(data).view(kind.dtype)[..., 0]
        mask = mask[..., 0]
    return masked(data, mask)


def from_arrow(column: Any, name: str) -> NDArray[Any]:
    """An Arrow column as a numpy array, masked where it has nulls.

    Raises
    ------
    TableError
        Raised if its type cannot be held (structures, maps).
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return from_arrow(array.dictionary_decode(), name)
    gone = np.asarray(array.is_null())
    if pa.types.is_fixed_size_list(kind):
        inner = array.values.slice(array.offset * kind.list_size, len(array) * kind.list_size)
        values = from_arrow(inner, name)
        shaped = values.reshape(len(array), kind.list_size, *values.shape[1:])
        mask = np.ma.getmaskarray(shaped) | gone.reshape(-1, *(1,) * (shaped.ndim - 1))
        return masked(np.ma.getdata(shaped), mask)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(array, gone, name)
    return masked(_scalars(array, kind, gone, name), gone)


def _lists(array: Any, gone: NDArray[np.bool_], name: str) -> NDArray[Any]:
    flat = from_arrow(array.flatten(), name)
    lengths = np.asarray(compute.fill_null(compute.list_value_length(array), 0))
    parts = np.split(flat, np.cumsum(lengths)[:-1]) if len(array) else []
    return masked(objects(parts), gone)


def _scalars(array: Any, kind: Any, gone: NDArray[np.bool_], name: str) -> NDArray[Any]:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return objects([cell or "" for cell in array.to_pylist()])
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        return objects(["" if cell is None else str(cell).replace(" ", "T") for cell in array.to_pylist()])
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return objects([(cell or b"").decode("utf-8", "replace") for cell in array.to_pylist()])
    if pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    elif pa.types.is_null(kind):
        return objects([""] * len(array))
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise TableError(
            f"The column '{name}' is of the type {kind}, which a table of the VO cannot hold.",
            advice="Leave the column out.",
        )
    if gone.any():
        blank = np.nan if pa.types.is_floating(array.type) else False if pa.types.is_boolean(kind) else 0
        array = compute.fill_null(array, pa.scalar(blank, array.type))
    return np.asarray(array.to_numpy(zero_copy_only=False))


# Writing


def write_parquet(table: UserTable, path: Path) -> None:
    """Write a Parquet file; not atomic (see `vo_photoz.tables.write`)."""
    _, element, data = portable(table)
    write_parquet_batches(table, element, [data], path)


def write_parquet_batches(
    table: UserTable, element: Element, batches: Iterable[list[NDArray[Any]]], path: Path
) -> None:
    """Write a Parquet file whose rows come batch by batch, each a row group; not atomic.

    Parameters
    ----------
    table : UserTable
        What the document tells; its rows are not used.
    element : Element
        The TABLE with its FIELDs, as `vo_photoz.tables.votable.portable.portable` gives it.
    batches : iterable of list of array
        Columns of some rows each; at least one batch.
    path : Path
        The file.
    """
    columns = [ColumnInfo.of(field) for field in element.findall("FIELD")]
    names = unique_names([column.name for column in columns])
    metadata = {_VERSION: b"1.0", _CONTENT: document_without_rows(table).encode("utf-8")}
    if table.job:
        metadata[JOB.encode()] = table.job.encode("utf-8")
    writer = None
    try:
        for data in batches:
            arrays = [_arrow(values, column.kind) for values, column in zip(data, columns, strict=True)]
            fields = [
                pa.field(name, array.type, metadata=_notes(column))
                for name, column, array in zip(names, columns, arrays, strict=True)
            ]
            schema = pa.schema(fields, metadata=metadata) if writer is None else writer.schema
            writer = writer or pq.ParquetWriter(path, schema)
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    finally:
        if writer is not None:
            writer.close()


def _notes(column: ColumnInfo) -> dict[str, str]:
    notes = {"unit": column.unit, "ucd": column.ucd, "utype": column.utype, "description": column.description}
    return {key: value for key, value in notes.items() if value}


def _arrow(values: NDArray[Any], kind: Kind) -> Any:
    data = np.ma.getdata(values)
    gone = row_mask(values)
    if kind.text:
        return pa.array(data.tolist(), pa.string(), mask=gone)
    if kind.variable:
        cells = [
            None if no else np.ma.filled(np.ma.asanyarray(cell), _blank(kind))
            for cell, no in zip(data, gone, strict=True)
        ]
        flat = [None if cell is None else _real(np.ascontiguousarray(cell).reshape(-1)) for cell in cells]
        return pa.array(flat, pa.list_(pa.from_numpy_dtype(_real(np.empty(0, kind.dtype)).dtype)))
    mask = np.ma.getmaskarray(values)
    if kind.dtype.kind == "c":
        data, mask = _real(np.ascontiguousarray(data)[..., None]), np.repeat(mask[..., None], 2, axis=-1)
    inner = pa.array(data.reshape(-1), mask=mask.reshape(-1))
    for size in data.shape[:0:-1]:
        inner = pa.FixedSizeListArray.from_arrays(inner, size)
    return inner


def _blank(kind: Kind) -> Any:
    return np.nan if kind.dtype.kind in "fc" else kind.dtype.type(0)


def _real(values: NDArray[Any]) -> NDArray[Any]:
    """Complex numbers as pairs of floats, which Parquet can hold."""
    if values.dtype.kind != "c":
        return values
    return values.view(values.real.dtype)
