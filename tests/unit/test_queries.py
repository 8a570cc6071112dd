"""Query files: what is understood, what is refused and where, and how values get into the text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_photoz.errors import UsageError
from vo_photoz.tap.queries import Parameter, parse_query
from vo_photoz.tap.queries.parameters import literal

GOOD = """\
-- title: A test
-- service: https://a.example/tap/ https://b.example/tap
-- upload: yes
-- parameters: radius = 1.5 arcsec, z_min = 0.5, class = 'BL Lac, QSO', warning = -1
-- returns: ra, dec, z_spec
-- positions: ICRS, epoch 2016.0
-- verified: 2026-11 on DaCHS
-- cite: Nobody 2026,
--   Journal 1, 1

SELECT up.id, db.ra, db.dec, db.z AS z_spec
FROM t AS db JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.ra, db.dec), CIRCLE('ICRS', up.ra, up.dec, {radius}))
WHERE db.z > {z_min} AND db.kind = {class} AND db.warning = 1 -{warning};
"""


def parse(text: str = GOOD):  # type: ignore[no-untyped-def]
    return parse_query(text, "test", "folder/test.adql")


def test_header_is_typed() -> None:
    query = parse()
    assert query.services == ("https://a.example/tap", "https://b.example/tap")
    assert query.upload
    assert query.returns == ("ra", "dec", "z_spec")
    assert query.epoch == 2016.0
    assert query.cite == "Nobody 2026, Journal 1, 1"
    assert query.parameters["radius"].kind == "angle"
    assert query.parameters["radius"].default == pytest.approx(1.5 / 3600)
    assert query.parameters["radius"].told == "1.5 arcsec"
    assert query.parameters["z_min"] == Parameter("float", 0.5)
    assert query.parameters["class"] == Parameter("str", "BL Lac, QSO")
    assert query.parameters["warning"] == Parameter("int", -1)


def test_values_stand_in_their_places() -> None:
    text = parse().render(radius=2 / 3600, z_min=3)
    assert "CIRCLE('ICRS', up.ra, up.dec, 0.0005555555555555556))" in text
    assert "db.z > 3.0 AND db.kind = 'BL Lac, QSO'" in text
    assert text.endswith("1 -(-1)"), "a bare -- would begin a comment"
    assert "{" not in text


@pytest.mark.parametrize(
    "given",
    [
        {"z_min": "0 OR 1=1"},
        {"z_min": float("nan")},
        {"z_min": float("inf")},
        {"warning": 1.5},
        {"warning": True},
        {"warning": float("nan")},
        {"class": 3},
        {"class": "two\nlines"},
        {"class": "Pâris"},
        {"radius": 0},
        {"radius": -1},
        {"radius": 181},
        {"nonsuch": 1},
    ],
)
def test_values_of_another_type_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        parse().render(**given)  # type: ignore[arg-type]


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_any_text_stays_one_literal(text: str) -> None:
    try:
        quoted = literal(text, "str", "p")
    except UsageError:
        assert re.search(r"['\"`;\\{}]|--|/\*|\*/", text), "an innocent text was refused"
    else:
        assert quoted == f"'{text}'"
        assert not re.search(r"['\"`;\\{}]|--|/\*|\*/", text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_bit(number: float) -> None:
    assert float(literal(number, "float", "p").strip("()")) == number


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("-- title: A test\n", "", 1, "title"),
        ("-- upload: yes", "-- upload: perhaps", 3, "perhaps"),
        ("-- cite:", "-- sight:", 8, "sight"),
        ("-- cite:", "-- title:", 8, "twice"),
        ("https://a.example/tap/", "ftp://a.example", 2, "ftp"),
        ("returns: ra, dec", "returns: ra", 5, "dec"),
        ("returns: ra, dec", "returns: ra, dec, dec", 5, "dec"),
        ("returns: ra, dec", "returns: ra, dec, id", 5, "id"),
        ("returns: ra, dec", "returns: ra, dec, a b", 5, "a b"),
        ("ICRS, epoch 2016.0", "galactic", 6, "galactic"),
        ("1.5 arcsec", "1.5 parsec", 4, "radius"),
        ("1.5 arcsec", "1.5", 4, "radius"),
        ("= 0.5", "= half", 4, "half"),
        ("z_min = 0.5", "z_min 0.5", 4, "NAME = VALUE"),
        ("{z_min}", "0.5", 4, "z_min"),
        ("{radius}", "{size}", 13, "size"),
        ("TAP_UPLOAD.positions", "TAP_UPLOAD.mine", 3, "TAP_UPLOAD.positions"),
        ("SELECT", "DELETE", 11, "SELECT"),
        ("-- upload: yes", "-- upload: no", 3, "cones"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_line(old: str, new: str, line: int, what: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        parse(GOOD.replace(old, new, 1))
    assert f"folder/test.adql, line {line}:" in str(caught.value)
    assert what in str(caught.value)


def test_cones_stand_where_a_service_takes_no_upload() -> None:
    text = GOOD.split("\n\n", maxsplit=1)[0].replace("upload: yes", "upload: no")
    text = re.sub(r"-- parameters.*", "-- parameters: radius = 1.5 arcsec", text)
    query = parse(f"{text}\n\nSELECT ra, dec, z_spec FROM t WHERE {{cones(t.ra, t.dec)}}")
    adql = query.render(((10.0, -5.5), (359.9, 90.0)))
    assert adql.count("CONTAINS(POINT('ICRS', t.ra, t.dec)") == 2
    assert "CIRCLE('ICRS', 10.0, -5.5, 0.0004" in adql
    assert " OR " in adql
