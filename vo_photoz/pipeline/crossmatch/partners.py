"""What positions are matched with, and the one place that decides what the words after ``--with`` mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from vo_photoz.errors import ServiceError, UsageError
from vo_photoz.flow import Positions, Progress
from vo_photoz.pipeline.crossmatch.archive_partners import ArchivePartners, VizierPartners
from vo_photoz.pipeline.crossmatch.hats_partners import HatsPartners, is_hats
from vo_photoz.pipeline.crossmatch.table_partners import TablePartners
from vo_photoz.sky.pairs import Pairs
from vo_photoz.tap.journal import Journals
from vo_photoz.tap.queries import is_query, list_queries, load_query
from vo_photoz.tap.queries.query import Describe
from vo_photoz.tap.vizier import TABLE, VizierTable, table_name


class Partners(Protocol):
    """Something that positions are matched with."""

    @property
    def name(self) -> str:
        """Prefix of the new columns."""

    @property
    def returns(self) -> tuple[str, ...]:
        """Columns that are known before anything is asked; empty where they are not."""

    @property
    def described(self) -> Describe | None:
        """Puts what is known of these columns; None where nothing is."""

    @property
    def cite(self) -> str:
        """What to cite."""

    @property
    def service(self) -> str:
        """Where it is, for provenance."""

    @property
    def epoch(self) -> float | None:
        """Julian year of the partners' positions; None where it is not known."""

    @property
    def remote(self) -> bool:
        """Whether a connection is opened."""

    @property
    def trials(self) -> int:
        """Shifted positions that may be tried to measure chance matches."""

    def pairs(
        self, positions: Positions, radius_arcsec: float, progress: Progress
    ) -> tuple[Pairs, dict[str, str]]:
        """All pairs within the radius, and how they were found."""


def find_partners(
    what: str | Path,
    *,
    service: str | None = None,
    seconds: float | None = None,
    scheduler: str | None = None,
    journals: Journals | None = None,
) -> Partners:
    """What is meant: a query, a table of VizieR, a table, or a HATS catalogue.

    Parameters
    ----------
    what : str or Path
        Name of a query or path of a query file (.adql), where wanted with values of parameters behind a colon
        (``gaia-stars:snr=7``); ``vizier:TABLE`` or ``simbad``; path of a table; or folder or address of a
        HATS catalogue.
    service : str or None
        Address of the archive instead of the query's own; "xmatch" is CDS X-Match.
    seconds : float or None
        Total time for an archive; None takes the setting ``tap_seconds``.
    scheduler : str or None
        Address of a Dask scheduler that works on HATS catalogues; None works in this process.
    journals : Journals or None
        Where the jobs and answers of archives are kept until the result is written.

    Raises
    ------
    UsageError
        Raised if it is none of them.
    """
    path, text = Path(what), str(what)
    if is_query(text):
        return ArchivePartners(load_query(what), service, seconds, journals)
    if text.startswith("vizier:") or text.lower() == "simbad":
        return VizierPartners(VizierTable(table_name(text), {}), service, seconds)
    if path.is_file():
        return TablePartners(path)
    if is_hats(text):
        return HatsPartners(text, scheduler)
    if path.is_dir():
        raise UsageError(
            f"{path} is a folder, but not of a HATS catalogue.",
            advice="Give a query, the file of a table, or the folder of a HATS catalogue.",
        )
    looks = f"A table of VizieR is written vizier:{text}. " if TABLE.fullmatch(text) else ""
    known = ", ".join(list_queries())
    raise UsageError(f"There is neither a query nor a table {what}.", advice=f"{looks}Queries: {known}.")


@contextmanager
def kept_until_written(journals: Journals) -> Iterator[None]:
    """Remove journals after the work, unless it fails: another run of the same then goes on from there."""
    try:
        yield
    except BaseException:
        journals.release()
        raise
    journals.discard()


def refuse_offline(partners: Partners, offline: bool) -> None:
    """Raise where a connection would be opened although none may.

    Raises
    ------
    ServiceError
        Raised for an archive.
    """
    if offline and partners.remote:
        raise ServiceError(
            f"The archive of the query {partners.name} was not asked: connections are off.",
            advice="Leave out --offline.",
        )
