"""Files of queries: those of the program and the user's own, and what `queries check` finds in them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vo_photoz import settings
from vo_photoz.cli.main import app
from vo_photoz.errors import UsageError
from vo_photoz.settings import config_file
from vo_photoz.tap.queries import is_query, list_queries, load_query, shipped_folder
from vo_photoz.tap.queries.check import example, findings
from vo_photoz.tap.queries.grammar import output_columns

GOOD = """\
-- title: A test
-- service: https://a.example/tap
-- upload: yes
-- parameters: radius = 1.5 arcsec; z_min = 0.5 in 0..10
-- returns: ra [deg] <pos.eq.ra>, dec [deg] <pos.eq.dec>, z_spec <src.redshift>
-- verified: by these tests
-- cite: Nobody 2026
SELECT up.id, db.ra, db.dec, db.z AS z_spec
FROM t AS db JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.ra, db.dec), CIRCLE('ICRS', up.ra, up.dec, {radius}))
WHERE db.z > {z_min}
"""

WANTED = {
    "sdss-spectra", "sdss-galaxies", "sdss-quasars", "sdss-stars", "dr7q", "dr12q", "dr16q", "milliquas",
    "qso-2qz", "desi-edr", "desi-dr1", "lamost", "gaia-stars", "gaia-quasars", "simbad-redshifts",
    "cfhtls-wide", "cfhtls-point-sources", "sdss-point-sources",
}  # fmt: skip


def run(*arguments: str):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(app, ["queries", *arguments])


def test_all_wanted_queries_are_shipped() -> None:
    assert set(list_queries()) >= WANTED


@pytest.mark.parametrize("path", sorted(shipped_folder().glob("*.adql")), ids=lambda path: path.stem)
def test_shipped_query_is_whole(path: Path) -> None:
    query = load_query(path)
    assert findings(query) == []
    adql = example(query)
    assert "{" not in adql
    assert query.verified.startswith("20"), "says when and where it was tried"
    assert all(column.about for column in query.returned.values())
    assert all(parameter.about for parameter in query.parameters.values())
    if query.upload:
        # The archive's table is the first argument: the other order does not use its index.
        assert re.search(r"POINT\('ICRS', db\.", adql)


def test_user_s_query_hides_a_shipped_one_with_a_message(caplog: pytest.LogCaptureFixture) -> None:
    folder = config_file().parent / "tap_queries"
    folder.mkdir(parents=True)
    (folder / "milliquas.adql").write_text(GOOD)
    (folder / "mine.adql").write_text(GOOD)
    with caplog.at_level(logging.WARNING):
        query = load_query("milliquas")
    assert query.title == "A test"
    assert query.hides.endswith("milliquas.adql")
    assert "The query milliquas is yours" in caplog.text
    listed = run("list").output
    assert re.search(r"milliquas +A test \(yours, instead of the program's\)", listed)
    assert re.search(r"mine +A test \(yours\)", listed)
    assert str(folder) in listed
    assert "instead of" in run("show", "milliquas").output


def test_setting_names_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.adql").write_text(GOOD)
    assert not is_query("mine")
    monkeypatch.setenv("VO_PHOTOZ_QUERIES_DIR", str(tmp_path))
    settings.defaults.cache_clear()
    assert is_query("mine")
    assert load_query("mine").name == "mine"
    settings.defaults.cache_clear()


def test_query_by_path(tmp_path: Path) -> None:
    path = tmp_path / "other.adql"
    path.write_text(GOOD)
    assert load_query(path).name == "other"
    assert load_query(f"{path}:z_min=3").parameters["z_min"].default == 3.0


def test_unknown_query_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="milliquas"):
        load_query("nonsuch")


def test_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.adql"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"bad\.adql"):
        load_query(path)


# Values in words


def test_values_stand_behind_the_name() -> None:
    query = load_query("cfhtls-point-sources:i_max=21 mag, stellarity_min = 0.5")
    assert query.name == "cfhtls-point-sources"
    assert query.parameters["i_max"].default == 21.0
    assert query.parameters["stellarity_min"].default == 0.5
    assert load_query("gaia-stars:snr=7", snr=8).parameters["snr"].default == 8.0
    assert is_query("gaia-stars:snr=7")
    assert not is_query("vizier:VII/289/dr16q")
    assert not is_query("table:a=b")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("gaia-stars:snr=7,x", "NAME=VALUE"),
        ("gaia-stars:nonsuch=7", "nonsuch"),
        ("gaia-stars:snr=7; DROP TABLE t", "snr"),
        ("gaia-stars:snr=-1", "0 to 1000"),
        ("gaia-stars:radius=2", "--radius"),
        ("gaia-stars:snr=", "snr"),
        ("gaia-stars:", "no query gaia-stars:"),
    ],
)
def test_wrong_words_are_told(words: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_query(words)
    done = run("show", words)
    assert done.exit_code == 2
    assert told in done.output + done.stderr


# Check


def test_show_tells_parameters_and_columns() -> None:
    shown = run("show", "gaia-stars:snr=7").output
    assert re.search(r"snr +7 \(0 to 1000\) +parallax", shown)
    assert re.search(r"pmra +mas/yr +pos\.pm;pos\.eq\.ra +proper motion", shown)
    assert "FROM gaiadr3.gaia_source AS db" in shown


def test_check_of_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.adql"
    path.write_text(GOOD)
    done = run("check", str(path))
    assert done.exit_code == 0, done.output
    assert "as they should be" in done.output


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("-- cite: Nobody 2026\n", "", "cite"),
        ("A test", "Ein Verführer", "ASCII"),
        ("ra [deg]", "ra [degr]", "degr"),
        ("<src.redshift>", "<src.blueshift>", "src.blueshift"),
        ("z_min = 0.5 in 0..10", "z_min = 0.5 zz", "zz"),
        ("WHERE db.z >", "WHERE db.z > >", "'>' in line 4"),
        ("WHERE db.z > {z_min}", "WHERE {z_min}", "at its end"),
        ("SELECT up.id, ", "SELECT ", "'id' is returned"),
        ("db.z AS z_spec", "db.z", "'z_spec' is returned"),
        ("db.z AS z_spec", "db.z AS z_spec, db.q", "'q' is selected"),
        ("up.id, db.ra, db.dec, db.z AS z_spec", "*", "name the columns"),
    ],
)
def test_check_finds_what_is_wrong(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    path = tmp_path / "mine.adql"
    path.write_text(GOOD.replace(old, new, 1))
    done = run("check", str(path))
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["150", "a b", "400 2", "10 91"])
def test_check_refuses_no_position(words: str) -> None:
    done = run("check", "dr7q", "--service", "http://127.0.0.1:9/tap", "--position", words)
    assert done.exit_code == 2
    assert "--position" in done.stderr


# The grammar


@pytest.mark.parametrize(
    ("adql", "columns"),
    [
        ("select a as b, c.d from t", ["b", "d"]),
        ('SELECT "a b", t."c" FROM "II/317/x" AS t', ["a b", "c"]),
        ("SELECT DISTINCT a, COUNT(*) AS n FROM t GROUP BY a", ["a", "n"]),
        ("WITH q AS (SELECT x, y FROM t) SELECT ra FROM q", ["ra"]),
        ("SELECT a FROM t WHERE 1 = CONTAINS(POINT('ICRS', x, y), MOC('6/1 2'))", ["a"]),
        ("SELECT t.* FROM t", None),
    ],
)
def test_grammar_knows_the_columns(adql: str, columns: list[str] | None) -> None:
    assert output_columns(adql) == columns


@pytest.mark.parametrize(
    "adql", ["DELETE FROM t", "SELECT a, FROM t", "SELECT a FROM t WHERE (b = 1", "x", ""]
)
def test_grammar_refuses(adql: str) -> None:
    with pytest.raises(UsageError, match="not understood as ADQL"):
        output_columns(adql)


def test_nothing_in_a_text_is_evaluated(tmp_path: Path) -> None:
    mark = tmp_path / "evaluated"
    call = f"__import__('pathlib').Path('{mark}').touch()"
    for adql in (
        f"SELECT a FROM t WHERE 1=CONTAINS(POINT('ICRS', {call}, 1), CIRCLE('ICRS', 1, 1, {call}))",
        call,
    ):
        with pytest.raises(UsageError):
            output_columns(adql)
    assert not mark.exists()
