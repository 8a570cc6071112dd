"""Magnitudes of the candidates of a build from the catalogue of an imaging survey."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vo_photoz.datasets.candidates import numbers, positions
from vo_photoz.datasets.ledger import Step
from vo_photoz.datasets.recipe_parts import Magnitudes
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Match, Progress, no_progress
from vo_photoz.pipeline.crossmatch.chain import join
from vo_photoz.pipeline.datasets.build.outcomes import Outcome
from vo_photoz.pipeline.datasets.build.samples import query_named
from vo_photoz.pipeline.datasets.build.step_folders import file_digest
from vo_photoz.sky.pairs import column_prefix
from vo_photoz.tap.queries import load_query


def find_magnitudes(wanted: Magnitudes, folder: Path) -> tuple[str | Path, Any]:
    """Query or table of the magnitudes, and what the step hangs on; checked before anything is fetched.

    Raises
    ------
    UsageError
        Raised if there is no such query, or it does not return a column that is used.
    TableError
        Raised if there is no such table.
    """
    said = wanted.model_dump(mode="json")
    if wanted.table:
        path = folder / Path(wanted.table).expanduser()
        if not path.is_file():
            raise TableError(f"The table of the magnitudes does not exist: {path}.")
        return path, [said, file_digest(path)]
    name = query_named(wanted.query, folder)
    query = load_query(name)
    missing = [name for name in wanted.columns.values() if name not in query.returns]
    if missing:
        raise UsageError(
            f"The query {query.name} of the magnitudes returns no column '{missing[0]}'.",
            advice=f"It returns {', '.join(query.returns)}.",
        )
    return name, [said, query.render(), query.services]


def with_magnitudes(
    table: pa.Table, wanted: Magnitudes, source: str | Path, *, progress: Progress = no_progress
) -> Outcome:
    """Candidates with the magnitudes of the nearest source; those that have none keep what their sample says.

    Parameters
    ----------
    table : pyarrow.Table
        Candidates.
    wanted : Magnitudes
        Radius and columns.
    source : str or Path
        From `find_magnitudes`.
    progress : Progress
        Told how many are searched.

    Raises
    ------
    TableError
        Raised if a column is missing or holds no numbers.
    ServiceError
        Raised if the archive fails.
    """
    service = wanted.service or None
    match = join(positions(table), source, wanted.radius_arcsec, service=service, progress=progress)
    for band, name in sorted(wanted.columns.items()):
        found = _column(match, name)
        held = numbers(table, f"mag_{band}") if f"mag_{band}" in table.column_names else np.nan
        filled = pa.array(np.where(np.isfinite(found), found, held))
        if f"mag_{band}" in table.column_names:
            place = table.column_names.index(f"mag_{band}")
            table = table.set_column(place, f"mag_{band}", filled)
        else:
            table = table.append_column(f"mag_{band}", filled)
    near = int((np.ma.filled(_values(match, "nmatch"), 0) > 0).sum())
    note = f"{near:,} have a source of {match.name} within {wanted.radius_arcsec:g} arcsec"
    n = table.num_rows
    nothing = table.slice(0, 0)
    for name in ("step", "reason"):
        nothing = nothing.append_column(name, pa.array([], pa.string()))
    return Outcome(table, nothing, Step("magnitudes", n, n, {}, [note]))


def _values(match: Match, name: str) -> Any:
    full = f"{column_prefix(match.name)}_{name}"
    for column in match.columns:
        if column.name == full:
            return column.values
    raise TableError(f"{match.name} gives no column '{name}' for the magnitudes.")


def _column(match: Match, name: str) -> Any:
    try:
        return np.ma.filled(np.ma.asarray(_values(match, name)).astype(np.float64), np.nan)
    except (TypeError, ValueError):
        raise TableError(f"The column '{name}' of {match.name} holds no magnitudes.") from None
