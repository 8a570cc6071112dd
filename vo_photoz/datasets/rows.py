"""The rows of a data set: what is known of each object, as Parquet."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.flow import FlagArray, FloatArray


@dataclass(frozen=True)
class Rows:
    """Columns of equal length, one row an object.

    Parameters
    ----------
    id : str array, shape (n,)
        Names of the objects.
    ra, dec : float64 array, shape (n,)
        ICRS degrees.
    z : float64 array, shape (n,)
        Known redshift; NaN where none is known.
    fold : int32 array, shape (n,)
        Fold on the sky.
    flags : int16 array, shape (n,)
        Bits of `flow.Flag` that the cutting set.
    mag : float64 array, shape (n, band)
        Catalogue magnitudes; NaN where none is known. Never shown to a network.
    more : pyarrow.Table or None
        Further columns that a recipe keeps: the sample, the error of the redshift, warnings.
    kind : str array, shape (n,), or None
        STAR, GALAXY or QSO (column ``class`` of the file), "" where not known; None where nothing is known.
    """

    id: NDArray[np.str_]
    ra: FloatArray
    dec: FloatArray
    z: FloatArray
    fold: NDArray[np.int32]
    flags: FlagArray
    mag: FloatArray
    more: pa.Table | None = None
    kind: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.ra)

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """Some of the rows."""
        columns = [one.name for one in fields(self) if one.name not in ("more", "kind")]
        more = None if self.more is None else self.more.take(pa.array(rows)).combine_chunks()
        kind = None if self.kind is None else self.kind[rows]
        return Rows(**{name: getattr(self, name)[rows] for name in columns}, more=more, kind=kind)


def write_rows(rows: Rows, bands: tuple[str, ...], path: Path) -> None:
    """Write rows as a Parquet file; magnitudes become one column a band."""
    columns: dict[str, Any] = {
        "id": pa.array([str(name) for name in rows.id], pa.string()),
        "ra": pa.array(rows.ra, pa.float64()),
        "dec": pa.array(rows.dec, pa.float64()),
        "z": pa.array(rows.z, pa.float64()),
        "fold": pa.array(rows.fold, pa.int32()),
        "flags": pa.array(rows.flags, pa.int16()),
    }
    for number, band in enumerate(bands):
        columns[f"mag_{band}"] = pa.array(rows.mag[:, number], pa.float64())
    if rows.more is not None:
        columns |= {name: rows.more[name] for name in rows.more.column_names}
    if rows.kind is not None:
        columns["class"] = pa.array(class_values(rows.kind), pa.string())
    pq.write_table(pa.table(columns), path)


def read_rows(path: Path, bands: tuple[str, ...]) -> Rows:
    """Read what `write_rows` wrote.

    Raises
    ------
    TableError
        Raised if the file is missing, cut off or lacks a column.
    """
    try:
        table = pq.read_table(path)
        column = {name: table[name].to_numpy() for name in ("ra", "dec", "z", "fold", "flags")}
        names = np.array(table["id"].to_pylist(), dtype=np.str_)
        mag = np.stack([table[f"mag_{band}"].to_numpy() for band in bands], axis=1)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise TableError(
            f"The rows {path} cannot be read: {error}.", advice="Make the data set again."
        ) from None
    kind = _kind(table)
    known = {"id", *column, *(f"mag_{band}" for band in bands), *(["class"] if kind is not None else [])}
    further = [name for name in table.column_names if name not in known]
    return Rows(id=names, mag=mag, **column, more=table.select(further) if further else None, kind=kind)


def class_values(kind: NDArray[np.str_]) -> list[str | None]:
    """Classes as a file holds them: null where not known."""
    return [str(one) or None for one in kind]


def _kind(table: pa.Table) -> NDArray[np.str_] | None:
    """Classes of a file that has them; a column of that name that holds no text is something else."""
    if "class" not in table.column_names or not pa.types.is_string(table["class"].type):
        return None
    return np.array([one or "" for one in table["class"].to_pylist()], dtype=np.str_)
