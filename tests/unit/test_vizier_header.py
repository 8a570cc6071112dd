"""What a query file says of the same rows in VizieR, and queries for a part of the sky."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.errors import UsageError
from vo_photoz.tap.queries import parse_query
from vo_photoz.tap.vizier import Condition, table_name

HEAD = """\
-- title: A test
-- service: https://a.example/tap
-- upload: yes
-- parameters: radius = 1.5 arcsec, z_min = 0.5
-- returns: ra, dec, z_spec
"""
SELECT = """\
SELECT up.id, db.RAJ2000 AS ra, db."DEJ2000" AS dec, db.z AS z_spec, db.z AS z_spec
FROM "V/154/sdss16" AS db JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.RAJ2000, db.DEJ2000), CIRCLE('ICRS', up.ra, up.dec, {radius}))
"""


def parse(lines: str, text: str = SELECT + "WHERE db.z > {z_min}"):  # type: ignore[no-untyped-def]
    return parse_query(HEAD + lines + text, "test", "folder/test.adql")


def test_columns_and_conditions_are_those_of_the_text() -> None:
    table = parse(
        "-- vizier: V/154/sdss16\n",
        SELECT + "WHERE db.mode = 1 AND db.zsp IS NOT NULL and db.z >= {z_min} AND db.spCl <> 'ST''AR'",
    ).vizier
    assert table.address == "vizier:V/154/sdss16"
    assert dict(table.columns) == {"ra": "RAJ2000", "dec": "DEJ2000", "z_spec": "z"}
    assert [(c.column, c.compare, c.value) for c in table.where] == [
        ("mode", "=", "1"), ("zsp", "not null", ""), ("z", ">=", "{z_min}"), ("spCl", "<>", "'ST''AR'"),
    ]  # fmt: skip
    assert table.needed == ["RAJ2000", "DEJ2000", "z", "mode", "zsp", "spCl"]


def test_lines_of_the_header_go_before_the_text() -> None:
    table = parse(
        "-- vizier: V/147/sdss12\n-- vizier_columns: ra = RA_ICRS, dec = DE_ICRS,\n--   z_spec = zsp\n"
        "-- vizier_where: f_zsp = 0\n"
    ).vizier
    assert dict(table.columns) == {"ra": "RA_ICRS", "dec": "DE_ICRS", "z_spec": "zsp"}
    assert [c.column for c in table.where] == ["f_zsp"]
    assert parse("-- vizier: simbad\n").vizier.address == "simbad"
    assert parse("").vizier is None


@pytest.mark.parametrize(
    ("lines", "text", "told"),
    [
        ("-- vizier: no table\n", SELECT, "vizier:VII/289/dr16q"),
        ("-- vizier: V/154/sdss16\n", SELECT.replace("db.z AS", "2 * db.z AS"), "z_spec"),
        ("-- vizier: V/154/sdss16\n", SELECT + "WHERE db.z > 1 OR db.z < 0", "vizier_where"),
        ("-- vizier: V/154/sdss16\n-- vizier_where: z > {nonsuch}\n", SELECT, "nonsuch"),
        ("-- vizier: V/154/sdss16\n-- vizier_columns: ra RA\n", SELECT, "vizier_columns"),
    ],
)
def test_what_cannot_be_asked_is_told(lines: str, text: str, told: str) -> None:
    with pytest.raises(UsageError, match="line 6") as caught:
        parse(lines, text + (" AND " if "WHERE" in text else "WHERE ") + "db.z > {z_min}")
    assert told in str(caught.value)


def test_conditions_hold_as_in_a_database() -> None:
    z = np.ma.MaskedArray([0.1, 0.7, 9.0], [False, False, True])
    names = np.ma.MaskedArray(["QSO", "GAL", ""], [False, False, True])
    assert Condition("z", ">", "{z_min}").holds(z, {"z_min": 0.5}).tolist() == [False, True, False]
    assert Condition("z", "<>", "0.1").holds(z, {}).tolist() == [False, True, False]
    assert Condition("z", "null").holds(z, {}).tolist() == [False, False, True]
    assert Condition("z", "not null").holds(z, {}).tolist() == [True, True, False]
    assert Condition("c", "=", "'QSO'").holds(names, {}).tolist() == [True, False, False]


@pytest.mark.parametrize("name", ["V/154/sdss16", "vizier:V/154/sdss16", "J/ApJS/254/33/table1"])
def test_names_of_tables(name: str) -> None:
    assert table_name(name) == name.removeprefix("vizier:")


@pytest.mark.parametrize("name", ["", "vizier:", "x", "V/154/a b", "V/154/a'; DROP", "http://a/b?c"])
def test_names_that_no_table_has(name: str) -> None:
    with pytest.raises(UsageError, match="VizieR"):
        table_name(name)


# A part of the sky

LIST = """\
-- title: All there is
-- service: https://a.example/tap
-- upload: no
-- returns: ra, dec
SELECT db.ra, db.dec FROM t AS db WHERE {inside(db.ra, db.dec)}
"""


def test_query_for_a_part_of_the_sky() -> None:
    query = parse_query(LIST, "test")
    assert query.sky == ("db.ra", "db.dec")
    assert query.render().endswith("WHERE 1 = 1")
    assert query.render(inside=lambda ra, dec: f"in({ra}, {dec})").endswith("WHERE in(db.ra, db.dec)")
    assert parse("").sky is None
    with pytest.raises(UsageError, match="part of the sky"):
        parse_query(LIST.replace("upload: no", "upload: yes"), "test")
