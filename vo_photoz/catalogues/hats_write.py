"""Tables into HATS, and parts of HATS catalogues into HATS: import of any size, filter by a coverage map."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet as pq

from vo_photoz.catalogues.hats import open_hats
from vo_photoz.catalogues.hats_engine import engine, failures_told, need_lsdb, threads
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Coverage, Positions, Progress, no_progress
from vo_photoz.tables.batches import TableBatches, again
from vo_photoz.tables.formats.parquet import write_parquet
from vo_photoz.tables.positions.find import angles_of_rows, choose, positions_of
from vo_photoz.tables.user_table import UserTable, unique_names

BATCH_ROWS = 250_000
PART_ROWS = 500_000
"""Rows of a part of the catalogue at most, where the sky can be divided so finely."""
FINEST_PART, USUAL_PART = 10, 8
"""Orders of the smallest parts; the usual one, unless some of its cells hold too many rows. The catalogue
keeps a map of its sources of this order too: at order 10 it takes long to make."""
INDEX = "_healpix_29"
"""Column that every HATS catalogue has: it is made anew."""
RESERVED = ("Norder", "Dir", "Npix")
"""Columns of the parts; the user's own of these names become ``NAME_vopz``."""


@dataclass(frozen=True)
class HatsImport:
    """What an import did.

    Parameters
    ----------
    path : Path
        The folder.
    n_rows : int
        Rows in the catalogue.
    without_position : int
        Rows of the table that have no position, which HATS cannot hold.
    parts : int
        Parts of the sky.
    positions : str
        Where the positions come from.
    """

    path: Path
    n_rows: int
    without_position: int
    parts: int
    positions: str


def import_hats(
    table: str | Path,
    output: str | Path,
    *,
    ra: str | None = None,
    dec: str | None = None,
    frame: str | None = None,
    part_rows: int = PART_ROWS,
    scheduler: str | None = None,
    progress: Progress = no_progress,
) -> HatsImport:
    """Make a HATS catalogue of a table, in bounded memory; it appears only when complete.

    Parameters
    ----------
    table : path
        Any table that can be read. Units, UCDs and descriptions of its columns go along. Columns named
        Norder, Dir or Npix, which HATS needs itself, become ``NAME_vopz``.
    output : path
        Folder to make.
    ra, dec, frame : str or None
        Columns and frame of the positions; None finds them. ICRS degrees are added as columns unless the
        columns hold them already.
    part_rows : int
        Rows of a part at most, as far as cells of order 10 (3.4 arcmin) allow it.
    scheduler : str or None
        Address of a Dask scheduler whose workers see the same folders; None works in this process.
    progress : Progress
        Told how many rows are read.

    Raises
    ------
    UsageError
        Raised if the folder exists, or LSDB is not installed.
    TableError
        Raised if the table cannot be read or has no positions.
    ServiceError
        Raised if the scheduler fails.
    """
    arguments = need_lsdb("hats_import.catalog").ImportArguments
    name = _plain_name(Path(output).name)
    with _new_folder(Path(output), name) as folder:
        rows = folder / "rows of the table"
        staged = again(lambda: _staged(Path(table), rows, ra, dec, frame, progress))
        with failures_told(table), _quiet_engine(scheduler) as client:
            asked = arguments(
                output_path=folder, output_artifact_name=name, input_file_list=staged.files,
                file_reader="parquet", ra_column=staged.ra, dec_column=staged.dec,
                use_schema_file=staged.files[0], pixel_threshold=max(part_rows, staged.densest(FINEST_PART)),
                highest_healpix_order=staged.order_for(part_rows), expected_total_rows=staged.n_rows,
                progress_bar=False,
            )  # fmt: skip
            need_lsdb("hats_import.pipeline").pipeline_with_client(asked, client)
    parts = open_hats(output).npartitions
    return HatsImport(Path(output), staged.n_rows, staged.without_position, parts, staged.told)


def filter_hats(
    address: str | Path,
    coverage: Coverage,
    output: str | Path,
    *,
    scheduler: str | None = None,
) -> int:
    """Keep the rows of a HATS catalogue that a coverage map covers, in a catalogue of their own.

    Parameters
    ----------
    address : str or Path
        Folder or address of the catalogue.
    coverage : Coverage
        The map.
    output : path
        Folder to make; it appears only when complete.
    scheduler : str or None
        Address of a Dask scheduler; None works in threads of this process.

    Returns
    -------
    int
        Rows kept.

    Raises
    ------
    TableError
        Raised if there is no such catalogue, or nothing in it is covered.
    UsageError, ServiceError
        Raised as by `import_hats`.
    """
    catalogue = open_hats(address, columns=open_hats(address).all_columns, coverage=coverage)
    nothing = TableError(f"The coverage map covers no source of the HATS catalogue {address}.")
    if not catalogue.npartitions:
        raise nothing
    with _new_folder(Path(output), "catalogue") as folder, engine(scheduler), failures_told(address):
        try:
            catalogue.write_catalog(
                folder / "catalogue", catalog_name=_plain_name(Path(output).name), as_collection=False,
                progress_bar=False, create_per_partition_statistics=False,
            )  # fmt: skip
        except RuntimeError as error:
            if "empty" not in str(error):
                raise
            raise nothing from None
    return len(open_hats(output))


@dataclass(frozen=True)
class _Staged:
    """A table as Parquet files with ICRS positions."""

    files: list[Path]
    ra: str
    dec: str
    n_rows: int
    without_position: int
    counts: NDArray[np.uint32]
    told: str

    def densest(self, order: int) -> int:
        """Most rows in a cell of an order."""
        return int(self.counts.reshape(-1, 4 ** (FINEST_PART - order)).sum(axis=1).max())

    def order_for(self, part_rows: int) -> int:
        """Order whose cells all hold fewer rows than a part, as far as there is one."""
        orders = range(USUAL_PART, FINEST_PART)
        return next((order for order in orders if self.densest(order) <= part_rows), FINEST_PART)


def _staged(
    path: Path, folder: Path, ra: str | None, dec: str | None, frame: str | None, progress: Progress
) -> _Staged:
    """Write the rows with a position, batch by batch."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files: list[Path] = []
    seen = kept = 0
    chosen, names, counts = None, ("", ""), np.zeros(12 << 2 * FINEST_PART, np.uint32)
    for batch in TableBatches(path, rows=BATCH_ROWS):
        if chosen is None:
            chosen = choose(batch, ra=ra, dec=dec, frame=frame)
            places, names = chosen.positions, _names(batch, chosen.positions, chosen.pair)
        else:
            angles = angles_of_rows(batch, chosen.pair)
            if angles is None:
                raise TableError(f"{path} has rows whose positions cannot be read.")
            places = positions_of(*angles, chosen.pair.frame)
        files.append(folder / f"{len(files):06d}.parquet")
        write_parquet(batch, files[-1])
        rows = _with_positions(pq.read_table(files[-1]), places, names)
        np.add.at(counts, _cells(rows[names[0]].to_numpy(), rows[names[1]].to_numpy()), 1)
        pq.write_table(rows, files[-1])
        seen, kept = seen + batch.n_rows, kept + len(rows)
        progress("rows of the table", seen, seen)
    if chosen is None or not kept:
        raise TableError(f"No row of {path} has a position.")
    files = [file for file in files if pq.read_metadata(file).num_rows]
    told = chosen.positions.origin
    return _Staged(files, *names, kept, seen - kept, counts, told)


def _names(batch: UserTable, places: Positions, pair: Any) -> tuple[str, str]:
    """Columns for ICRS degrees: those of the table where they hold them, else new ones."""
    lon, lat = (batch.data[axis.place] for axis in (pair.lon, pair.lat))
    names = unique_names(batch.names)
    own = names[pair.lon.place], names[pair.lat.place]
    good = places.valid
    if all(np.ma.getdata(one).dtype == np.float64 for one in (lon, lat)) and np.array_equal(
        np.stack([lon[good], lat[good]]), np.stack([places.ra[good], places.dec[good]])
    ):
        return own
    new = unique_names([*names, "ra_icrs", "dec_icrs"])[-2:]
    return new[0], new[1]


def _with_positions(rows: Any, places: Positions, names: tuple[str, str]) -> Any:
    """Rows that have a position, with its columns; those that HATS makes itself get another name."""
    rows = rows.replace_schema_metadata(None)
    rows = rows.drop_columns([INDEX] if INDEX in rows.column_names else [])
    rows = rows.rename_columns([f"{one}_vopz" if one in RESERVED else one for one in rows.column_names])
    for name, values, word in zip(names, (places.ra, places.dec), ("ra", "dec"), strict=True):
        if name not in rows.column_names:
            told = {"unit": "deg", "ucd": f"pos.eq.{word};meta.main", "description": "ICRS"}
            rows = rows.append_column(pa.field(name, pa.float64(), metadata=told), pa.array(values))
    return rows.filter(pa.array(places.valid))


def _cells(ra: Any, dec: Any) -> Any:
    from vo_photoz.sky.frames import unit_vectors  # noqa: PLC0415 - needs astropy
    from vo_photoz.sky.pixels import cells_of  # noqa: PLC0415 - needs numba

    return cells_of(unit_vectors(ra, dec), FINEST_PART)


@contextlib.contextmanager
def _new_folder(target: Path, result: str) -> Iterator[Path]:
    """A folder to work in beside the target; what is named ``result`` in it becomes the target."""
    if target.exists():
        raise UsageError(f"{target} exists already.", advice="Give the name of a new folder.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise TableError(f"{target} cannot be written: {error.strerror or error}.") from None
    try:
        yield part
        os.replace(part / result, target)
        target.chmod(0o755)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def _quiet_engine(scheduler: str | None) -> Iterator[Any]:
    """A client of Dask, which hats-import needs in any case; without a scheduler its work is done here."""
    with engine(scheduler) as client:
        if client is not None:
            yield client
            return
        local = need_lsdb("distributed").Client(
            processes=False, n_workers=1, threads_per_worker=threads(), dashboard_address=None
        )
        with local:
            yield local


def _plain_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name) or "catalogue"
