"""The chain of ``vo-photoz queries check``: the file, then, where asked, the archive itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vo_photoz.errors import ProtocolError
from vo_photoz.flow import NewColumn, Positions
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.queries import Query, load_query
from vo_photoz.tap.queries.check import Finding, findings, is_unit
from vo_photoz.tap.queries.places import in_cone
from vo_photoz.tap.services.service import TapService

PLACES = ((150.1, 2.2), (36.5, -4.5), (214.5, 54.5), (333.4, 1.3), (180.0, 0.0), (353.5, -30.0))
"""Positions to ask about: COSMOS, CFHTLS W1, W3 and W4, the equator of SDSS and 2QZ, its south; degrees."""

MAXREC = 1000


@dataclass(frozen=True)
class Checked:
    """What a check of a query found.

    Parameters
    ----------
    query : Query
        The query.
    findings : list of Finding
        What is wrong with the file or the answer of the archive.
    columns : list of NewColumn
        What the archive returned; empty where it was not asked.
    service : str
        The archive that was asked.
    n_rows, seconds : int and float
        Rows of its answer, and how long it took.
    """

    query: Query
    findings: list[Finding]
    columns: list[NewColumn] = field(default_factory=list)
    service: str = ""
    n_rows: int = 0
    seconds: float = 0.0


def check_query(
    what: str | Path | Query,
    *,
    service: str | None = None,
    places: tuple[tuple[float, float], ...] = PLACES,
    radius_arcsec: float | None = None,
    seconds: float = 60,
) -> Checked:
    """Check a query file, and with a service also that the archive answers with the columns it should.

    Parameters
    ----------
    what : str, Path or Query
        Name of a query, or path of an .adql file.
    service : str or None
        Address to try it on; None asks no archive.
    places : tuple of (float, float)
        ICRS positions to ask about, degrees.
    radius_arcsec : float or None
        Largest separation; None takes the query's own, and 60 arcsec where it lists a part of the sky.
    seconds : float
        Total time for the archive.

    Raises
    ------
    UsageError
        Raised if the file cannot be understood at all.
    ServiceError
        Raised if the archive fails.
    """
    query = what if isinstance(what, Query) else load_query(what)
    found = findings(query)
    if service is None:
        return Checked(query, found)
    started = time.monotonic()
    try:
        columns = _ask(query, service, places, radius_arcsec, seconds)
    except ProtocolError as error:
        return Checked(query, [*found, Finding("archive", str(error))], service=service)
    # What the archive's own parser takes is ADQL, whatever the grammar here knows.
    found = [one for one in found if one.about != "grammar"]
    found += [Finding("archive", words) for column in columns for words in _differences(query, column)]
    rows = len(columns[0].values) if columns else 0
    return Checked(query, found, columns, service, rows, time.monotonic() - started)


def _ask(
    query: Query,
    service: str,
    places: tuple[tuple[float, float], ...],
    radius_arcsec: float | None,
    seconds: float,
) -> list[NewColumn]:
    if query.sky:
        inside = in_cone(*places[0], (radius_arcsec or 60) / 3600)
        answer = TapService(service, time.monotonic() + seconds).query(
            query.render(inside=inside), maxrec=MAXREC
        )
        return [answer.column(name) for name in query.returns]
    ra, dec = np.array(places).T
    positions = Positions(ra, dec, np.ones(len(ra), dtype=bool), "places to try")
    radius = radius_arcsec or float(query.parameters["radius"].default) * 3600
    return find_pairs(positions, query, radius_arcsec=radius, service=service, seconds=seconds)[0].columns


def _differences(query: Query, column: NewColumn) -> list[str]:
    """What the archive tells of a column that the header tells otherwise."""
    from astropy import units as u  # noqa: PLC0415 - only where an archive was asked

    name = next(one for one in query.returns if one.lower() == column.name.lower())
    wanted = query.returned[name].unit if name in query.returned else ""
    if not wanted or not column.unit or not is_unit(wanted):
        return []
    if u.Unit(wanted) == u.Unit(column.unit, parse_strict="silent"):
        return []
    return [f"{name} is in {column.unit} there; the header says {wanted}."]
