"""Crossmatch in the archive: positions go up in chunks, the partners of each row come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import numpy as np

from vo_photoz.errors import DeadlineExceeded, TransientError
from vo_photoz.flow import Match, Positions, Progress, no_progress
from vo_photoz.settings import defaults
from vo_photoz.sky.chunks import joined_pairs, sorted_rows
from vo_photoz.sky.pairs import Pairs, best_partners, null_partners
from vo_photoz.tap.asking import Asking
from vo_photoz.tap.journal import Journal, Journals
from vo_photoz.tap.queries import Query
from vo_photoz.tap.run import CONES, SYNC_ROWS, Run
from vo_photoz.tap.services.capabilities import Limits, read_limits
from vo_photoz.tap.services.service import TapService


def crossmatch(
    positions: Positions,
    query: Query,
    *,
    radius_arcsec: float,
    service: str | None = None,
    seconds: float | None = None,
    maxrec: int | None = None,
    chunk_rows: int | None = None,
    journals: Journals | None = None,
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
        Largest number of rows in one answer; None takes ten for each position sent, and 100,000 at least.
    chunk_rows : int or None
        Positions sent at a time, at most; None begins with 20,011 and sends more as long as the archive is
        quick. Fewer are sent when it finds them, or the answer, too many.
    journals : Journals or None
        Keep the jobs and answers of a large crossmatch on disk until `Journals.discard` is called: a run that
        was killed, or lost its connection, goes on from there when it is started again. None keeps them
        until this function returns.
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
        Raised if the archive fails; the kinds of `vo_photoz.tap.services.service.TapService.query`.
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
        journals=journals,
        progress=progress,
    )
    n = len(positions)
    if pairs.columns:
        columns = best_partners(query.name, pairs, n)
    else:
        columns = null_partners(query.name, query.returns, n, query.described)
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
    chunk_rows: int | None = None,
    journals: Journals | None = None,
    progress: Progress = no_progress,
) -> tuple[Pairs, dict[str, str]]:
    """All partners of every row in an archive, and how they were found; arguments as of `crossmatch`."""
    end = time.monotonic() + (defaults().tap_seconds if seconds is None else seconds)
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    adql = query.render(radius=radius_arcsec / 3600) if query.upload else query.adql
    rows = sorted_rows(positions)
    asking = Asking(positions, rows, query, radius_arcsec, maxrec, Limits())
    tell = partial(progress, f"crossmatch with {query.name}")
    ours = Journals() if journals is None else journals
    addresses = (service.rstrip("/"),) if service else query.services
    try:
        for number, address in enumerate(addresses, start=1):
            try:
                pairs, how = _ask(TapService(address, end), asking, chunk_rows, ours, tell)
                break
            except (TransientError, DeadlineExceeded):
                if number == len(addresses) or time.monotonic() >= end:
                    raise
    except BaseException:
        ours.release()
        raise
    if journals is None:
        ours.discard()
    infos = {
        "service": address,
        "query": query.name,
        "adql": " ".join(adql.split()),
        "date": date,
        "radius_arcsec": f"{radius_arcsec:g}",
        "sent": str(len(rows)),
        "pairs": str(len(pairs)),
        "matched": str(len(np.unique(pairs.rows))),
        "cite": query.cite,
        **how,
    }
    return pairs, infos


def _ask(
    service: TapService,
    asking: Asking,
    chunk_rows: int | None,
    journals: Journals,
    tell: Callable[[int, int], None],
) -> tuple[Pairs, dict[str, str]]:
    """Pairs from one service, and what is told of the way they came."""
    n = len(asking.rows)
    if not n:
        return joined_pairs([]), {}
    asking = replace(asking, limits=read_limits(service.url, service.end))
    few = n <= (SYNC_ROWS if asking.query.upload else CONES)
    journal = Journal(None) if few else journals.open(asking.key(service.url))
    run = Run(service, asking, journal, chunk_rows, lambda done: tell(done, n))
    pairs = joined_pairs(run.pairs())
    how = {"limits": str(asking.limits), "pieces": str(len(run.parts))}
    if run.resumed:
        how["resumed"] = f"{run.resumed} pieces of an earlier run"
    if journal.problem:
        how["journal"] = journal.problem
    return pairs, how
