"""The chain of a selection: all that an archive has inside a coverage map, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vo_photoz.flow import Coverage, Match, Progress, no_progress
from vo_photoz.provenance.export import infos
from vo_photoz.provenance.record import Record, now, software_versions
from vo_photoz.tables.additions import Additions
from vo_photoz.tables.fields import plain
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.skeleton import Told, skeleton
from vo_photoz.tables.write import write_table
from vo_photoz.tap.footprint import Inside, rows_inside
from vo_photoz.tap.queries import load_query


@dataclass(frozen=True)
class Selection:
    """What `select` did.

    Parameters
    ----------
    path : Path
        The table that was written.
    n_rows : int
        Its rows.
    infos : dict
        Where and how they were found: service, route, rows received and kept, ...
    """

    path: Path
    n_rows: int
    infos: dict[str, str]

    def lines(self) -> list[str]:
        """What to tell on a terminal."""
        told = self.infos
        return [
            f"{told['query']} ({told['service']}): {told['route']}",
            f"  {told['received']} rows received = {told['rows']} inside + {told['outside']} outside, "
            f"in {told['queries']} queries",
        ]


def select(
    what: str | Path,
    output: str | Path,
    *,
    coverage: Coverage,
    service: str | None = None,
    seconds: float | None = None,
    format: str = "votable",
    progress: Progress = no_progress,
) -> Selection:
    """Write all that an archive has inside a coverage map.

    Parameters
    ----------
    what : str or Path
        Name or file of a query with the place ``{inside(RA, DEC)}``; values of parameters may follow
        (``cfhtls-point-sources:i_max=20``).
    output : path
        Where the table is written (atomically).
    coverage : Coverage
        ICRS.
    service : str or None
        Address of the archive instead of the query's own.
    seconds : float or None
        Total time; None takes the setting ``tap_seconds``.
    format : {"votable", "fits", "parquet"}
        Format of the output.
    progress : Progress
        Told how far it is.

    Raises
    ------
    UsageError
        Raised if there is no such query, or it does not list a part of the sky.
    ServiceError
        Raised if the archive fails; nothing is written then.
    """
    query = load_query(what)
    record = Record(job="", started=now(), software=software_versions())
    found = rows_inside(query, coverage, service=service, seconds=seconds, progress=progress)
    told = infos(record.finish([Match(query.name, [], infos=found.infos)]))
    write_table(_table(found, query.title), Additions([], infos=told), Path(output), format=format)
    return Selection(Path(output), len(found), found.infos)


def _table(found: Inside, title: str) -> UserTable:
    columns = [plain(column.values) for column in found.columns]
    told = [Told(c.name, c.unit, c.ucd, description=c.description) for c in found.columns]
    return skeleton(columns, told, title="selection", description=title)
