"""Coverage maps that CDS keeps of others: the MOCServer (any data set of the VO) and VizieR (its tables)."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from vo_photoz import http
from vo_photoz.errors import CoverageError, ServiceError
from vo_photoz.flow import Coverage
from vo_photoz.hips.moc_files import read_moc
from vo_photoz.settings import defaults

MAX_BYTES = 500_000_000
SECONDS = 60.0
ATTEMPTS = 4
NO_SUCH_TABLE = 400
"""VizieR's answer to a name that it does not know."""


def moc_server_coverage(identifier: str, *, order: int | None = None, attempts: int = ATTEMPTS) -> Coverage:
    """Coverage of a data set of the VO, from the MOCServer of CDS.

    Parameters
    ----------
    identifier : str
        ``ivo://CDS/P/SDSS9/r``, or without ``ivo://``.
    order : int or None
        Order of the map; None takes the best there is.
    attempts : int
        How often a server that fails is asked.

    Raises
    ------
    CoverageError
        Raised if the server knows no coverage of it.
    ServiceError
        Raised if the server fails.

    Notes
    -----
    Parameters of the MOCServer: https://alasky.cds.unistra.fr/MocServer/query. ``smoc`` is the spatial part
    also of data sets whose map has time in it.
    """
    name = identifier.removeprefix("ivo://")
    asked = {"ID": name, "get": "smoc", "order": "max" if order is None else order, "fmt": "fits"}
    url = f"{defaults().moc_server}?{urlencode(asked, safe='/')}"
    data = http.get_bytes(url, seconds=SECONDS, max_bytes=MAX_BYTES, missing_ok=True, attempts=attempts)
    coverage = None if data is None else read_moc(data, f"the MOCServer's map of {name}")
    if coverage is None or not len(coverage.ranges):
        raise CoverageError(
            f"The MOCServer {defaults().moc_server} knows no coverage of {name}.",
            advice="Check the identifier, or make a map from tiles or from a table of its sources.",
            url=url,
        )
    return coverage


def vizier_coverage(table: str, *, order: int | None = None) -> Coverage:
    """Coverage of a catalogue or table of VizieR.

    Parameters
    ----------
    table : str
        Name of a catalogue (``VII/279``) or of one of its tables (``VII/279/dr12q``).
    order : int or None
        Order of the map; None takes VizieR's best, 10 for catalogues and 11 for tables.

    Raises
    ------
    CoverageError
        Raised if VizieR has no such table.
    ServiceError
        Raised if VizieR fails.
    """
    url = f"{defaults().vizier_mocs.rstrip('/')}/{quote(table.strip('/'), safe='/+')}"
    url += "" if order is None else f"?order={order}"
    try:
        data = http.get_bytes(url, seconds=SECONDS, max_bytes=MAX_BYTES, missing_ok=True)
    except ServiceError as error:
        if f"HTTP {NO_SUCH_TABLE}" not in error.message:
            raise
        data = None
    if data is None:
        raise CoverageError(
            f"VizieR has no coverage of a table {table}.", advice="Names look like VII/279/dr12q.", url=url
        )
    return read_moc(data, f"VizieR's map of {table}")
