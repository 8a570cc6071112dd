"""What a shipped query has to return from the stand-ins, computed without ADQL."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky

from tests.servers.standin_tables import TABLES, rows
from vo_photoz.flow import Positions
from vo_photoz.tap.queries import Query
from vo_photoz.tap.queries.adql import table_names

Row = dict[str, object]


def above(value: object, limit: float) -> bool:
    return value is not None and float(np.float32(value)) > limit


def moves(row: Row) -> bool:
    parts = [row["pmra"], row["pmra_error"], row["pmdec"], row["pmdec_error"]]
    if None in parts:
        return False
    pmra, e_pmra, pmdec, e_pmdec = (float(part) for part in parts)
    return math.hypot(pmra / np.float32(e_pmra), pmdec / np.float32(e_pmdec)) > 5


def spectrum(kind: str | None = None) -> Callable[[Row], bool]:
    return lambda row: row["mode"] == 1 and row["zsp"] is not None and kind in (None, row["spCl"])


KEPT: dict[str, Callable[[Row], bool]] = {
    "sdss-spectra": spectrum(),
    "sdss-galaxies": spectrum("GALAXY"),
    "sdss-quasars": spectrum("QSO"),
    "sdss-stars": spectrum("STAR"),
    "gaia-stars": lambda row: above(row["parallax_over_error"], 5) or moves(row),
    "gaia-quasars": lambda row: above(row.get("classprob_dsc_combmod_quasar"), 0.5),
    "simbad-redshifts": lambda row: row["rvz_redshift"] is not None,
    "sdss-point-sources": lambda row: (
        row["mode"] == 1 and row["class"] == 6 and between(row["imag"], 15, 20.5)
    ),
    "cfhtls-point-sources": lambda row: between(row["imag"], 15, 22.5) and above(row["gcl"], 0.9),
}
"""What the text of a query asks of a row; those not named take all."""


def between(value: object, low: float, high: float) -> bool:
    return value is not None and low <= float(np.float32(value)) <= high


def tables(query: Query) -> list[str]:
    found = [name.strip('"') for name in table_names(query.adql)]
    return [name for name in found if not name.startswith("TAP_UPLOAD")]


def expected_rows(query: Query) -> list[Row]:
    """Rows of the archive that the query may return; those of a second table joined by source_id."""
    first, *others = tables(query)
    values = rows(first)
    every = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    for other in others:
        more = rows(other)
        known = {row[0]: dict(zip(more, row, strict=True)) for row in zip(*more.values(), strict=True)}
        every = [{**row, **known[row["source_id"]]} for row in every if row["source_id"] in known]
    return [row for row in every if KEPT.get(query.name, lambda row: True)(row)]


def selected(query: Query) -> list[str]:
    """Columns of the archive, in the order of `returns`."""
    text = query.adql.split("FROM")[0]
    names = {new or old: old for old, new in re.findall(r"(?:db|q)\.(\w+)(?:\s+AS\s+(\w+))?", text)}
    return [names[name] for name in query.returns]


def types(query: Query) -> dict[str, str]:
    return {c.name: c.type for name in tables(query) for c in TABLES[name]}


def position_of(query: Query, row: Row) -> tuple[float, float]:
    ra, dec = selected(query)[:2]
    return float(row[ra]), float(row[dec])  # type: ignore[arg-type]


def plain(value: object, kind: str) -> object:
    """A value as it must come back."""
    if value in (-999.0, -9999.0):  # what archives write for no redshift
        return None
    if value is None or kind != "real":
        return value
    return float(np.float32(value))


def expected(query: Query, positions: Positions, radius_arcsec: float) -> list[str]:
    every, columns, kinds = expected_rows(query), selected(query), types(query)
    at = np.array([position_of(query, row) for row in every])
    ours, theirs = SkyCoord(positions.ra, positions.dec, unit="deg"), SkyCoord(at[:, 0], at[:, 1], unit="deg")
    first, second = search_around_sky(ours, theirs, radius_arcsec * u.arcsec)[:2]
    values = [[plain(row[name], kinds[name]) for name in columns] for row in every]
    return sorted(repr((i, *values[j])) for i, j in zip(first.tolist(), second.tolist(), strict=True))
