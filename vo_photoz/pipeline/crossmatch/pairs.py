"""All pairs of a crossmatch as a table of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vo_photoz.flow import NewColumn
from vo_photoz.sky.pairs import IntArray, Pairs
from vo_photoz.tables.fields import plain
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.skeleton import Told, skeleton

MAIN_ID = "meta.id;meta.main"


def pairs_table(user: UserTable, pairs: Pairs) -> tuple[UserTable, list[NewColumn]]:
    """Return a table of row numbers and the columns beside them, sorted by row and separation.

    The columns: ``row`` of the user's table, counted from 0; her main identifier, where a UCD marks one; what
    is known of the partner; ``separation``; and ``nmatch``, how many partners the row has.
    """
    order = np.lexsort((pairs.separation, pairs.rows))
    rows = pairs.rows[order]
    told = Told("row", ucd="meta.record", description="Row of the input table, counted from 0")
    columns = [*_identifier(user, rows), *(replace(c, values=c.values[order]) for c in pairs.columns)]
    columns += [
        NewColumn(
            "separation",
            pairs.separation[order],
            "arcsec",
            "pos.angDistance",
            "Distance of the two positions",
        ),
        NewColumn(
            "nmatch",
            np.bincount(pairs.rows, minlength=1)[rows].astype(np.int32),
            "",
            "meta.number",
            "Number of partners of the row within the radius",
        ),
    ]
    return skeleton([plain(rows)], [told], title="pairs"), columns


def _identifier(user: UserTable, rows: IntArray) -> list[NewColumn]:
    """Main identifier of the user's rows, where exactly one column is marked as such."""
    main = [i for i, c in enumerate(user.columns) if (c.ucd or "").replace(" ", "").lower() == MAIN_ID]
    if len(main) != 1:
        return []
    info = user.columns[main[0]]
    return [NewColumn(info.name, user.data[main[0]][rows], info.unit or "", "meta.id", info.description)]
