"""All that an archive has inside a coverage map, where only VizieR's MOC query or plain SQL is to be had."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from mocpy import MOC

from tests.servers.cds import Cds, serving
from vo_photoz import settings
from vo_photoz.errors import ServiceError, Truncated, UsageError
from vo_photoz.flow import Coverage
from vo_photoz.sky.moc import contains, from_mocpy, union
from vo_photoz.tap.footprint import CIRCLES, RANGES, VIZIER, choose_route, rows_inside
from vo_photoz.tap.footprint import MOC as BY_MOC
from vo_photoz.tap.queries.text import parse_query
from vo_photoz.tap.services.capabilities import Limits

TEXT = """\
-- title: Sources of a part of the sky
-- service: http://127.0.0.1:9/tap
-- upload: no
-- parameters: faintest = 20.0
-- returns: ra, dec, name
-- vizier: II/317/cfhtls_w
SELECT db.RAJ2000 AS ra, db.DEJ2000 AS dec, db.CFHTLS AS name FROM "II/317/cfhtls_w" AS db
WHERE {inside(db.RAJ2000, db.DEJ2000)} AND db.imag <= {faintest}
"""
ROWS = 4000


@pytest.fixture(scope="module")
def catalogue() -> Table:
    rng = np.random.default_rng(5)
    ra = np.r_[rng.normal(0, 2, ROWS // 2) % 360, rng.uniform(0, 360, ROWS // 2)]
    dec = np.r_[rng.normal(0, 2, ROWS // 2), 90 - rng.uniform(0, 3, ROWS // 2)]
    names = [f"{i:05d}" for i in range(ROWS)]
    return Table({"CFHTLS": names, "RAJ2000": ra, "DEJ2000": dec, "imag": rng.uniform(15, 25, ROWS)})


@pytest.fixture
def cds(catalogue: Table, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cds]:
    with serving(Cds({"II/317/cfhtls_w": (catalogue, "RAJ2000", "DEJ2000")})) as server:
        monkeypatch.setenv("VO_PHOTOZ_MOC_QUERY_SERVICE", server.querycat)
        settings.defaults.cache_clear()
        yield server


def cone(ra: float, dec: float, radius: float) -> Coverage:
    return from_mocpy(MOC.from_cone(ra * u.deg, dec * u.deg, radius=radius * u.deg, max_depth=10), "a cone")


WRAP_AND_POLE = union([cone(359.9, 0.3, 1.5), cone(10, 89.5, 1)])


@pytest.mark.parametrize(
    ("limit", "maxrec", "cut"),
    [(2_000_000, 1_000_000, False), (2_000_000, 250, True), (1000, 1_000_000, True)],
)
def test_map_goes_to_vizier(cds: Cds, catalogue: Table, limit: int, maxrec: int, cut: bool) -> None:
    """At the limit that was sent, and at one of its own, the service cuts without a word."""
    cds.hard_limit = limit
    found = rows_inside(parse_query(TEXT, "cfhtls"), WRAP_AND_POLE, maxrec=maxrec, seconds=60)
    ra, dec = np.asarray(catalogue["RAJ2000"]), np.asarray(catalogue["DEJ2000"])
    wanted = contains(WRAP_AND_POLE, ra, dec) & np.asarray(catalogue["imag"] <= 20)
    names = {column.name: column.values for column in found.columns}["name"]
    assert wanted.sum() > 300
    assert sorted(str(name) for name in names) == sorted(np.asarray(catalogue["CFHTLS"])[wanted])
    assert [column.name for column in found.columns] == ["ra", "dec", "name"]
    assert "VizieR's MOC query" in found.infos["route"]
    assert found.infos["rows"] == str(len(found)) == str(wanted.sum())
    # Every answer that was cut was asked again in two halves.
    assert len(cds.asked) == 2 * int(found.infos["queries"]) - 1
    assert (len(cds.asked) > 1) == cut


def test_parameters_are_those_given(cds: Cds, catalogue: Table) -> None:
    query = parse_query(TEXT, "cfhtls")
    few = rows_inside(query, WRAP_AND_POLE, parameters={"faintest": 16.0}, seconds=60)
    assert 0 < len(few) < len(rows_inside(query, WRAP_AND_POLE, seconds=60))
    with pytest.raises(UsageError, match="nonsuch"):
        rows_inside(query, WRAP_AND_POLE, parameters={"nonsuch": 1}, seconds=60)


def test_rows_that_lie_in_one_place_are_an_error_when_cut(cds: Cds) -> None:
    place = Table({"CFHTLS": ["x"] * 50, "RAJ2000": [10.0] * 50, "DEJ2000": [10.0] * 50, "imag": [16.0] * 50})
    cds.tables["II/317/cfhtls_w"] = (place, "RAJ2000", "DEJ2000")
    with pytest.raises(Truncated, match="there are more"):
        rows_inside(parse_query(TEXT, "cfhtls"), cone(10, 10, 0.05), maxrec=20, seconds=60)


def test_nothing_inside_has_the_columns_all_the_same(cds: Cds) -> None:
    found = rows_inside(parse_query(TEXT, "cfhtls"), cone(100, -40, 1), seconds=60)
    assert len(found) == 0
    assert [column.name for column in found.columns] == ["ra", "dec", "name"]


def test_error_of_the_service_is_told(cds: Cds) -> None:
    cds.tables.clear()
    with pytest.raises(ServiceError, match="Table not found"):
        rows_inside(parse_query(TEXT, "cfhtls"), WRAP_AND_POLE, seconds=60)


def test_query_that_lists_nothing() -> None:
    near = TEXT.replace("inside(", "cones(").replace("faintest = 20.0", "faintest = 20.0; radius = 1 arcsec")
    with pytest.raises(UsageError, match="does not list a part of the sky"):
        rows_inside(parse_query(near, "q"), WRAP_AND_POLE)


def test_best_route_that_is_advertised() -> None:
    query = parse_query(TEXT, "q")
    alone = parse_query(TEXT.replace("-- vizier: II/317/cfhtls_w\n", ""), "q")
    geometry = frozenset({"POINT", "CIRCLE", "CONTAINS"})
    assert choose_route(query, Limits(known=True, geometry=geometry, moc=True)) is BY_MOC
    assert choose_route(query, Limits(known=True, geometry=geometry)) is CIRCLES
    assert choose_route(query, Limits(known=True)) is VIZIER
    assert choose_route(query, Limits(problem="no capabilities")) is VIZIER
    assert choose_route(alone, Limits(known=True)) is RANGES
