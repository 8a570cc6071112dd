"""The chain of a crossmatch: an archive's query or a table, the best partner of each row or all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from vo_photoz.catalogues.match import match_table, table_pairs
from vo_photoz.errors import ServiceError, TableError, UsageError
from vo_photoz.flow import Match, NewColumn, Positions, Progress, no_progress
from vo_photoz.provenance.export import infos
from vo_photoz.provenance.record import Record
from vo_photoz.sky.pairs import Pairs, null_partners
from vo_photoz.tables.additions import Additions
from vo_photoz.tables.fields import plain
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.read import read_table
from vo_photoz.tables.skeleton import Told, skeleton
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.write import write_table
from vo_photoz.tap.crossmatch import crossmatch as match_archive
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.queries import Query, list_queries, load_query


@dataclass(frozen=True)
class CrossmatchResult:
    """What `crossmatch` did.

    Parameters
    ----------
    path : Path
        The table that was written.
    n_rows : int
        Rows of the user's table.
    matches : list of Match
        One for each query or table; without columns when all pairs were asked for.
    """

    path: Path
    n_rows: int
    matches: list[Match]


def join(
    positions: Positions,
    what: str | Path,
    radius_arcsec: float,
    *,
    offline: bool = False,
    service: str | None = None,
    seconds: float | None = None,
    progress: Progress = no_progress,
) -> Match:
    """Best partner of every row in an archive or a table.

    Parameters
    ----------
    positions : Positions
        ICRS.
    what : str or Path
        Name of a query, path of a query file (.adql), or path of a table.
    radius_arcsec : float
        Largest separation.
    offline : bool
        Opens no connection: archives are not asked, which is an error.
    service : str or None
        Address of the archive instead of the query's own.
    seconds : float or None
        Total time for an archive; None takes the setting ``tap_seconds``.
    progress : Progress
        Told how many rows are done.

    Raises
    ------
    UsageError
        Raised if there is no such query or table.
    TableError
        Raised if the table cannot be used.
    ServiceError
        Raised if the archive fails.
    """
    source = find_source(what)
    if isinstance(source, Path):
        return match_table(positions, read_table(source), source.stem, radius_arcsec=radius_arcsec)
    if offline:
        raise ServiceError(
            f"The archive of the query {source.name} was not asked: connections are off.",
            advice="Leave out --offline.",
        )
    return match_archive(
        positions, source, radius_arcsec=radius_arcsec, service=service, seconds=seconds, progress=progress
    )


def find_source(what: str | Path) -> Query | Path:
    """Return the query, or the path of the table, that is meant.

    Raises
    ------
    UsageError
        Raised if it is neither.
    """
    path = Path(what)
    if path.suffix == ".adql" or str(what) in list_queries():
        return load_query(what)
    if path.is_file():
        return path
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a table.", advice="Give a query or the file of a table.")
    known = ", ".join(list_queries())
    raise UsageError(f"There is neither a query nor a table {what}.", advice=f"Queries: {known}.")


def failed_match(what: str | Path, error: ServiceError, n: int) -> Match:
    """Null columns for ``n`` rows when an archive failed: its failure must not cost the rest of a run.

    Parameters
    ----------
    what : str or Path
        As of `join`.
    error : ServiceError
        Why there is nothing.
    n : int
        Rows of the user's table.
    """
    query = load_query(what)
    return Match(
        query.name,
        null_partners(query.name, query.returns, n),
        failed=str(error),
        infos={"service": " ".join(query.services), "query": query.name, "cite": query.cite},
    )


def crossmatch(
    table: str | Path | UserTable,
    output: str | Path,
    *,
    with_: Sequence[str | Path],
    radius_arcsec: float = 1.5,
    matches: Literal["best", "all"] = "best",
    service: str | None = None,
    seconds: float | None = None,
    ra: str | None = None,
    dec: str | None = None,
    frame: str | None = None,
    format: str = "votable",
    progress: Progress = no_progress,
) -> CrossmatchResult:
    """Join the partners of every row to a table, or write all pairs as a table of their own.

    Parameters
    ----------
    table : path or UserTable
        The user's table; its rows and their order never change.
    output : path
        Where the result is written (atomically).
    with_ : sequence of str or Path
        Queries and tables, as of `join`; exactly one for all pairs.
    radius_arcsec : float
        Largest separation.
    matches : {"best", "all"}
        The best partner of each row; or all pairs: ``row`` (from 0), the partner's columns, ``separation``.
    service, seconds : str or None, float or None
        As of `join`.
    ra, dec, frame : str or None
        Names of the position columns and their frame; None finds them.
    format : {"votable", "fits", "parquet"}
        Format of the output.
    progress : Progress
        Told how far the chain is.

    Raises
    ------
    UsageError, TableError, ServiceError
        Raised if an option, a table or an archive cannot be used; nothing is written then.
    """
    if not with_ or (matches == "all" and len(with_) > 1):
        raise UsageError(
            "Give one query or table to match with.", advice="Repeat --with for best matches only."
        )
    user = table if isinstance(table, UserTable) else read_table(table)
    if not user.n_rows:
        raise TableError("The table has no rows.", advice="Give a table with at least one source.")
    positions = find_positions(user, ra=ra, dec=dec, frame=frame)
    parameters = {"radius_arcsec": radius_arcsec, "matches": matches}
    file = None if isinstance(table, UserTable) else table
    record = Record.start(table=user, positions=positions, file=file, parameters=parameters)
    if matches == "all":
        pairs, found = _all_pairs(positions, with_[0], radius_arcsec, service, seconds, progress)
        joined = [found]
        user, columns = _table_of(pairs)
    else:
        joined = [
            join(positions, one, radius_arcsec, service=service, seconds=seconds, progress=progress)
            for one in with_
        ]
        columns = [column for match in joined for column in match.columns]
    additions = Additions(columns, infos=infos(record.finish(joined)))
    write_table(user, additions, Path(output), format=format)
    return CrossmatchResult(Path(output), len(positions), [replace(one, columns=[]) for one in joined])


def _all_pairs(
    positions: Positions,
    what: str | Path,
    radius_arcsec: float,
    service: str | None,
    seconds: float | None,
    progress: Progress,
) -> tuple[Pairs, Match]:
    source = find_source(what)
    if isinstance(source, Path):
        pairs = table_pairs(positions, read_table(source), radius_arcsec=radius_arcsec)
        told = {
            "query": source.stem,
            "service": f"the table {source.name}",
            "pairs": str(len(pairs)),
            "matched": str(len(np.unique(pairs.rows))),
        }
        return pairs, Match(source.stem, [], infos=told)
    pairs, told = find_pairs(
        positions, source, radius_arcsec=radius_arcsec, service=service, seconds=seconds, progress=progress
    )
    return pairs, Match(source.name, [], infos=told)


def _table_of(pairs: Pairs) -> tuple[UserTable, list[NewColumn]]:
    """Return a table of row numbers, and the other columns of the pairs, sorted by row and separation."""
    order = np.lexsort((pairs.separation, pairs.rows))
    told = Told("row", ucd="meta.record", description="Row of the input table, counted from 0")
    separation = NewColumn(
        "separation", pairs.separation[order], "arcsec", "pos.angDistance", "Distance of the two positions"
    )
    columns = [*(replace(c, values=c.values[order]) for c in pairs.columns), separation]
    return skeleton([plain(pairs.rows[order])], [told], title="pairs"), columns


def check_query(what: str | Path, *, service: str | None = None, seconds: float = 60) -> Match:
    """Ask the archive of a query for one position, to see that it answers with the columns it should.

    Raises
    ------
    UsageError
        Raised if the query file cannot be understood.
    ServiceError
        Raised if the archive fails or returns other columns.
    """
    one = Positions(np.array([180.0]), np.array([0.0]), np.array([True]), "a test position")
    query = load_query(what)
    return match_archive(one, query, radius_arcsec=1.5, service=service, seconds=seconds)
