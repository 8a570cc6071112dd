"""Values of parameters: types, units, ranges; nothing given by a user becomes code."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_photoz.errors import UsageError
from vo_photoz.flow import NewColumn
from vo_photoz.tap.queries import Query, parse_query
from vo_photoz.tap.queries.grammar import output_columns
from vo_photoz.tap.queries.parameters import literal, number_text
from vo_photoz.tap.queries.places import boxes_around
from vo_photoz.tap.services.upload import positions_votable

TEXT = """\
-- title: Values
-- service: https://a.example/tap
-- upload: yes
-- parameters: radius = 1.5 arcsec in 0.1..60 (largest separation);
--   r_max = 21.5 mag in 10..30 (faintest r (AB));
--   pm = 5.0 mas/yr; n = 2 in -3..7;
--   class = 'QSO' in 'QSO' | 'GALAXY' (what to take); name = 'NGC 1'
-- returns: ra [deg] <pos.eq.ra;meta.main> (right ascension), dec [deg], r [mag]
SELECT up.id, db.ra, db.dec, db.r FROM t AS db JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.ra, db.dec), CIRCLE('ICRS', up.ra, up.dec, {radius}))
WHERE db.r < {r_max} AND db.pm > {pm} AND db.n = {n} AND db.class = {class} AND db.name = {name}
"""


@pytest.fixture
def query() -> Query:
    return parse_query(TEXT, "values", "values.adql")


def test_header_tells_units_ranges_and_meanings(query: Query) -> None:
    r_max = query.parameters["r_max"]
    assert (r_max.kind, r_max.unit, r_max.low, r_max.high) == ("float", "mag", 10, 30)
    assert (r_max.told, r_max.limits, r_max.about) == ("21.5 mag", "10 mag to 30 mag", "faintest r (AB)")
    assert query.parameters["radius"].limits == "0.1 arcsec to 60 arcsec"
    assert query.parameters["class"].choices == ("QSO", "GALAXY")
    assert query.returned["ra"].ucd == "pos.eq.ra;meta.main"
    assert (query.returned["r"].unit, query.returned["r"].ucd) == ("mag", "")


def test_columns_are_described_where_the_archive_is_silent() -> None:
    text = TEXT.replace("r [mag]", "r [mag] <phot.mag> null -999 (what, it is)")
    query = parse_query(text, "values")
    column = query.described("r", NewColumn("R", np.array([1.0, -999.0, 3.0])))
    assert (column.name, column.unit, column.ucd) == ("r", "mag", "phot.mag")
    assert column.description == "what, it is"
    assert np.ma.getmaskarray(column.values).tolist() == [False, True, False]
    told = query.described("r", NewColumn("r", np.ma.masked_equal([1, 2], 1), "nJy", "phot.flux", "flux"))
    assert (told.unit, told.ucd, told.description) == ("nJy", "phot.flux", "flux")
    assert np.ma.getmaskarray(told.values).tolist() == [True, False]
    names = query.described("r", NewColumn("r", np.array(["-999"])))
    assert names.values.tolist() == ["-999"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("radius", 3, "0.0008333333333333333)"),
        ("radius", "0.5 arcmin", "0.008333333333333333)"),
        ("radius", 2 * u.arcsec, "0.0005555555555555556)"),
        ("r_max", 20, "db.r < 20.0 "),
        ("r_max", "20.25", "db.r < 20.25 "),
        ("r_max", "20.25 mag", "db.r < 20.25 "),
        ("r_max", np.float32(20.5), "db.r < 20.5 "),
        ("pm", 7 * u.mas / u.yr, "db.pm > 7.0 "),
        ("pm", "1e-5", "db.pm > 0.00001 "),
        ("n", "-3", "db.n = (-3) "),
        ("n", np.int64(4), "db.n = 4 "),
        ("n", 4.0, "db.n = 4 "),
        ("class", "GALAXY", "db.class = 'GALAXY' "),
        ("name", "Q 0000+1 [A], {x}".replace("{x}", "#2"), "db.name = 'Q 0000+1 [A], #2'"),
    ],
)
def test_values_are_read_in_their_unit(query: Query, name: str, value: object, text: str) -> None:
    assert text in query.given(**{name: value}).render()


def test_identifiers_keep_all_digits() -> None:
    text = TEXT.replace("n = 2 in -3..7", "n = 5853498713190525697")
    query = parse_query(text, "values")
    assert "db.n = 5853498713190525697 " in query.render()
    assert "db.n = 5853498713190525699 " in query.given(n="5853498713190525699").render()
    assert "db.n = 5853498713190525699 " in query.given(n=np.int64(5853498713190525699)).render()


def test_other_units_are_converted(query: Query) -> None:
    changed = query.given(pm="1 arcsec/yr", radius="200 mas").parameters
    assert changed["pm"].default == pytest.approx(1000)
    assert changed["radius"].default == pytest.approx(0.2 / 3600)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("radius", "3 mag"), ("radius", 100), ("radius", "0.01 arcsec"), ("radius", "nan"), ("radius", None),
        ("r_max", "21 arcsec"), ("r_max", "31 mag"), ("r_max", 9), ("r_max", True), ("r_max", "21;"),
        ("r_max", "21 mag; DROP TABLE t"), ("r_max", "21 -- x"), ("r_max", "1e999"), ("r_max", [21]),
        ("r_max", "0x10"), ("r_max", "db.r"), ("r_max", "(SELECT 1)"), ("r_max", float("nan")),
        ("r_max", 21j), ("r_max", [21, 22] * u.mag), ("r_max", 10**400), ("r_max", "21" * 300),
        ("n", 10**400), ("n", "9" * 50), ("n", float("inf")), ("n", float("nan")),
        ("n", 2.5), ("n", "2.5"), ("n", 8), ("n", "two"), ("pm", "3 parsec"), ("pm", "3 mas"),
        ("class", "STAR"), ("class", "qso"), ("class", "QSO' OR '1'='1"), ("class", 1), ("nonsuch", 1),
    ],
)  # fmt: skip
def test_values_of_other_types_units_and_ranges_are_refused(query: Query, name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        query.given(**{name: value})


INJECTIONS = [
    "x' OR '1'='1", "x'; DROP TABLE t; --", "x''", "x\\' OR 1=1", 'x" OR "1"="1', "x; SELECT 1", "x -- y",
    "x /* y */", "x\nOR 1=1", "x\x00", "x\u2019 OR 1=1", "x\uff07", "{radius}", "`x`", "x" * 201,
]  # fmt: skip


@pytest.mark.parametrize("value", INJECTIONS)
def test_code_in_a_text_is_refused(query: Query, value: str) -> None:
    with pytest.raises(UsageError, match="name") as caught:
        query.given(name=value)
    assert "no quotes, semicolons" in str(caught.value)
    with pytest.raises(UsageError):
        query.render(name=value)


@given(st.text(), st.floats(10, 30), st.integers(-3, 7))
def test_whatever_is_given_the_text_keeps_its_shape(name: str, r_max: float, n: int) -> None:
    query = parse_query(TEXT, "values")
    try:
        text = query.given(name=name, r_max=r_max, n=n).render()
    except UsageError:
        return
    shape = re.sub(r"'[^']*'|\(-?[\d.]+(E[+-]?\d+)?\)|[\d.]+(E[+-]?\d+)?", "?", text)
    assert shape == re.sub(r"'[^']*'|\(-?[\d.]+\)|[\d.]+", "?", query.render())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_exactly_and_without_small_letters(number: float) -> None:
    written = literal(number, "float", "p")
    assert float(written.strip("()")) == number
    assert "e" not in written
    assert not written.startswith("-"), "a minus in front of a number could make a comment"


def test_numbers_stay_short() -> None:
    assert number_text(1e-5) == "0.00001"
    assert number_text(1e300) == "1E+300"
    assert number_text(-0.5) == "-0.5"


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("{class}", "'{class}'", 11, "quotes"),
        ("{name}", "'%{name}%'", 11, "quotes"),
        ("db.name = {name}", 'db."{name}" = 1', 11, "quotes"),
        ("{name}", "{name}; DROP TABLE t", 11, "more than one statement"),
        ("{name}", "{name}'", 11, "not closed"),
        ("{name}", '{name} AND "db', 11, "not closed"),
        ("{name}", "{name", 11, "not closed"),
        ("{n}", "{db.n}", 11, "db.n"),
        ("in 10..30", "in 'a'|'b'", 4, "range"),
        ("in 10..30", "in 22..30", 4, "r_max"),
        ("= 'NGC 1'", "= 'NGC''; DROP'", 4, "name"),
        ("class =", "n =", 4, "'n'"),
        ("r [mag]", "r [mag", 8, "r [mag"),
        ("r [mag]", "id", 8, "id"),
        ("r [mag]", "r; DROP TABLE t", 8, "DROP"),
    ],
)
def test_files_that_would_mix_text_and_values_are_refused(old: str, new: str, line: int, what: str) -> None:
    assert old in TEXT
    with pytest.raises(UsageError) as caught:
        parse_query(TEXT.replace(old, new, 1), "values", "values.adql")
    assert f"values.adql, line {line}:" in str(caught.value)
    assert what in str(caught.value)


def test_comments_and_the_last_semicolon_stay_behind() -> None:
    text = (
        TEXT.replace("WHERE", "-- it's {not} a place\nWHERE /* nor\n this; */").rstrip()
        + " -- end\n;\n-- bye"
    )
    query = parse_query(text, "values")
    assert output_columns(query.render()) == ["id", "ra", "dec", "r"]
    assert "--" not in query.adql
    assert "/*" not in query.adql


def test_nothing_but_row_numbers_and_positions_is_sent() -> None:
    votable = positions_votable(np.array([3, 1]), np.array([10.0, 20.0]), np.array([-5.0, 5.0])).decode()
    assert re.findall(r'<FIELD name="(\w+)"', votable) == ["id", "ra", "dec"]


# Boxes, where a service knows no geometry


@settings(max_examples=50)
@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90), st.floats(1e-4, 5), st.integers(0, 2**32 - 1))
def test_boxes_enclose_their_cones(ra: float, dec: float, radius: float, seed: int) -> None:
    angle = np.random.default_rng(seed).uniform(0, 360, 50)
    rim = SkyCoord(ra, dec, unit="deg").directional_offset_by(angle * u.deg, radius * u.deg)
    for x, y in zip(rim.ra.deg, rim.dec.deg, strict=True):
        assert holds(boxes_around("x", "y", ((ra, dec),), radius), x, y)


def holds(condition: str, x: float, y: float) -> bool:
    """What a database makes of the condition."""
    python = re.sub(r"y BETWEEN (\S+) AND (\S+?)(?=[\s)])", r"(\1 <= y <= \2)", condition)
    return bool(eval(python.replace("AND", "and").replace("OR", "or"), {}, {"x": x, "y": y}))


def test_boxes_are_narrow() -> None:
    text = boxes_around("db.ra", "db.dec", ((10.0, 60.0), (0.0, 0.0), (0.0, 90.0)), 1.0)
    assert text.count(" OR ") == 3, "three boxes, of which one lies across 0 h"
    west = float(re.search(r"db.ra >= ([\d.]+) AND", text)[1])
    half = math.degrees(math.asin(math.sin(math.radians(1)) / math.cos(math.radians(60))))
    assert west == pytest.approx(10 - half, abs=1e-5)
    assert "(db.dec BETWEEN 88.99" in text
