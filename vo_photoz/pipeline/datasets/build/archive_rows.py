"""All rows of an archive inside a footprint, also by queries that were made to find partners of positions.

For these the positions are the middles of HEALPix cells, the radius reaches their corners. Each row of the
archive is taken from the cell in which it lies, so it comes once. What does not fit into one answer is asked
again in smaller pieces: fewer cells, then smaller ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cdshealpix.nested
import healpy
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_photoz.datasets.candidates import end_to_end, read, write
from vo_photoz.errors import Truncated
from vo_photoz.flow import Coverage, Positions, Progress, no_progress
from vo_photoz.pipeline.datasets.build.samples import RawSample, arrow
from vo_photoz.pipeline.datasets.build.step_folders import write_whole
from vo_photoz.sky.frames import unit_vectors
from vo_photoz.sky.moc import DEEPEST
from vo_photoz.sky.pixels import cells_of
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.footprint import rows_inside
from vo_photoz.tap.queries import Query

FINEST_CELLS, MOST_CELLS = 8, 4096
"""Cells have order 8 (0.2 degrees) at most; of the orders below, the finest with so many cells is taken."""
CELLS_AT_A_TIME = 64
MAXREC = 1_000_000
TOLD = "told.json"
DEEPEST_CELLS = 16
"""Cells are not divided below this order (3 arcsec): so many rows in one place are no catalogue."""


@dataclass(frozen=True)
class ArchiveRows:
    """The rows of a query inside a footprint, fetched cell by cell into a folder.

    Parameters
    ----------
    query : Query
        Of `load_query`.
    service : str or None
        TAP service instead of the query's own.
    folder : Path
        Keeps ``rows-00000.parquet`` and so on: what is there is not asked again.
    maxrec : int
        Largest number of rows in one answer.
    """

    query: Query
    service: str | None
    folder: Path
    maxrec: int = MAXREC

    def fetch(self, coverage: Coverage, *, progress: Progress = no_progress) -> RawSample:
        """All rows in the cells that touch the footprint, in an order that hangs on the rows alone.

        Raises
        ------
        ServiceError
            Raised if the archive fails; the kinds of `vo_photoz.tap.crossmatch.crossmatch`.
        """
        if self.query.sky is not None:
            return self._listed(coverage, progress)
        order, cells = cells_around(coverage)
        groups = [cells[at : at + CELLS_AT_A_TIME] for at in range(0, len(cells), CELLS_AT_A_TIME)]
        parts = []
        for number, group in enumerate(groups):
            path = self.folder / f"rows-{number:05d}.parquet"
            if not path.is_file():
                found = end_to_end(list(self._ask(order, group)))
                write_whole(path, lambda part, found=found: write(found, part))  # type: ignore[misc]
            parts.append(read(path))
            progress(f"rows of {self.query.name}", number + 1, len(groups))
        return _in_order(end_to_end(parts))

    def _listed(self, coverage: Coverage, progress: Progress) -> RawSample:
        """All rows of a query that lists a part of the sky."""
        found = rows_inside(self.query, coverage, service=self.service, maxrec=self.maxrec, progress=progress)
        self._tell(found.infos)
        return _in_order(
            pa.table({column.name: arrow(column.values, column.name) for column in found.columns})
        )

    def _ask(self, order: int, cells: NDArray[np.int64]) -> Iterator[pa.Table]:
        """Rows in some cells; divided while the answer is cut off."""
        try:
            yield self._rows(order, cells)
        except Truncated:
            if len(cells) == 1 and order >= DEEPEST_CELLS:
                raise
            if len(cells) == 1:
                order, cells = order + 1, 4 * cells[0] + np.arange(4)
            half = len(cells) // 2
            yield from self._ask(order, cells[:half])
            yield from self._ask(order, cells[half:])

    def _rows(self, order: int, cells: NDArray[np.int64]) -> pa.Table:
        lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.astype(np.uint64), order)
        middles = Positions(lon.deg, lat.deg, np.ones(len(cells), dtype=bool), f"cells of order {order}")
        radius = 3600 * float(healpy.max_pixrad(1 << order, degrees=True)) + 1.0
        pairs, told = find_pairs(
            middles,
            _unlimited(self.query),
            radius_arcsec=radius,
            service=self.service,
            maxrec=self.maxrec,
            chunk_rows=len(cells),
        )
        self._tell(told)
        columns = {column.name: arrow(column.values, column.name) for column in pairs.columns}
        if not columns:
            columns = {name: pa.nulls(0) for name in self.query.returns}
        table = pa.table(columns)
        ra, dec = (_floats(table[name]) for name in ("ra", "dec"))
        good = np.isfinite(ra) & np.isfinite(dec)
        inside = np.zeros(len(ra), dtype=bool)
        inside[good] = cells_of(unit_vectors(ra[good], dec[good]), order) == cells[pairs.rows[good]]
        return table.filter(pa.array(inside)).combine_chunks()

    def _tell(self, told: dict[str, str]) -> None:
        """Keep what a record of provenance wants: service and date of the last answer."""
        kept = {name: told[name] for name in ("service", "query", "date", "cite") if told.get(name)}
        write_whole(self.folder / TOLD, lambda part: _write_json(part, kept))


def cells_around(coverage: Coverage) -> tuple[int, NDArray[np.int64]]:
    """Order and numbers of the HEALPix cells that touch a footprint."""
    for order in range(FINEST_CELLS, -1, -1):
        shift = 2 * (DEEPEST - order)
        first, last = coverage.ranges[:, 0] >> shift, (coverage.ranges[:, 1] - 1) >> shift
        if order == 0 or (last - first + 1).sum() <= 4 * MOST_CELLS:
            spans = [np.arange(low, high + 1) for low, high in zip(first, last, strict=True)]
            cells = np.unique(np.concatenate(spans)) if spans else np.zeros(0, np.int64)
            if order == 0 or len(cells) <= MOST_CELLS:
                break
    return order, cells.astype(np.int64)


def _unlimited(query: Query) -> Query:
    """The query with a radius of any size: its range is meant for partners of a source."""
    radius = replace(query.parameters["radius"], low=None, high=None)
    return replace(query, parameters={**query.parameters, "radius": radius})


def _in_order(table: pa.Table) -> RawSample:
    """Rows sorted by place, then by all their columns: archives return them in any order."""
    ra, dec = _floats(table["ra"]), _floats(table["dec"])
    cell = cells_of(unit_vectors(ra, dec), DEEPEST) if len(ra) else np.zeros(0, np.int64)
    kept = [column for column in table.columns if not pa.types.is_null(column.type)]
    keys = pa.table([pa.chunked_array([cell]), *kept], names=[str(key) for key in range(1 + len(kept))])
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    rows = order.to_numpy()
    return RawSample(ra[rows], dec[rows], table.take(order).combine_chunks(), np.arange(len(rows)))


def _floats(column: pa.ChunkedArray) -> Any:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy(), dtype=np.float64)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, sort_keys=True) + "\n", encoding="utf-8")
