"""The columns of a crossmatch for some rows at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vo_photoz.flow import BoolArray, NewColumn
from vo_photoz.pipeline.crossmatch.matching import Found, unknown_where
from vo_photoz.sky.pairs import IntArray, Pairs, best_partners, null_partners


class MatchColumns:
    """What `Found.match` gives for all rows, part by part.

    Parameters
    ----------
    found : Found
        A crossmatch.
    """

    def __init__(self, found: Found) -> None:
        self._found = found
        pairs = found.pairs
        self._order = np.argsort(pairs.rows, kind="stable")
        self._rows = pairs.rows[self._order]
        self._taken = np.zeros(len(pairs), dtype=bool)
        self._taken[found.taken] = True

    def between(self, start: int, stop: int) -> list[NewColumn]:
        """Columns of the rows from ``start`` to before ``stop``."""
        low, high = np.searchsorted(self._rows, [start, stop])
        elements = self._order[low:high]
        pairs = self._part(elements, self._rows[low:high] - start)
        unknown = ~self._found.searched[start:stop]
        return self._columns(pairs, np.flatnonzero(self._taken[elements]), unknown)

    def examples(self) -> list[NewColumn]:
        """All values that any row has, and at the end a row that has none where there is one."""
        taken, searched = self._found.taken, self._found.searched
        rows = np.arange(len(taken), dtype=np.int64)
        unknown = np.zeros(min(len(taken) + 1, len(searched)), dtype=bool)
        unknown[-1:] = not searched.all()
        return self._columns(self._part(taken, rows), rows, unknown)

    def _part(self, elements: IntArray, rows: IntArray) -> Pairs:
        pairs = self._found.pairs
        columns = [replace(column, values=column.values[elements]) for column in pairs.columns]
        return Pairs(rows, pairs.separation[elements], columns)

    def _columns(self, pairs: Pairs, taken: IntArray, unknown: BoolArray) -> list[NewColumn]:
        partners, n = self._found.partners, len(unknown)
        if not pairs.columns and partners.returns:
            return null_partners(partners.name, partners.returns, n, partners.described)
        columns = best_partners(partners.name, pairs, n, taken)
        columns[-1] = unknown_where(columns[-1], unknown)
        return columns
