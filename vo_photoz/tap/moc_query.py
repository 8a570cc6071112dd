"""CDS QueryCat: the rows of a table of VizieR, or of SIMBAD, inside a coverage map that is sent there.

The interface is the one that mocpy's ``MOC.query_vizier_table`` uses: a POST with the map as a file. The
service cuts at ``limit``, and perhaps at a limit of its own, without a word: an answer of that length, or
of a round number of rows, counts as cut.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from vo_photoz.errors import ServiceError, Truncated
from vo_photoz.flow import Coverage, NewColumn
from vo_photoz.http.exchange import exchange
from vo_photoz.settings import defaults
from vo_photoz.sky.moc import to_mocpy
from vo_photoz.tap.services.answer import Answer, error_words, read_answer
from vo_photoz.tap.services.one_at_a_time import turn
from vo_photoz.tap.vizier import VizierTable

REQUEST_SECONDS = 900.0
ROUND = 1_000
"""Limits of servers are round numbers."""


def rows_in_moc(
    table: VizierTable,
    coverage: Coverage,
    *,
    limit: int,
    end: float,
    parameters: Mapping[str, float | int | str],
    url: str,
) -> list[NewColumn]:
    """Rows of a table inside a map, as the columns that are wanted.

    Parameters
    ----------
    table : VizierTable
        What is wanted.
    coverage : Coverage
        The map, ICRS.
    limit : int
        Largest number of rows; one row more is an error.
    end : float
        When all must be done, on the clock of `time.monotonic`.
    parameters : mapping
        Values of parameters in the table's conditions.
    url : str
        Address of the service.

    Raises
    ------
    Truncated
        Raised if there are, or may be, more rows.
    ServiceError
        Raised if the service fails.
    """
    form = {
        "mode": "mocfile",
        "catName": "SIMBAD" if table.name == "simbad" else table.name,
        "format": "votable",
        "limit": str(limit),
    }
    with turn(url, end):
        reply = exchange(
            "POST",
            url,
            seconds=max(0.0, min(REQUEST_SECONDS, end - time.monotonic())),
            data=form,
            files={"moc": ("moc.fits", moc_bytes(coverage), "application/fits")},
            max_bytes=defaults().fetch_max_bytes,
        )
    if reply.status >= 400:
        raise ServiceError(f"{url} answered HTTP {reply.status}: {error_words(reply.body)}", url=url)
    answer = read_answer(reply.body, reply.url, limit)
    if len(answer) and len(answer) % ROUND == 0:
        raise Truncated(
            f"{url} returned {len(answer)} rows, a round number: there may be more.",
            advice="Ask for a smaller part of the sky.",
            url=url,
        )
    return _wanted(answer, table, parameters)


def _wanted(
    answer: Answer, table: VizierTable, parameters: Mapping[str, float | int | str]
) -> list[NewColumn]:
    """Columns under the names that the query gives them, of the rows that fulfil its conditions."""
    kept = np.ones(len(answer), dtype=bool)
    for condition in table.where:
        kept &= condition.holds(answer.column(condition.column).values, parameters)
    columns = [replace(answer.column(of), name=name) for name, of in table.columns.items()] or answer.columns
    return [replace(column, values=column.values[kept]) for column in columns]


def moc_bytes(coverage: Coverage) -> bytes:
    """The map as FITS of MOC 1 (NUNIQ), which every reader knows."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "moc.fits"
        to_mocpy(coverage).save(str(path), format="fits", v1_compatible=True)
        return path.read_bytes()
