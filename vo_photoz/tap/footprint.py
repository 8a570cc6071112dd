"""All that an archive has inside a coverage map; the map goes to the server where it can.

The routes, best first: MOC in ADQL and CONTAINS with circles around cells where the service advertises them,
VizieR's MOC query where the query names a table of VizieR, and ranges of coordinates in plain SQL otherwise.
Whatever comes back is filtered here as well, exactly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from vo_photoz.errors import ProtocolError, ServiceError, Truncated, UsageError
from vo_photoz.flow import Coverage, FloatArray, NewColumn, Progress, no_progress
from vo_photoz.settings import defaults
from vo_photoz.sky.cells import Cells, cells_of_coverage
from vo_photoz.sky.chunks import end_to_end
from vo_photoz.sky.moc import contains
from vo_photoz.tap.moc_query import rows_in_moc
from vo_photoz.tap.queries.places import boxes_around
from vo_photoz.tap.queries.query import Query
from vo_photoz.tap.services.answer import Answer
from vo_photoz.tap.services.capabilities import Limits, read_limits
from vo_photoz.tap.services.failures import TooMuch
from vo_photoz.tap.services.service import TapService

MOST_ROWS = 1_000_000
SYNC_CELLS = 25
"""Up to so many cells are asked in one request, without a job; what takes too long so is asked in halves."""


@dataclass(frozen=True)
class Route:
    """A way to ask for a part of the sky.

    Parameters
    ----------
    name : str
        In words.
    cells : int
        Most cells of a coverage map; a map with more is asked in coarser ones.
    at_a_time : int
        Cells in one query.
    """

    name: str
    cells: int
    at_a_time: int


MOC = Route("the coverage went to the server as a MOC in ADQL", 20_000, 2_000)
CIRCLES = Route("the coverage went to the server as circles (CONTAINS) around its cells", 500, 25)
VIZIER = Route("the coverage went to the server as a file (VizieR's MOC query)", 200_000, 200_000)
RANGES = Route("the server took ranges of coordinates only; the coverage was applied here", 500, 25)


@dataclass(frozen=True)
class Inside:
    """Rows of an archive inside a coverage map.

    Parameters
    ----------
    columns : list of NewColumn
        In the order in which the query returns them, sorted by place.
    infos : dict
        Where and how they were found.
    """

    columns: list[NewColumn]
    infos: dict[str, str]

    def __len__(self) -> int:
        return len(self.columns[0].values) if self.columns else 0


def rows_inside(
    query: Query,
    coverage: Coverage,
    *,
    service: str | None = None,
    seconds: float | None = None,
    maxrec: int = MOST_ROWS,
    parameters: dict[str, float | int | str] | None = None,
    progress: Progress = no_progress,
) -> Inside:
    """List what an archive has inside a coverage map.

    Parameters
    ----------
    query : Query
        With the place ``{inside(RA, DEC)}``.
    coverage : Coverage
        ICRS.
    service : str or None
        Address of a TAP service; None takes the query's.
    seconds : float or None
        Total time; None takes the setting ``tap_seconds``.
    maxrec : int
        Largest number of rows of one answer; what has more is asked in smaller pieces.
    parameters : dict or None
        Values of the query's parameters, other than the defaults.
    progress : Progress
        Told how many pieces are done.

    Raises
    ------
    UsageError
        Raised if the query does not list a part of the sky, or a parameter is wrong.
    Truncated
        Raised if even the smallest piece has more rows than the service returns.
    ServiceError
        Raised if the service fails.
    """
    if query.sky is None:
        raise UsageError(
            f"The query {query.name} does not list a part of the sky.",
            advice="Write {inside(RA, DEC)} into its WHERE, with the archive's columns.",
        )
    given = dict(parameters or {})
    query.render((), None, **given)  # wrong values are told before anything is asked
    end = time.monotonic() + (defaults().tap_seconds if seconds is None else seconds)
    address = (service or query.services[0]).rstrip("/")
    route = choose_route(query, read_limits(address, end))
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    asker = _Asker(query, coverage, route, address, end, maxrec, given)
    cells = cells_of_coverage(coverage, route.cells)
    groups = list(cells.groups(route.at_a_time))
    parts: list[list[NewColumn]] = []
    for number, group in enumerate(groups, start=1):
        parts += asker.all_rows(group)
        progress(f"rows of {query.name}", number, len(groups))
    columns = [query.described(column.name, column) for column in _in_order(parts, query.returns)]
    infos = {**asker.told(len(columns[0].values), len(cells)), "date": date}
    return Inside(columns, infos)


def choose_route(query: Query, limits: Limits) -> Route:
    """The best route that a service advertises."""
    if limits.moc and limits.has("CONTAINS") and limits.has("POINT"):
        return MOC
    if all(limits.has(function) for function in ("CONTAINS", "POINT", "CIRCLE")):
        return CIRCLES
    return VIZIER if query.vizier is not None else RANGES


@dataclass
class _Asker:
    """What stays the same from piece to piece."""

    query: Query
    coverage: Coverage
    route: Route
    address: str
    end: float
    maxrec: int
    parameters: dict[str, float | int | str]

    def __post_init__(self) -> None:
        self.service = TapService(self.address, self.end)
        self.received: list[int] = []

    @property
    def told_address(self) -> str:
        """The service that was asked."""
        return defaults().moc_query_service if self.route is VIZIER else self.address

    def told(self, rows: int, cells: int) -> dict[str, str]:
        """Where and how so many rows were found, after all were asked for."""
        adql = " ".join(self.query.render((), None, **self.parameters).split())
        return {
            "service": self.told_address,
            "query": self.query.name,
            "route": self.route.name,
            "adql": "" if self.route is VIZIER else adql,
            "coverage": self.coverage.origin,
            "cells": str(cells),
            "queries": str(len(self.received)),
            "received": str(sum(self.received)),
            "rows": str(rows),
            "outside": str(sum(self.received) - rows),
            "cite": self.query.cite,
        }

    def all_rows(self, cells: Cells) -> Iterator[list[NewColumn]]:
        """Rows in some cells; in halves where that is too much for the service."""
        try:
            yield self._rows(cells)
            return
        except (Truncated, TooMuch):
            halves = cells.halves()
            if halves is None or time.monotonic() >= self.end:
                raise
        for half in halves:
            yield from self.all_rows(half)

    def _rows(self, cells: Cells) -> list[NewColumn]:
        columns = self._from_vizier(cells) if self.route is VIZIER else self._from_tap(cells)
        by_name = {column.name: column for column in columns}
        ra, dec = (_degrees(by_name[name], self.told_address) for name in ("ra", "dec"))
        self.received.append(len(ra))
        # Pieces overlap where they go as circles: a row counts in the piece in which it lies.
        inside = contains(cells.coverage(), ra, dec) & contains(self.coverage, ra, dec)
        return [replace(column, values=column.values[inside]) for column in columns]

    def _from_vizier(self, cells: Cells) -> list[NewColumn]:
        if self.query.vizier is None:
            raise ServiceError(f"The query {self.query.name} names no table of VizieR.")
        values = {name: parameter.default for name, parameter in self.query.parameters.items()}
        return rows_in_moc(
            self.query.vizier,
            cells.coverage(),
            limit=self.maxrec,
            end=self.end,
            parameters={**values, **self.parameters},
            url=self.told_address,
        )

    def _from_tap(self, cells: Cells) -> list[NewColumn]:
        adql = self.query.render((), self._condition(cells), **self.parameters)
        answer: Answer = self.service.query(adql, maxrec=self.maxrec, job=len(cells) > SYNC_CELLS)
        return [replace(answer.column(name), name=name) for name in self.query.returns]

    def _condition(self, cells: Cells) -> Callable[[str, str], str]:
        if self.route is MOC:
            text, poles = cells.text(), _poles(cells)
            return lambda ra, dec: _any(
                [
                    f"1 = CONTAINS(POINT('ICRS', {ra}, {dec}), MOC('{text}'))",
                    *(f"{dec} {where}" for where in poles),
                ]
            )
        circles = cells.circles()
        if self.route is CIRCLES:
            return lambda ra, dec: _any(
                f"1 = CONTAINS(POINT('ICRS', {ra}, {dec}), CIRCLE('ICRS', {lon!r}, {lat!r}, {radius!r}))"
                for lon, lat, radius in circles
            )
        return lambda ra, dec: _any(
            boxes_around(ra, dec, ((lon, lat),), radius) for lon, lat, radius in circles
        )


def _degrees(column: NewColumn, url: str) -> FloatArray:
    """Coordinate as numbers; NaN where it is null."""
    try:
        return np.ma.filled(np.ma.asarray(column.values).astype(np.float64), np.nan)
    except ValueError:
        raise ProtocolError(
            f"{url} returned a column {column.name} that is not in degrees.",
            advice="Select the numeric position of the table AS ra and AS dec.",
            url=url,
        ) from None


def _poles(cells: Cells) -> list[str]:
    """Conditions for what lies at a pole: pg_sphere 1.1 takes a declination of 90 for another cell."""
    around = np.array([45.0, 135.0, 225.0, 315.0])  # four cells meet at a pole
    north, south = (contains(cells.coverage(), around, np.full(4, dec)).any() for dec in (90.0, -90.0))
    return [">= 89.999999"] * bool(north) + ["<= -89.999999"] * bool(south)


def _any(conditions: Iterable[str]) -> str:
    return "(" + "\n  OR ".join(conditions) + ")"


def _in_order(parts: list[list[NewColumn]], returns: tuple[str, ...]) -> list[NewColumn]:
    """One table from those of the pieces, in an order that hangs on the rows alone."""
    if not parts:
        none = np.ma.MaskedArray(np.zeros(0), mask=False)
        return [NewColumn(name, none) for name in returns]
    columns = [
        replace(first, values=end_to_end([part[i].values for part in parts]))
        for i, first in enumerate(parts[0])
    ]
    by_name = {column.name: column for column in columns}
    order = np.lexsort(tuple(_degrees(by_name[name], "") for name in ("ra", "dec")))
    return [replace(column, values=column.values[order]) for column in columns]
