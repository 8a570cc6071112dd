"""Score a table of predictions against the redshifts that stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.bootstrap import Comparison, compare
from vo_photoz.analysis.judged import Judged, judge
from vo_photoz.analysis.metrics import Scores, scores_of
from vo_photoz.datasets.split import sky_cells
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import FLAG_MEANINGS, BoolArray, FlagArray, FloatArray, MixturePDF, Positions
from vo_photoz.redshift.cleaning import HIGHEST_Z, LOWEST_Z
from vo_photoz.sky.frames import unit_vectors
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.predictions import PREDICTION_COLUMNS
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable

NEEDED = ("pz_weight", "pz_mean", "pz_sigma", "photoz_flag")
NAMES = ("z_spec", "zspec", "z_sp", "specz", "spec_z", "redshift", "z_true", "true_z", "z")
"""How columns with known redshifts are called, where no UCD tells; the first that is there."""
SAME = np.radians(1 / 3600)
"""Rows of two tables are the same when they lie within an arcsec."""


@dataclass(frozen=True)
class Judgement:
    """A table of predictions beside the redshifts that stand in it; n rows.

    Parameters
    ----------
    path : str
        Where the table is.
    column : str
        The column of the known redshifts.
    judged : Judged
        What is known of every row.
    flags : int16 array, shape (n,)
        Flags of the predictions.
    positions : Positions
        Where the rows are.
    model : str
        Name of the model, as the table tells it.
    """

    path: str
    column: str
    judged: Judged
    flags: FlagArray
    positions: Positions
    model: str

    def __len__(self) -> int:
        return len(self.judged)

    @property
    def unflagged(self) -> BoolArray:
        """Rows without any flag, shape (n,)."""
        return np.asarray(self.flags == 0)

    def ledger(self) -> list[tuple[str, int]]:
        """How many rows count and, of those with a known redshift, how many carry each flag, in words."""
        known = np.isfinite(self.judged.z)
        lines = [("scored", int(self.judged.counted.sum()))]
        lines.append(("without a known redshift", int((~known).sum())))
        lines += [
            (meaning, int((known & (self.flags & flag != 0)).sum()))
            for flag, meaning in FLAG_MEANINGS.items()
        ]
        return [lines[0], *((words, n) for words, n in lines[1:] if n)]


@dataclass(frozen=True)
class ScoredList:
    """Scores of a table of predictions.

    Parameters
    ----------
    table : Judgement
        What was scored.
    scores : dict
        `Scores` by name: "all", "unflagged", and one for each range of the known redshift ("z 3.9 to 5").
    against : dict
        `Comparison` with the other table, by the same names; empty without one.
    """

    table: Judgement
    scores: dict[str, Scores]
    against: dict[str, Comparison]

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {
            "table": self.table.path,
            "known_redshifts": self.table.column,
            "model": self.table.model,
            "rows": len(self.table),
            "ledger": dict(self.table.ledger()),
            "scores": {name: one.as_dict() for name, one in self.scores.items()},
            "against": {name: one.as_dict() for name, one in self.against.items()},
        }


def score(
    table: str | Path | UserTable,
    *,
    z: str | None = None,
    edges: Sequence[float] = (),
    against: str | Path | UserTable | None = None,
) -> ScoredList:
    """Score the predictions of a table against known redshifts in one of its columns.

    Parameters
    ----------
    table : path or UserTable
        As `predict` writes it, in any of its formats but qp.
    z : str or None
        Column with known redshifts; None finds it by UCD (``src.redshift``), then by name.
    edges : sequence of float
        Edges of ranges of the known redshift to score apart.
    against : path, UserTable or None
        Another prediction of the same rows, to be compared with.

    Raises
    ------
    TableError
        Raised if the table holds no predictions or no known redshifts, or the other one has other rows.
    UsageError
        Raised if the edges do not ascend.
    """
    if any(not low < high for low, high in pairwise(edges)) or len(edges) == 1:
        raise UsageError(f"Edges {', '.join(map(str, edges))} make no ranges.", advice="Write 2.75,3.9,5.")
    mine = judgement(table, z)
    if not mine.judged.counted.any():
        raise TableError(f"No row of {mine.path} has both a prediction and a redshift in '{mine.column}'.")
    other = None if against is None else _same_rows(mine, judgement(against, z or mine.column))
    parts = {name: rows for name, rows in _parts(mine, edges).items() if mine.judged.counted[rows].any()}
    return ScoredList(
        mine,
        {name: scores_of(mine.judged.take(rows)) for name, rows in parts.items()},
        {} if other is None else _compared(mine, other, parts),
    )


def judgement(table: str | Path | UserTable, z: str | None = None) -> Judgement:
    """Judge the rows of a table of predictions; arguments and errors as of `score`."""
    held = table if isinstance(table, UserTable) else read_table(table)
    path = held.source if isinstance(table, UserTable) else str(table)
    missing = [name for name in NEEDED if name not in held.names]
    if missing:
        raise TableError(
            f"{path} holds no predictions: it has no column {missing[0]}.",
            advice="Give what `vo-photoz predict` wrote, as VOTable, FITS or Parquet.",
        )
    column = z or known_column(held)
    pdf = MixturePDF(*(_floats(held, name) for name in NEEDED[:3]))
    return Judgement(
        path,
        column,
        judge(pdf, _redshifts(held, column)),
        np.ma.filled(held.values("photoz_flag"), 0).astype(np.int16),
        find_positions(held),
        held.infos.get("vo_photoz.model", ""),
    )


def known_column(table: UserTable) -> str:
    """The column of a table that holds known redshifts.

    Raises
    ------
    TableError
        Raised if there is none, or several could be meant.
    """
    own = [column for column in table.columns if column.name not in PREDICTION_COLUMNS]
    found = [one.name for one in own if (one.ucd or "").split(";")[0].strip().lower() == "src.redshift"]
    if not found:
        named = {one.name.lower(): one.name for one in reversed(own)}
        found = [named[name] for name in NAMES if name in named][:1]
        found = found or [one.name for one in own if one.name.lower().endswith(("_z_spec", "_zspec"))]
    if len(found) == 1:
        return found[0]
    what = f"has several columns of redshifts ({', '.join(found)})" if found else "has no column of redshifts"
    raise TableError(f"{table.source or 'The table'} {what}.", advice="Name the one to score with --z.")


def _redshifts(table: UserTable, column: str) -> FloatArray:
    """Known redshifts; NaN where a value stands for a missing one."""
    try:
        known = _floats(table, column)
    except (ValueError, TypeError):
        raise TableError(f"The column '{column}' does not hold numbers.") from None
    if known.ndim != 1:
        raise TableError(f"The column '{column}' holds several numbers a row.")
    return np.where((known >= LOWEST_Z) & (known <= HIGHEST_Z), known, np.nan)


def _floats(table: UserTable, column: str) -> FloatArray:
    return np.ma.filled(np.ma.asarray(table.values(column)).astype(np.float64), np.nan)


def _parts(table: Judgement, edges: Sequence[float]) -> dict[str, BoolArray]:
    z = table.judged.z
    parts: dict[str, BoolArray] = {"all": np.ones(len(table), dtype=bool), "unflagged": table.unflagged}
    parts |= {f"z {low:g} to {high:g}": (z >= low) & (z < high) for low, high in pairwise(edges)}
    return parts


def _same_rows(mine: Judgement, other: Judgement) -> Judgement:
    same = len(mine) == len(other)
    if same:
        both = np.flatnonzero(mine.positions.valid & other.positions.valid)
        here, there = (one.positions.take(both) for one in (mine, other))
        apart = unit_vectors(here.ra, here.dec) - unit_vectors(there.ra, there.dec)
        same = bool((np.linalg.norm(apart, axis=1) < SAME).all())
    if not same:
        raise TableError(
            f"{other.path} does not have the rows of {mine.path}.",
            advice="Compare predictions of one table, in the same order.",
        )
    return other


def _compared(mine: Judgement, other: Judgement, parts: dict[str, BoolArray]) -> dict[str, Comparison]:
    cells = np.full(len(mine), -1, dtype=np.int64)
    there: NDArray[np.intp] = np.flatnonzero(mine.positions.valid)
    cells[there] = sky_cells(mine.positions.ra[there], mine.positions.dec[there])
    return {
        name: compare(mine.judged.take(rows), other.judged.take(rows), cells[rows])
        for name, rows in parts.items()
        if (mine.judged.counted & other.judged.counted)[rows].any()
    }
