"""Rows of a table as a sample of a training set: of millions, those near the footprint are kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_photoz.datasets.candidates import end_to_end
from vo_photoz.errors import TableError
from vo_photoz.flow import BoolArray, Coverage, Positions
from vo_photoz.pipeline.datasets.build.archive_rows import cells_around
from vo_photoz.pipeline.datasets.build.samples import RawSample, SampleSource, arrow, used_columns
from vo_photoz.sky.frames import unit_vectors
from vo_photoz.sky.pixels import cells_of
from vo_photoz.tables.batches import TableBatches, again
from vo_photoz.tables.positions.batches import BatchPositions
from vo_photoz.tables.user_table import UserTable


class TableRows:
    """Reads a sample that is a table in batches.

    Parameters
    ----------
    source : SampleSource
        The sample.
    coverage : Coverage
        The footprint: rows in other HEALPix cells are counted, not kept.
    """

    def __init__(self, source: SampleSource, coverage: Coverage) -> None:
        assert source.path is not None  # noqa: S101 - a sample of a table
        self.sample = source.sample
        self.batches = TableBatches(source.path)
        self.finder = BatchPositions(ra=self.sample.ra, dec=self.sample.dec, frame=self.sample.frame)
        self.order, self.cells = cells_around(coverage)

    def fetch(self) -> RawSample:
        """All rows near the footprint, and those without a position, in their order.

        Raises
        ------
        TableError
            Raised if the table cannot be read, has no positions, or lacks a column.
        """
        try:
            return again(self._read)
        except TableError as error:
            raise TableError(f"Sample '{self.sample.name}': {error.message}", advice=error.advice) from None

    def _read(self) -> RawSample:
        parts, rows, places, first = [], [], [], 0
        self.finder.begin()
        for batch in self.batches:
            where = self.finder.of(batch)
            kept = np.flatnonzero(self._near(where))
            parts.append(self._columns(batch, kept))
            places.append(np.where(where.valid, (where.ra, where.dec), np.nan)[:, kept])
            rows.append(first + kept)
            first += batch.n_rows
        self.finder.check()
        ra, dec = np.concatenate(places, axis=1)
        row = np.concatenate(rows)
        return RawSample(ra, dec, end_to_end(parts), row, far=first - len(row))

    def _near(self, where: Positions) -> BoolArray:
        near = ~where.valid
        cells = cells_of(unit_vectors(where.ra[where.valid], where.dec[where.valid]), self.order)
        near[where.valid] = np.isin(cells, self.cells)
        return near

    def _columns(self, batch: UserTable, kept: NDArray[np.intp]) -> pa.Table:
        names = used_columns(self.sample)
        table = pa.table({name: arrow(batch.values(name)[kept], name) for name in names})
        return table if names else pa.table({"": pa.nulls(len(kept))})
