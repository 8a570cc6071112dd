"""Crossmatch with a table on this machine."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from vo_photoz.errors import UsageError
from vo_photoz.flow import BoolArray, Match, NewColumn, Positions
from vo_photoz.sky.pairs import Pairs, best_partners, within
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.user_table import UserTable

LARGEST_RADIUS_ARCSEC = 3600.0


def match_table(positions: Positions, other: UserTable, name: str, *, radius_arcsec: float) -> Match:
    """Best partner of every row in another table.

    Parameters
    ----------
    positions : Positions
        ICRS positions of the user's rows.
    other : UserTable
        Table with positions of its own; all its columns are joined.
    name : str
        Prefix of the new columns.
    radius_arcsec : float
        Largest separation, at most one degree.

    Returns
    -------
    Match

    Raises
    ------
    TableError
        Raised if the other table has no, or several, positions.
    UsageError
        Raised if the radius cannot be meant.
    """
    started = time.monotonic()
    pairs = table_pairs(positions, other, radius_arcsec=radius_arcsec)
    infos = {
        "service": f"the table {Path(other.source).name or name}",
        "query": name,
        "radius_arcsec": f"{radius_arcsec:g}",
        "pairs": str(len(pairs)),
        "matched": str(len(np.unique(pairs.rows))),
        "seconds": f"{time.monotonic() - started:.1f}",
    }
    return Match(name, best_partners(name, pairs, len(positions)), infos=infos)


def table_pairs(positions: Positions, other: UserTable, *, radius_arcsec: float) -> Pairs:
    """All pairs of rows within the radius; arguments and errors as of `match_table`.

    Notes
    -----
    Of two partners at the same separation the one with the smaller values comes first, as in an archive.
    """
    if not 0 < radius_arcsec <= LARGEST_RADIUS_ARCSEC:
        raise UsageError(
            f"A radius of {radius_arcsec:g} arcsec cannot be meant.",
            advice=f"Give more than 0 and at most {LARGEST_RADIUS_ARCSEC:g} arcsec.",
        )
    theirs = find_positions(other)
    ours, partners = np.flatnonzero(_usable(positions)), np.flatnonzero(_usable(theirs))
    first, second, separation = within(
        positions.ra[ours], positions.dec[ours], theirs.ra[partners], theirs.dec[partners], radius_arcsec
    )
    rows, found = ours[first].astype(np.int64), partners[second]
    columns = [
        NewColumn(info.name, values[found], info.unit or "", info.ucd or "", info.description)
        for info, values in zip(other.columns, other.data, strict=True)
    ]
    return Pairs(rows, separation, columns, partners[second])


def _usable(positions: Positions) -> BoolArray:
    with np.errstate(invalid="ignore"):
        usable: BoolArray = positions.valid & np.isfinite(positions.ra) & (np.abs(positions.dec) <= 90)
    return usable
