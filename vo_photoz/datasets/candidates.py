"""Candidates for a training set: rows of all samples as an Arrow table, while they are merged and cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vo_photoz.datasets.rows import Rows
from vo_photoz.errors import TableError
from vo_photoz.flow import BoolArray, FloatArray, Positions

FIXED: dict[str, Any] = {
    "sample": pa.string(),
    "row": pa.int64(),
    "id": pa.string(),
    "ra": pa.float64(),
    "dec": pa.float64(),
    "z": pa.float64(),
    "z_err": pa.float64(),
}
"""Columns that every candidate has; ``row`` counts in its sample from 0. After them come ``mag_<band>`` and
the columns that the recipe keeps."""
RESERVED = (*FIXED, "fold", "flags", "step", "reason")


def candidates(columns: Mapping[str, Any]) -> pa.Table:
    """Table of candidates from columns of equal length: the fixed ones, magnitudes, kept ones."""
    arrays = {
        name: pa.array(values, FIXED.get(name)) if not isinstance(values, pa.Array) else values
        for name, values in columns.items()
    }
    return pa.table(arrays)


def end_to_end(tables: Sequence[pa.Table]) -> pa.Table:
    """All candidates in one table; a column that a sample lacks is null there.

    Raises
    ------
    TableError
        Raised if samples have numbers and texts under the same name.
    """
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError(
            f"The samples do not fit together: {str(error).splitlines()[0]}.",
            advice="A column that is kept must have the same type in all samples, or another name.",
        ) from None


def numbers(table: pa.Table, name: str) -> FloatArray:
    """A column as float64, NaN where it is null."""
    column = pc.fill_null(table[name].cast(pa.float64()), float("nan"))
    return np.asarray(column.to_numpy(), dtype=np.float64)


def positions(table: pa.Table) -> Positions:
    """Where the candidates are."""
    ra, dec = numbers(table, "ra"), numbers(table, "dec")
    return Positions(ra, dec, np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90))


def part(table: pa.Table, rows: BoolArray | NDArray[np.integer[Any]]) -> pa.Table:
    """Some of the candidates, given by a mask or by numbers."""
    chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
    return table.take(pa.array(chosen)).combine_chunks()


def left_out(table: pa.Table, step: str, reasons: Sequence[str]) -> pa.Table:
    """Candidates that were left out, with the step and the reason of each."""
    named = table.append_column("step", pa.array([step] * len(reasons), pa.string()))
    return named.append_column("reason", pa.array(list(reasons), pa.string()))


def rows_of(table: pa.Table, fold: NDArray[np.int32], bands: Sequence[str]) -> Rows:
    """Rows of a data set from the candidates that are left."""
    n, nothing = table.num_rows, np.full(table.num_rows, np.nan)
    known = set(table.column_names)
    mags = [numbers(table, f"mag_{band}") if f"mag_{band}" in known else nothing for band in bands]
    spare = [name for name in table.column_names if name in FIXED or name.startswith("mag_")]
    more = table.drop_columns([name for name in spare if name not in ("sample", "z_err")])
    return Rows(
        id=np.array(table["id"].to_pylist(), dtype=np.str_),
        ra=numbers(table, "ra"),
        dec=numbers(table, "dec"),
        z=numbers(table, "z"),
        fold=fold,
        flags=np.zeros(n, dtype=np.int16),
        mag=np.stack(mags, axis=1),
        more=more,
    )


def write(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet: the same rows give the same bytes."""
    pq.write_table(table, path)


def read(path: Path) -> pa.Table:
    """Read what `write` wrote."""
    return pq.read_table(path)
