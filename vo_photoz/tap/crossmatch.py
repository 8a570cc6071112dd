"""Crossmatch in the archive: positions go up in chunks, the partners of each row come back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import cdshealpix.nested
import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from numpy.typing import NDArray

from vo_photoz.errors import DeadlineExceeded, ProtocolError, TransientError, Truncated
from vo_photoz.flow import FloatArray, Match, Positions, Progress, no_progress
from vo_photoz.settings import defaults
from vo_photoz.sky.pairs import (
    IntArray,
    Pairs,
    best_partners,
    null_partners,
    separation_arcsec,
    within,
)
from vo_photoz.tap.answer import Answer
from vo_photoz.tap.queries import Query
from vo_photoz.tap.service import TapService, UploadTooLarge
from vo_photoz.tap.upload import positions_votable

CHUNK_ROWS = 50_000
CONES = 50
SMALLEST_CHUNK = 100
SYNC_ROWS = 1_000
"""Up to so many rows are asked in one request, without a job."""
RIM_ARCSEC = 1e-3
"""Archives round at the rim: pgSphere takes 2e-4 arcsec more than the radius as within. What lies so little
beyond is left out; what lies farther out was meant by the query, for example at another epoch."""

SORT_ORDER = 12
"""HEALPix order by which uploads are sorted: neighbours on the sky lie together on the archive's disk."""


def crossmatch(
    positions: Positions,
    query: Query,
    *,
    radius_arcsec: float,
    service: str | None = None,
    seconds: float | None = None,
    maxrec: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = no_progress,
) -> Match:
    """Best partner of every row in an archive.

    Parameters
    ----------
    positions : Positions
        ICRS; rows without a valid position are never sent.
    query : Query
        Of `vo_photoz.tap.queries.load_query`.
    radius_arcsec : float
        Largest separation.
    service : str or None
        Address of a TAP service; None takes those of the query, mirrors in order.
    seconds : float or None
        Total time; None takes the setting ``tap_seconds``.
    maxrec : int or None
        Largest number of rows in one answer; None takes ten for each position sent.
    chunk_rows : int
        Positions sent at a time; halved when the archive finds them, or the answer, too many.
    progress : Progress
        Told how many rows are done.

    Returns
    -------
    Match

    Raises
    ------
    UsageError
        Raised if the radius cannot be meant.
    ServiceError
        Raised if the archive fails; the kinds of `vo_photoz.tap.service.TapService.query`.
    """
    started = time.monotonic()
    pairs, infos = find_pairs(
        positions,
        query,
        radius_arcsec=radius_arcsec,
        service=service,
        seconds=seconds,
        maxrec=maxrec,
        chunk_rows=chunk_rows,
        progress=progress,
    )
    n = len(positions)
    columns = (
        best_partners(query.name, pairs, n) if pairs.columns else null_partners(query.name, query.returns, n)
    )
    infos["seconds"] = f"{time.monotonic() - started:.1f}"
    return Match(query.name, columns, infos=infos)


def find_pairs(
    positions: Positions,
    query: Query,
    *,
    radius_arcsec: float,
    service: str | None = None,
    seconds: float | None = None,
    maxrec: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = no_progress,
) -> tuple[Pairs, dict[str, str]]:
    """All partners of every row in an archive, and how they were found; arguments as of `crossmatch`."""
    end = time.monotonic() + (defaults().tap_seconds if seconds is None else seconds)
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    adql = query.render(radius=radius_arcsec / 3600) if query.upload else ""
    rows = _sorted_rows(positions)
    run = _Run(positions, query, radius_arcsec, adql, maxrec)
    addresses = (service.rstrip("/"),) if service else query.services
    for number, address in enumerate(addresses, start=1):
        try:
            parts = list(run.parts(TapService(address, end), rows, chunk_rows, progress))
            break
        except (TransientError, DeadlineExceeded):
            if number == len(addresses) or time.monotonic() >= end:
                raise
    pairs = _joined(parts)
    infos = {
        "service": address,
        "query": query.name,
        "adql": " ".join((adql or query.adql).split()),
        "date": date,
        "radius_arcsec": f"{radius_arcsec:g}",
        "sent": str(len(rows)),
        "pairs": str(len(pairs)),
        "matched": str(len(np.unique(pairs.rows))),
        "cite": query.cite,
    }
    return pairs, infos


class _Run:
    """What stays the same from chunk to chunk."""

    def __init__(
        self, positions: Positions, query: Query, radius_arcsec: float, adql: str, maxrec: int | None
    ) -> None:
        self.positions = positions
        self.query = query
        self.radius_arcsec = radius_arcsec
        self.adql = adql
        self.maxrec = maxrec

    def parts(
        self, service: TapService, rows: IntArray, chunk_rows: int, progress: Progress
    ) -> Iterator[Pairs]:
        """Pairs of chunk after chunk; a chunk that is too large is halved, for all that follow too."""
        size = chunk_rows if self.query.upload else min(chunk_rows, CONES)
        maxrec = self.maxrec or 10 * min(size, len(rows)) + 1000
        done = 0
        while done < len(rows):
            chunk = rows[done : done + size]
            try:
                yield self._ask(service, chunk, maxrec)
            except (Truncated, UploadTooLarge):
                if len(chunk) // 2 < (SMALLEST_CHUNK if self.query.upload else 1):
                    raise
                size = len(chunk) // 2
                continue
            done += len(chunk)
            progress(f"crossmatch with {self.query.name}", done, len(rows))

    def _ask(self, service: TapService, chunk: IntArray, maxrec: int) -> Pairs:
        ra, dec = self.positions.ra[chunk] % 360, self.positions.dec[chunk]
        if self.query.upload:
            upload = positions_votable(chunk, ra, dec)
            answer = service.query(self.adql, maxrec=maxrec, upload=upload, job=len(chunk) > SYNC_ROWS)
            rows, found = _ids(answer, chunk), np.arange(len(answer))
        else:
            cones = tuple(zip(ra.tolist(), dec.tolist(), strict=True))
            answer = service.query(self.query.render(cones, radius=self.radius_arcsec / 3600), maxrec=maxrec)
            rows, found = self._near(answer, chunk)
        lon, lat = _degrees(answer, "ra")[found], _degrees(answer, "dec")[found]
        separation = separation_arcsec(self.positions.ra[rows], self.positions.dec[rows], lon, lat)
        beyond = separation - self.radius_arcsec
        kept = ~((beyond > 0) & (beyond <= RIM_ARCSEC))
        columns = [
            replace(column, values=column.values[found[kept]])
            for column in (self.query.described(name, answer.column(name)) for name in self.query.returns)
        ]
        return Pairs(rows[kept], separation[kept], columns)

    def _near(self, answer: Answer, chunk: IntArray) -> tuple[IntArray, IntArray]:
        """Which rows of an answer to cones belong to which position."""
        ra, dec = _degrees(answer, "ra"), _degrees(answer, "dec")
        known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        here = self.positions.take(chunk)
        first, second, _ = within(here.ra, here.dec, ra[known], dec[known], self.radius_arcsec)
        return chunk[first], known[second].astype(np.int64)


def _degrees(answer: Answer, name: str) -> FloatArray:
    """Coordinate of the partners; NaN where it is null."""
    try:
        return np.ma.filled(answer.column(name).values.astype(np.float64), np.nan)
    except ValueError:
        raise ProtocolError(
            f"{answer.url} returned a column {name} that is not in degrees.",
            advice="Select the numeric position of the table AS ra and AS dec.",
            url=answer.url,
        ) from None


def _sorted_rows(positions: Positions) -> IntArray:
    """Rows with a position, by their place on the sky."""
    ra, dec = positions.ra, positions.dec
    with np.errstate(invalid="ignore"):
        good = positions.valid & np.isfinite(ra) & (np.abs(dec) <= 90)
    rows = np.flatnonzero(good).astype(np.int64)
    if not len(rows):
        return rows
    lon, lat = Longitude(ra[rows] % 360, u.deg), Latitude(dec[rows], u.deg)
    cells = cdshealpix.nested.lonlat_to_healpix(lon, lat, depth=SORT_ORDER)
    return rows[np.argsort(cells, kind="stable")]


def _ids(answer: Answer, chunk: IntArray) -> IntArray:
    """Rows of the user's table that an answer speaks of."""
    values = answer.column("id").values
    try:
        ids = np.ma.filled(values, -1).astype(np.int64)
    except (TypeError, ValueError):
        ids = np.full(len(values), -1, dtype=np.int64)
    if not np.isin(ids, chunk).all():
        raise ProtocolError(
            f"{answer.url} returned ids that were not sent.",
            advice="The query must return up.id of TAP_UPLOAD.positions AS up.",
            url=answer.url,
        )
    return ids


def _joined(parts: list[Pairs]) -> Pairs:
    """One list of pairs from those of the chunks."""
    if not parts:
        return Pairs(np.zeros(0, np.int64), np.zeros(0), [])
    columns = [
        replace(first, values=_end_to_end([part.columns[i].values for part in parts]))
        for i, first in enumerate(parts[0].columns)
    ]
    rows = np.concatenate([part.rows for part in parts])
    return Pairs(rows, np.concatenate([part.separation for part in parts]), columns)


def _end_to_end(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    data = np.concatenate([np.ma.getdata(array) for array in arrays])
    return np.ma.MaskedArray(data, mask=np.concatenate([np.ma.getmaskarray(array) for array in arrays]))
