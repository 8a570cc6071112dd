"""The chain of a crossmatch: partners from anywhere, the best of each row or all pairs, a table on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vo_photoz.catalogues.report import MatchReport
from vo_photoz.errors import ServiceError, TableError, UsageError
from vo_photoz.flow import Coverage, Match, Positions, Progress, no_progress
from vo_photoz.pipeline.crossmatch.batches import Options, RowsWanted, crossmatch_batches, is_large
from vo_photoz.pipeline.crossmatch.matching import Found, Matches, search
from vo_photoz.pipeline.crossmatch.pairs import pairs_table
from vo_photoz.pipeline.crossmatch.partners import find_partners, kept_until_written, refuse_offline
from vo_photoz.provenance.export import infos
from vo_photoz.provenance.record import Record
from vo_photoz.sky.motion import Motion
from vo_photoz.sky.pairs import null_partners
from vo_photoz.tables.additions import Additions
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.positions.proper_motion import find_motion
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.write import write_table
from vo_photoz.tap.journal import Journals


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
        One for each query or table, without columns.
    reports : list of MatchReport
        What became of the rows in each of them.
    """

    path: Path
    n_rows: int
    matches: list[Match]
    reports: list[MatchReport] = field(default_factory=list)


def join(
    positions: Positions,
    what: str | Path,
    radius_arcsec: float,
    *,
    offline: bool = False,
    service: str | None = None,
    seconds: float | None = None,
    motion: Motion | None = None,
    coverage: Coverage | None = None,
    progress: Progress = no_progress,
) -> Match:
    """Best partner of every row in an archive or a table.

    Parameters
    ----------
    positions : Positions
        ICRS.
    what : str or Path
        As of `vo_photoz.pipeline.crossmatch.partners.find_partners`.
    radius_arcsec : float
        Largest separation.
    offline : bool
        Opens no connection: archives are not asked, which is an error.
    service : str or None
        Address of the archive instead of the query's own.
    seconds : float or None
        Total time for an archive; None takes the setting ``tap_seconds``.
    motion : Motion or None
        Of the rows: carries them to the epoch of the archive's positions.
    coverage : Coverage or None
        Rows outside it are not searched for.
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
    partners = find_partners(what, service=service, seconds=seconds)
    refuse_offline(partners, offline)
    found = search(partners, positions, radius_arcsec, motion=motion, coverage=coverage, progress=progress)
    return found.match()


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
    partners = find_partners(what)
    return Match(
        partners.name,
        null_partners(partners.name, partners.returns, n, partners.described),
        failed=str(error),
        infos={"service": partners.service, "query": partners.name, "cite": partners.cite},
    )


def crossmatch(
    table: str | Path | UserTable,
    output: str | Path,
    *,
    with_: Sequence[str | Path],
    radius_arcsec: float = 1.5,
    matches: Matches = "best",
    service: str | None = None,
    seconds: float | None = None,
    scheduler: str | None = None,
    coverage: Coverage | None = None,
    chance: bool = True,
    rows: RowsWanted = "all",
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
        Queries, tables and catalogues, as of `vo_photoz.pipeline.crossmatch.partners.find_partners`; exactly
        one for all pairs.
    radius_arcsec : float
        Largest separation.
    matches : {"best", "all", "best-symmetric"}
        The best partner of each row; all pairs, see `vo_photoz.pipeline.crossmatch.pairs.pairs_table`; or the
        best partner where the row is also the best one of the partner.
    service, seconds : str or None, float or None
        As of `join`.
    scheduler : str or None
        Address of a Dask scheduler that works on HATS catalogues; None works in this process.
    coverage : Coverage or None
        Rows outside it are not searched for.
    chance : bool
        Whether the chance matches are measured, by a second, small search.
    rows : {"all", "covered", "matched"}
        Rows of the result: all; those inside the coverage, the others are not even kept in memory; or those
        that have a partner.
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
    _refuse(with_, matches, rows)
    journals = Journals()
    sources = [
        find_partners(one, service=service, seconds=seconds, scheduler=scheduler, journals=journals)
        for one in with_
    ]
    if matches != "all" and (rows != "all" or (is_large(table) and format != "fits")):
        options = Options(radius_arcsec, matches, rows, coverage, chance, ra, dec, frame, progress)
        with kept_until_written(journals):
            n_rows, joined, found = crossmatch_batches(table, Path(output), sources, options, format)
        return CrossmatchResult(Path(output), n_rows, joined, [one.report for one in found])
    user = table if isinstance(table, UserTable) else read_table(table)
    if not user.n_rows:
        raise TableError("The table has no rows.", advice="Give a table with at least one source.")
    positions = find_positions(user, ra=ra, dec=dec, frame=frame)
    motion = find_motion(user, ra=ra, dec=dec, frame=frame)
    parameters = {"radius_arcsec": radius_arcsec, "matches": matches}
    file = None if isinstance(table, UserTable) else table
    record = Record.start(table=user, positions=positions, file=file, parameters=parameters)
    with kept_until_written(journals):
        found = [
            search(
                partners, positions, radius_arcsec, matches=matches, motion=motion, coverage=coverage,
                chance=chance, progress=progress,
            )
            for partners in sources
        ]  # fmt: skip
        joined = _write(user, Path(output), found, record, matches, format)
    return CrossmatchResult(Path(output), len(positions), joined, [one.report for one in found])


def _refuse(with_: Sequence[str | Path], matches: Matches, rows: RowsWanted) -> None:
    """Refuse wishes that contradict each other."""
    if (not with_ and rows != "covered") or (matches == "all" and len(with_) > 1):
        raise UsageError(
            "Give one query or table to match with.", advice="Repeat --with for best matches only."
        )
    if matches == "all" and rows != "all":
        raise UsageError(
            "A table of all pairs has no rows to choose.", advice="Leave out --rows or --matches."
        )


def _write(
    user: UserTable, output: Path, found: list[Found], record: Record, matches: Matches, format: str
) -> list[Match]:
    """Write the result; the matches, without their columns."""
    if matches == "all":
        body, columns = pairs_table(user, found[0].pairs)
        joined = [Match(one.partners.name, [], infos=one.report.all_infos()) for one in found]
    else:
        body, joined = user, [one.match() for one in found]
        columns = [column for match in joined for column in match.columns]
    write_table(body, Additions(columns, infos=infos(record.finish(joined))), output, format=format)
    return [replace(one, columns=[]) for one in joined]
