"""CDS X-Match: positions against any table of VizieR or SIMBAD, without ADQL.

The interface is that of https://cds.unistra.fr/help/documentation/xmatch-more/api/: one synchronous request,
uploads of at most 100 MB, a radius of at most 180 arcsec, answers of at most 2,000,000 rows. Positions of
VizieR are matched at epoch J2000, carried there by proper motions where the table has them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import DeadlineExceeded, ProtocolError, ServiceError, Truncated, UsageError
from vo_photoz.flow import FloatArray, NewColumn, Positions, Progress, no_progress
from vo_photoz.http.exchange import Reply, exchange
from vo_photoz.settings import defaults
from vo_photoz.sky.chunks import joined_pairs, sorted_rows
from vo_photoz.sky.pairs import IntArray, Pairs
from vo_photoz.tap.services.answer import Answer, CutShort, error_words, read_answer
from vo_photoz.tap.services.failures import TooMuch, UploadTooLarge
from vo_photoz.tap.services.one_at_a_time import turn
from vo_photoz.tap.vizier import VizierTable

EPOCH = 2000.0
"""Julian year at which X-Match compares."""

LARGEST_RADIUS_ARCSEC = 180.0
MOST_ROWS = 2_000_000
CHUNK_ROWS = 50_000
SMALLEST_CHUNK = 1
TRIES = 3
REQUEST_SECONDS = 900.0
FORBIDDEN, TOO_LARGE = 403, 413
ROW, RA, DEC = "vo_photoz_row", "vo_photoz_ra", "vo_photoz_dec"
"""Names that no table of VizieR has: the columns of both tables stand side by side in the answer."""

RIM_ARCSEC = 1e-3
"""Distances are given with six decimals, and the server's trigonometry differs in the last digits."""

ADDRESS_END = "/xmatch/api/v1/sync"


def is_xmatch(service: str) -> bool:
    """Whether what stands for a service means X-Match, not TAP."""
    return service == "xmatch" or service.rstrip("/").endswith(ADDRESS_END)


def find_pairs(
    positions: Positions,
    table: VizierTable,
    name: str,
    *,
    radius_arcsec: float,
    parameters: Mapping[str, float | int | str] | None = None,
    service: str | None = None,
    seconds: float | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = no_progress,
) -> tuple[Pairs, dict[str, str]]:
    """All partners of every row in a table of VizieR, and how they were found.

    Parameters
    ----------
    positions : Positions
        ICRS, epoch 2000.0; rows without a valid position are never sent. Nothing else of the user's is.
    table : VizierTable
        What is wanted.
    name : str
        Name of the query or table, for progress.
    radius_arcsec : float
        Largest separation, at most 180 arcsec.
    parameters : mapping or None
        Values of parameters that stand in the table's conditions.
    service : str or None
        Address; None or "xmatch" takes the setting ``xmatch_service``.
    seconds : float or None
        Total time; None takes the setting ``tap_seconds``.
    chunk_rows : int
        Positions sent at a time; halved when the service finds them, or the answer, too many.
    progress : Progress
        Told how many rows are done.

    Raises
    ------
    UsageError
        Raised if the radius is larger than the service takes.
    Truncated
        Raised if one position has more partners than the service returns.
    ServiceError
        Raised if the service fails; the kinds of `vo_photoz.http.exchange.exchange`.
    """
    _check_radius(radius_arcsec)
    end = time.monotonic() + (defaults().tap_seconds if seconds is None else seconds)
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    url = defaults().xmatch_service if service in (None, "xmatch") else str(service).rstrip("/")
    request = _Request(positions, table, radius_arcsec, dict(parameters or {}), url, end)
    rows = sorted_rows(positions)
    pairs = joined_pairs(list(_parts(request, rows, chunk_rows, name, progress)))
    infos = {
        "service": url,
        "route": "CDS X-Match",
        "vizier": table.name,
        "date": date,
        "radius_arcsec": f"{radius_arcsec:g}",
        "epoch": f"{EPOCH:g}",
    }
    return pairs, infos


def _check_radius(radius_arcsec: float) -> None:
    if not 0 < radius_arcsec <= LARGEST_RADIUS_ARCSEC:
        raise UsageError(
            f"CDS X-Match takes no radius of {radius_arcsec:g} arcsec.",
            advice=f"Give more than 0 and at most {LARGEST_RADIUS_ARCSEC:g} arcsec.",
        )


def _parts(
    request: _Request, rows: IntArray, chunk_rows: int, name: str, progress: Progress
) -> Iterator[Pairs]:
    """Pairs of chunk after chunk; a chunk that is too much is halved, for all that follow too."""
    size, done = chunk_rows, 0
    if not len(rows):
        return
    while done < len(rows):
        chunk = rows[done : done + size]
        try:
            yield request.ask(chunk)
        except (Truncated, TooMuch, DeadlineExceeded):
            if len(chunk) // 2 < SMALLEST_CHUNK or time.monotonic() >= request.end:
                raise
            size = len(chunk) // 2
            continue
        done += len(chunk)
        progress(f"crossmatch with {name}", done, len(rows))


@dataclass(frozen=True)
class _Request:
    """What stays the same from chunk to chunk."""

    positions: Positions
    table: VizierTable
    radius_arcsec: float
    parameters: dict[str, float | int | str]
    url: str
    end: float

    def ask(self, chunk: IntArray) -> Pairs:
        """Pairs of some rows; first with little room for the answer, then with all there is."""
        room = min(MOST_ROWS, 10 * len(chunk) + 1000)
        try:
            return self._ask(chunk, room)
        except Truncated:
            if room >= MOST_ROWS or len(chunk) > SMALLEST_CHUNK:
                raise
            return self._ask(chunk, MOST_ROWS)

    def _ask(self, chunk: IntArray, maxrec: int) -> Pairs:
        form = {
            "REQUEST": "xmatch",
            "RESPONSEFORMAT": "votable",
            "selection": "all",
            "distMaxArcsec": repr(float(self.radius_arcsec)),
            "cat2": self.table.address,
            "colRA1": RA,
            "colDec1": DEC,
            "cols1": ROW,
            "MAXREC": str(maxrec),
        }
        if self.table.needed:
            form["cols2"] = ",".join(self.table.needed)
        upload = positions_csv(chunk, self.positions.ra[chunk] % 360, self.positions.dec[chunk])
        for attempt in range(1, TRIES + 1):
            try:
                return self._pairs(self._answer(form, upload, maxrec), chunk)
            except CutShort:
                if attempt == TRIES:
                    raise
        raise AssertionError("not reached: the last try returns or raises")

    def _answer(self, form: dict[str, str], upload: bytes, maxrec: int) -> Answer:
        with turn(self.url, self.end):
            reply = exchange(
                "POST",
                self.url,
                seconds=max(0.0, min(REQUEST_SECONDS, self.end - time.monotonic())),
                data=form,
                files={"cat1": ("positions.csv", upload, "text/csv")},
                max_bytes=defaults().fetch_max_bytes,
            )
        _need_success(reply, self.url)
        return read_answer(reply.body, reply.url, maxrec)

    def _pairs(self, answer: Answer, chunk: IntArray) -> Pairs:
        if not answer.columns:
            raise ProtocolError(f"{answer.url} returned a table without columns.", url=answer.url)
        rows = _numbers(answer, ROW, -1).astype(np.int64)
        separation = _numbers(answer, "angDist", np.nan).astype(np.float64)
        if not np.isin(rows, chunk).all():
            raise ProtocolError(f"{answer.url} returned rows that were not sent.", url=answer.url)
        if not (separation <= self.radius_arcsec + RIM_ARCSEC).all():
            raise ProtocolError(f"{answer.url} returned pairs beyond the radius.", url=answer.url)
        kept = np.ones(len(rows), dtype=bool)
        for condition in self.table.where:
            kept &= condition.holds(_column(answer, condition.column).values, self.parameters)
        kept &= separation <= self.radius_arcsec
        columns = [replace(c, values=c.values[kept]) for c in self._columns(answer)]
        return Pairs(rows[kept], separation[kept], columns)

    def _columns(self, answer: Answer) -> list[NewColumn]:
        """Columns of the partners, under the names that the query gives them."""
        if self.table.columns:
            return [replace(_column(answer, of), name=name) for name, of in self.table.columns.items()]
        ours = {"angdist", ROW, RA, DEC}
        return [column for column in answer.columns if column.name.lower() not in ours]


def positions_csv(rows: IntArray, ra: FloatArray, dec: FloatArray) -> bytes:
    """Row numbers and ICRS degrees, every digit, as comma separated values, which X-Match documents."""
    lines = [f"{ROW},{RA},{DEC}"]
    lines += [f"{i},{a!r},{d!r}" for i, a, d in zip(rows.tolist(), ra.tolist(), dec.tolist(), strict=True)]
    return ("\n".join(lines) + "\n").encode("ascii")


def _need_success(reply: Reply, url: str) -> None:
    if reply.status == FORBIDDEN:
        raise ServiceError(
            f"{url} refuses this address (HTTP 403): CDS bans who sends several jobs at a time.",
            advice="Write to cds-question@unistra.fr, or take a TAP service with --service.",
            url=url,
        )
    if reply.status == TOO_LARGE:
        raise UploadTooLarge(f"{url} refuses the upload as too large.", url=url)
    if reply.status >= 400:
        raise ServiceError(f"{url} answered HTTP {reply.status}: {error_words(reply.body)}", url=url)


def _column(answer: Answer, name: str) -> NewColumn:
    """Column of this very name: tables of VizieR have e_z beside E_z."""
    return next((column for column in answer.columns if column.name == name), None) or answer.column(name)


def _numbers(answer: Answer, name: str, null: float) -> NDArray[Any]:
    values = answer.column(name).values
    try:
        return np.ma.filled(values.astype(np.float64), null)
    except ValueError:
        raise ProtocolError(
            f"{answer.url} returned a column {name} that is not of numbers.", url=answer.url
        ) from None
