"""Positions of a table that is read in batches: the columns are chosen once, as for the whole table."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from vo_photoz.errors import TableError
from vo_photoz.flow import Positions
from vo_photoz.tables.batches import ReadAgain, some_rows
from vo_photoz.tables.fields import joined
from vo_photoz.tables.positions.columns import Pair
from vo_photoz.tables.positions.find import angles_of_rows, choose, positions_of
from vo_photoz.tables.user_table import UserTable

_SAMPLE = 500
"""Rows of every batch that are kept, to choose the columns in the light of the whole table."""


class BatchPositions:
    """Finds the positions of batch after batch.

    The first batch tells the columns and their units. Rows of all batches are kept, and tell it again at the
    end: where they tell otherwise, `check` asks for another reading, which goes by them from the beginning.

    Parameters
    ----------
    ra, dec, frame : str or None
        As of `vo_photoz.tables.positions.find_positions`.
    """

    def __init__(self, *, ra: str | None = None, dec: str | None = None, frame: str | None = None) -> None:
        self._options = {"ra": ra, "dec": dec, "frame": frame}
        self._pair: Pair | None = None
        self._settled = False
        self._passed = False  # rows were read before the columns were chosen
        self._sample: list[UserTable] = []
        self.origin = ""

    def begin(self) -> None:
        """Forget the rows of an earlier reading."""
        self._sample, self._passed = [], False
        if not self._settled:
            self._pair = None

    def of(self, batch: UserTable) -> Positions:
        """Positions of the rows of a batch.

        Raises
        ------
        UsageError
            As `find_positions`.
        """
        if not self._settled:
            step = max(1, batch.n_rows // _SAMPLE)
            self._sample.append(some_rows(batch, np.arange(batch.n_rows) % step == 0))
        if self._pair is None and batch.n_rows:
            with suppress(TableError):  # the rows so far may hold no position: `check` decides
                self._choose(batch)
        self._passed = self._passed or self._pair is None
        angles = None if self._pair is None else angles_of_rows(batch, self._pair)
        if self._pair is None or angles is None:
            nothing = np.full(batch.n_rows, np.nan)
            return Positions(nothing, nothing, np.zeros(batch.n_rows, dtype=bool), self.origin)
        return positions_of(*angles, self._pair.frame, self.origin)

    def _choose(self, table: UserTable) -> None:
        chosen = choose(table, **self._options)
        self._pair, self.origin = chosen.pair, chosen.positions.origin

    def check(self) -> None:
        """Choose again from rows of the whole table, after its last batch.

        Raises
        ------
        ReadAgain
            Raised if the first batch told other columns or units.
        TableError
            As `find_positions`.
        """
        if self._settled:
            return
        before, first = self._pair, self._sample[0]
        data = [joined([part.data[place] for part in self._sample]) for place in range(len(first.columns))]
        self._choose(UserTable(first.root, first.table, data, source=first.source))
        self._sample, self._settled = [], True
        if self._pair != before or self._passed:
            raise ReadAgain
