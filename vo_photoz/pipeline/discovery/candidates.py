"""Where the candidates of a discovery come from, and which part of the sky they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Coverage, Positions, Progress, no_progress
from vo_photoz.hips.moc_files import is_moc
from vo_photoz.hips.survey import list_surveys
from vo_photoz.pipeline.coverage import HEAD_BYTES, coverage_of
from vo_photoz.pipeline.select import select
from vo_photoz.sky.footprint import footprint
from vo_photoz.sky.moc import contains
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tap.queries import is_query

QUERIES = {"sdss": "sdss-point-sources", "cfhtls-wide": "cfhtls-point-sources"}
"""Query that lists the point sources of a survey, where none is named."""


@dataclass(frozen=True)
class Search:
    """What is searched, in the words of the user.

    Parameters
    ----------
    what : str
        A part of the sky (as of `coverage_of`), a query that lists a part of the sky, or a table.
    inside : str or None
        The part of the sky, where ``what`` is a query or a table.
    query, table : str or None
        Where the candidates come from, where ``what`` is a part of the sky.
    service : str or None
        Address of the archive instead of the query's own.
    ra, dec, frame : str or None
        Columns and frame of the positions; None finds them.
    """

    what: str
    inside: str | None = None
    query: str | None = None
    table: str | None = None
    service: str | None = None
    ra: str | None = None
    dec: str | None = None
    frame: str | None = None

    def resolved(self, survey: str) -> Search:
        """The same with the part of the sky in ``inside`` and the candidates in ``query`` or ``table``.

        Raises
        ------
        UsageError
            Raised if the words contradict each other, or say too little.
        """
        if self.query and self.table:
            raise UsageError("Candidates come from --query or from --table, not from both.")
        of_query, of_table = is_query(self.what), _is_table(self.what)
        if (of_query or of_table) and (self.query or self.table):
            raise UsageError(
                f"{self.what} gives candidates already.", advice="Leave out --query and --table."
            )
        if of_query and not self.inside:
            raise UsageError(
                f"The query {self.what} needs a part of the sky.", advice="Give one with --inside MOC."
            )
        if of_query or of_table:
            return Search(
                self.what, self.inside, self.what if of_query else None, self.what if of_table else None,
                self.service, self.ra, self.dec, self.frame,
            )  # fmt: skip
        if self.inside:
            raise UsageError(f"{self.what} is a part of the sky already.", advice="Leave out --inside.")
        query = self.query or (None if self.table else QUERIES.get(survey))
        if not (query or self.table):
            raise UsageError(
                f"No query is known that lists the sources of the survey {survey}.",
                advice="Name one with --query, or give candidates with --table.",
            )
        return Search(self.what, self.what, query, self.table, self.service, self.ra, self.dec, self.frame)


@dataclass(frozen=True)
class Candidates:
    """Candidates and the part of the sky that they stand for.

    Parameters
    ----------
    table : UserTable
        Those inside the part of the sky, all columns kept.
    positions : Positions
        Of every row.
    area : Coverage
        The part of the sky.
    received : int
        Candidates before those outside were left out.
    route : str
        How an archive was asked; empty for a table.
    """

    table: UserTable
    positions: Positions
    area: Coverage
    received: int
    route: str = ""


def find_candidates(
    search: Search, kept: Path, *, offline: bool = False, progress: Progress = no_progress
) -> Candidates:
    """Get the candidates of a resolved search.

    Parameters
    ----------
    search : Search
        From `Search.resolved`.
    kept : Path
        Where the answer of an archive is kept; one that is there already is taken and not asked for again.
    offline : bool
        Open no connection.
    progress : Progress
        Told how far the archive is.

    Raises
    ------
    TableError
        Raised if there is no candidate.
    PhotozError
        Raised if the part of the sky or the table cannot be read, or the archive fails.
    """
    area = coverage_of(search.inside, offline=offline, progress=progress) if search.inside else None
    route = ""
    if search.query and area is not None and not kept.is_file():
        if offline:
            raise UsageError(
                f"The archive of the query {search.query} was not asked: connections are off.",
                advice="Leave out --offline, or give candidates with --table.",
            )
        chosen = select(search.query, kept, coverage=area, service=search.service, progress=progress)
        route = "\n".join(chosen.lines())
    table = read_table(kept if search.query else str(search.table))
    if not table.n_rows:
        raise TableError(f"There is no candidate in {search.inside or search.table}.")
    positions = find_positions(table, ra=search.ra, dec=search.dec, frame=search.frame)
    received = table.n_rows
    if area is None:
        return Candidates(table, positions, footprint(positions), received)
    inside = np.flatnonzero(contains(area, positions.ra, positions.dec))
    if not len(inside):
        raise TableError(
            f"None of the {received} candidates lies in {search.inside}.", advice="Check the two files."
        )
    return Candidates(rows_of(table, inside), positions.take(inside), area, received, route)


def rows_of(table: UserTable, rows: NDArray[np.intp]) -> UserTable:
    """Some rows of a table, in the given order."""
    data = [column[rows] for column in table.data]
    return UserTable(table.root, table.table, data, source=table.source, note=table.note)


def _is_table(what: str) -> bool:
    """Whether words name a file that is neither a coverage map nor a survey."""
    path = Path(what).expanduser()
    if what in list_surveys() or path.suffix.lower() == ".toml" or not path.is_file():
        return False
    with path.open("rb") as file:
        return not is_moc(file.read(HEAD_BYTES))
