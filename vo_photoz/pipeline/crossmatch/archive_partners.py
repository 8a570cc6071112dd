"""Partners in archives: the rows of a query, or a whole table of VizieR."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property

from vo_photoz.errors import UsageError
from vo_photoz.flow import Positions, Progress
from vo_photoz.sky.pairs import Pairs
from vo_photoz.tap import crossmatch as tap
from vo_photoz.tap import xmatch
from vo_photoz.tap.journal import Journals
from vo_photoz.tap.queries import Query
from vo_photoz.tap.queries.query import Describe
from vo_photoz.tap.services.capabilities import read_limits
from vo_photoz.tap.vizier import VizierTable

ARCHIVE_TRIALS, CONE_TRIALS = 1_000, 100
"""Shifted positions that measure the chance matches: what one small request takes."""

LIMITS_SECONDS = 20.0
"""A service that does not tell its limits in this time is tried without."""


@dataclass(frozen=True)
class ArchivePartners:
    """The rows of a query.

    Parameters
    ----------
    query : Query
        The query.
    asked_service : str or None
        Address instead of the query's own; "xmatch" is CDS X-Match.
    seconds : float or None
        Total time; None takes the setting ``tap_seconds``.
    journals : Journals or None
        As of `vo_photoz.tap.crossmatch.find_pairs`.
    """

    query: Query
    asked_service: str | None = None
    seconds: float | None = None
    journals: Journals | None = None
    remote: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        """Refuse queries that know nothing of positions."""
        if self.query.sky is not None:
            raise UsageError(
                f"The query {self.name} lists a part of the sky; it finds no partners of positions.",
                advice=f"Use: vo-photoz select {self.name} --coverage MAP -o OUT.",
            )

    @property
    def name(self) -> str:
        """Name of the query."""
        return self.query.name

    @property
    def returns(self) -> tuple[str, ...]:
        """Columns that the query returns."""
        return self.query.returns

    @property
    def described(self) -> Describe:
        """What the query says."""
        return self.query.described

    @property
    def cite(self) -> str:
        """What the query says."""
        return self.query.cite

    @property
    def service(self) -> str:
        """Addresses that are asked."""
        return self.asked_service or " ".join(self.query.services)

    @cached_property
    def by_xmatch(self) -> bool:
        """Whether CDS X-Match answers: where it is wanted, or the query's service takes no uploads.

        Raises
        ------
        UsageError
            Raised if it is wanted, and the query names no table of VizieR.
        """
        if self.asked_service is None:
            return self.query.vizier is not None and not (self.query.upload and self._takes_uploads())
        if xmatch.is_xmatch(self.asked_service) and self.query.vizier is None:
            raise UsageError(
                f"The query {self.name} names no table of VizieR, so CDS X-Match cannot answer it.",
                advice="Add a line '-- vizier: TABLE' to the query file, or leave out --service.",
            )
        return xmatch.is_xmatch(self.asked_service)

    def _takes_uploads(self) -> bool:
        """What the service says; one that says nothing is tried."""
        limits = read_limits(self.query.services[0], time.monotonic() + LIMITS_SECONDS)
        return limits.inline_upload is True or not limits.known

    @property
    def epoch(self) -> float:
        """What the query says; that of X-Match where this answers."""
        return xmatch.EPOCH if self.by_xmatch else self.query.epoch

    @property
    def trials(self) -> int:
        """As many as one request takes."""
        return ARCHIVE_TRIALS if self.by_xmatch or self.query.upload else CONE_TRIALS

    def pairs(
        self, positions: Positions, radius_arcsec: float, progress: Progress
    ) -> tuple[Pairs, dict[str, str]]:
        """Ask the archive."""
        if self.by_xmatch and self.query.vizier is not None:
            values = {name: parameter.default for name, parameter in self.query.parameters.items()}
            pairs, told = xmatch.find_pairs(
                positions,
                self.query.vizier,
                self.name,
                radius_arcsec=radius_arcsec,
                parameters=values,
                service=self.asked_service,
                seconds=self.seconds,
                progress=progress,
            )
            columns = [self.query.described(column.name, column) for column in pairs.columns]
            return replace(pairs, columns=columns), {**told, "query": self.name, "cite": self.cite}
        route = "TAP, positions uploaded" if self.query.upload else "TAP, positions as cones in the query"
        pairs, told = tap.find_pairs(
            positions,
            self.query,
            radius_arcsec=radius_arcsec,
            service=self.asked_service,
            seconds=self.seconds,
            journals=self.journals,
            progress=progress,
        )
        return pairs, {"route": route, **told}


@dataclass(frozen=True)
class VizierPartners:
    """A whole table of VizieR, through CDS X-Match."""

    table: VizierTable
    asked_service: str | None = None
    seconds: float | None = None
    returns: tuple[str, ...] = field(default=(), init=False)
    described: Describe | None = field(default=None, init=False)
    epoch: float = field(default=xmatch.EPOCH, init=False)
    remote: bool = field(default=True, init=False)
    trials: int = field(default=ARCHIVE_TRIALS, init=False)

    @property
    def name(self) -> str:
        """Last part of the table's name: dr16q of VII/289/dr16q; the catalogue's where it says nothing."""
        *before, last = self.table.name.split("/")
        return "_".join([*before, last]) if last in ("out", "catalog", "table1", "main") else last

    @property
    def cite(self) -> str:
        """Whom to cite."""
        if self.table.name == "simbad":
            return "Wenger et al. 2000, A&AS 143, 9"
        return f"VizieR {self.table.name.rsplit('/', 1)[0]}"

    @property
    def service(self) -> str:
        """Address that is asked."""
        return self.asked_service or "CDS X-Match"

    def pairs(
        self, positions: Positions, radius_arcsec: float, progress: Progress
    ) -> tuple[Pairs, dict[str, str]]:
        """Ask CDS X-Match."""
        if self.asked_service is not None and not xmatch.is_xmatch(self.asked_service):
            raise UsageError(
                f"A table of VizieR is asked at CDS X-Match, which {self.asked_service} is not.",
                advice="Leave out --service, or write a query file for it.",
            )
        pairs, told = xmatch.find_pairs(
            positions,
            self.table,
            self.name,
            radius_arcsec=radius_arcsec,
            service=self.asked_service,
            seconds=self.seconds,
            progress=progress,
        )
        return pairs, {**told, "query": self.name, "cite": self.cite}
