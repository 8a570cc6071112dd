"""The chain of a crossmatch: kinds of matches, the ledger, chance, coverage, columns, the command."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from mocpy import MOC
from typer.testing import CliRunner

from tests.conftest import need_commands
from vo_photoz.catalogues.report import Ledger
from vo_photoz.cli.main import app
from vo_photoz.errors import ServiceError, UsageError
from vo_photoz.flow import NewColumn, Positions, no_progress
from vo_photoz.hips.moc_files import write_moc
from vo_photoz.pipeline.crossmatch.chain import crossmatch
from vo_photoz.pipeline.crossmatch.matching import search
from vo_photoz.pipeline.crossmatch.partners import find_partners
from vo_photoz.sky.moc import from_mocpy
from vo_photoz.sky.pairs import IntArray, Pairs
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.positions.proper_motion import find_motion
from vo_photoz.tables.read import read_table

OTHER = "name,ra,dec,z\none,10.0,20.0,1.0\ntwo,10.0003,20.0,2.0\nthree,50.0,20.0,3.0\n"
MINE = "id,ra,dec\na,10.0,20.0\nb,10.0002,20.0\nc,70.0,20.0\nd,,\ne,50.0,20.0\n"


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    mine, other = tmp_path / "mine.csv", tmp_path / "other.csv"
    mine.write_text(MINE)
    other.write_text(OTHER)
    return mine, other


def test_best_for_each_row(tables: tuple[Path, Path], tmp_path: Path) -> None:
    result = crossmatch(tables[0], tmp_path / "out.vot", with_=[tables[1]], radius_arcsec=2)
    written = read_table(result.path)
    assert written.values("other_name").tolist() == ["one", "two", None, None, "three"]
    assert written.values("other_nmatch").tolist() == [2, 2, 0, None, 1], "null where nobody looked"
    ledger = result.reports[0].ledger
    assert (ledger.rows, ledger.sent, ledger.no_position, ledger.outside) == (5, 4, 1, 0)
    assert (ledger.matched, ledger.unmatched) == (3, 1)


def test_best_for_both(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.csv", tmp_path / "other.csv"
    mine.write_text("id,ra,dec\na,10.0,20.0\nb,10.0001,20.0\n")
    other.write_text("name,ra,dec\none,10.00002,20.0\n")
    result = crossmatch(mine, tmp_path / "o.vot", with_=[other], radius_arcsec=2, matches="best-symmetric")
    written = read_table(result.path)
    assert written.values("other_name").tolist() == ["one", None]
    assert written.values("other_nmatch").tolist() == [1, 1]
    assert result.reports[0].ledger == Ledger(2, 0, 0, matched=1, unmatched=0, taken=1)
    assert "1 closer to another row" in result.reports[0].ledger.told()


@pytest.mark.parametrize("ending", ["vot", "fits", "parquet"])
def test_all_pairs_say_of_which_row(tables: tuple[Path, Path], tmp_path: Path, ending: str) -> None:
    kind = {"vot": "votable"}.get(ending, ending)
    result = crossmatch(
        tables[0], tmp_path / f"o.{ending}", with_=[tables[1]], radius_arcsec=2, matches="all", format=kind
    )
    written = read_table(result.path)
    assert written.values("row").tolist() == [0, 0, 1, 1, 4]
    assert [str(name) for name in written.values("name")] == ["one", "two", "two", "one", "three"]
    assert written.values("nmatch").tolist() == [2, 2, 2, 2, 1]
    assert result.reports[0].ledger.matched == 3


def test_pairs_carry_the_main_identifier(tmp_path: Path, tables: tuple[Path, Path]) -> None:
    from astropy.io.votable import from_table, writeto
    from astropy.table import Table

    document = from_table(Table({"src": ["x", "y"], "ra": [10.0, 50.0], "dec": [20.0, 20.0]}))
    document.get_first_table().get_field_by_id_or_name("src").ucd = "meta.id;meta.main"
    writeto(document, str(tmp_path / "mine.vot"))
    crossmatch(tmp_path / "mine.vot", tmp_path / "o.vot", with_=[tables[1]], radius_arcsec=2, matches="all")
    written = read_table(tmp_path / "o.vot")
    assert written.names[:2] == ["row", "src"]
    assert [str(name) for name in written.values("src")] == ["x", "x", "y"]


def test_rows_outside_the_coverage_are_not_sent(tables: tuple[Path, Path], tmp_path: Path) -> None:
    moc = MOC.from_cone(10 * u.deg, 20 * u.deg, radius=5 * u.deg, max_depth=8)
    write_moc(from_mocpy(moc, "a cone"), tmp_path / "moc.fits")
    done = CliRunner().invoke(
        app,
        ["crossmatch", str(tables[0]), "-o", str(tmp_path / "o.vot"), "--with", str(tables[1]),
         "--radius", "2", "--coverage", str(tmp_path / "moc.fits")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "2 searched + 1 no position + 2 outside" in done.output
    assert "not sent" in done.output
    written = read_table(tmp_path / "o.vot")
    assert written.values("other_name").tolist() == ["one", "two", None, None, None]
    assert written.values("other_nmatch").tolist() == [2, 2, None, None, None]
    assert "outside_coverage = 2" in written.infos["vo_photoz.query_result"]


def test_report_is_printed_kept_and_drawn(tables: tuple[Path, Path], tmp_path: Path) -> None:
    out, picture = tmp_path / "o.vot", tmp_path / "o.png"
    done = CliRunner().invoke(
        app,
        ["crossmatch", str(tables[0]), "-o", str(out), "--with", str(tables[1]), "--radius", "2",
         "--plot", str(picture)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "5 rows = 4 searched + 1 no position, 4 searched = 3 matched + 1 unmatched" in done.output
    assert "by chance: 0 +-" in done.output
    assert "separations, arcsec" in done.output
    told = read_table(out).infos["vo_photoz.query_result"]
    for words in (
        "rows = 5",
        "matched = 3",
        "chance = 0 +-",
        "separations_arcsec = 0-0.2: 2",
        "matches = best",
    ):
        assert words in told
    assert picture.read_bytes().startswith(b"\x89PNG")
    refused = CliRunner().invoke(
        app,
        [
            "crossmatch",
            str(tables[0]),
            "-o",
            str(out),
            "--with",
            str(tables[1]),
            "--plot",
            "o.doc",
            "--quiet",
        ],
    )
    assert refused.exit_code == 2
    assert "no picture" in refused.output


@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()), max_size=30),
)
def test_ledger_adds_up(rows: list[tuple[bool, bool, bool, bool]]) -> None:
    flags = np.array(rows, dtype=bool).reshape(-1, 4).T
    located, searched = flags[0], flags[0] & flags[1]
    found, matched = searched & flags[2], searched & flags[2] & flags[3]
    twice = np.flatnonzero(found).repeat(2)
    ledger = Ledger.of(located, searched, twice, np.flatnonzero(matched))
    assert ledger.rows == len(rows) == ledger.sent + ledger.no_position + ledger.outside
    assert ledger.sent == ledger.matched + ledger.unmatched + ledger.taken == searched.sum()
    assert ledger.taken == (found & ~matched).sum()


class Down:
    """An archive that answers once."""

    name, returns, cite, service, epoch, remote, trials = "down", ("ra",), "", "there", None, True, 100

    def __init__(self) -> None:
        self.asked = 0

    def pairs(self, positions: Positions, radius_arcsec: float, progress: object):  # type: ignore[no-untyped-def]
        self.asked += 1
        if self.asked > 1:
            raise ServiceError("The archive is down.")
        rows: IntArray = np.array([0])
        return Pairs(rows, np.array([0.5]), [NewColumn("ra", np.array([10.0]))]), {"service": "there"}


def test_archive_that_fails_at_the_shifted_positions_costs_the_rate_only() -> None:
    mine = Positions(np.array([10.0, 20.0]), np.array([0.0, 0.0]), np.array([True, True]))
    found = search(Down(), mine, 1.0, progress=no_progress)
    assert found.report.ledger.matched == 1
    assert "not measured: The archive is down." in found.report.all_infos()["chance"]
    assert "chance_matches" not in found.report.all_infos()
    assert any("not measured" in line for line in found.report.lines())


class Somewhere(Down):
    """Partners of the year 2016; keeps the positions it was asked for."""

    epoch = 2016.0  # type: ignore[assignment]

    def pairs(self, positions: Positions, radius_arcsec: float, progress: object):  # type: ignore[no-untyped-def]
        self.positions = positions
        return super().pairs(positions, radius_arcsec, progress)


def test_positions_travel_to_the_epoch_of_the_archive(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("id,ra,dec,pmra,pmdec\na,10.0,20.0,0.0,1000.0\nb,30.0,20.0,,\n")
    user = read_table(mine)
    there = Somewhere()
    found = search(
        there, find_positions(user), 1.0, motion=find_motion(user), chance=False, progress=no_progress
    )
    years = 2016.0 - find_motion(user).epoch[0]  # type: ignore[union-attr]
    assert years == 16
    assert (there.positions.dec[0] - 20) * 3600 == pytest.approx(years, abs=1e-3)
    assert there.positions.dec[1] == 20
    told = found.report.all_infos()["motion"]
    assert "pmra" in told
    assert "moved to epoch 2016 (1 of 2 rows, by up to 16.00 arcsec)" in told
    assert any("moved to epoch 2016" in line for line in found.report.lines())


@pytest.mark.parametrize("radius", [0, -1, 3601, float("nan"), float("inf")])
def test_radius_that_cannot_be_meant(tables: tuple[Path, Path], tmp_path: Path, radius: float) -> None:
    with pytest.raises(UsageError, match="radius"):
        crossmatch(tables[0], tmp_path / "o.vot", with_=[tables[1]], radius_arcsec=radius)
    assert not (tmp_path / "o.vot").exists()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nonsuch", "neither a query nor a table"),
        ("VII/289/dr16q", "vizier:VII/289/dr16q"),
        ("vizier:nonsuch", "cannot be a table of VizieR"),
        ("missing.adql", "no query"),
        (".", "folder"),
    ],
)
def test_what_is_neither(what: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_partners(what)


def test_names_of_tables_of_vizier() -> None:
    assert find_partners("vizier:VII/289/dr16q").name == "dr16q"
    assert find_partners("vizier:II/246/out").name == "II_246_out"
    assert find_partners("simbad").name == "simbad"
    assert find_partners("SIMBAD").returns == ()


def test_archive_has_little_time_for_the_shifted_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds: list[float | None] = []

    def find_pairs(positions: Positions, *_: object, **given: float | None):  # type: ignore[no-untyped-def]
        seconds.append(given["seconds"])
        rows: IntArray = np.array([0])
        return Pairs(rows, np.array([0.5]), [NewColumn("ra", np.array([10.0]))]), {"service": "there"}

    monkeypatch.setattr("vo_photoz.tap.xmatch.find_pairs", find_pairs)
    mine = Positions(np.array([10.0]), np.array([0.0]), np.array([True]))
    for allowed in (None, 5000.0, 20.0):
        search(find_partners("simbad", seconds=allowed), mine, 1.0, progress=no_progress)
    assert seconds == [None, 300.0, 5000.0, 300.0, 20.0, 20.0]


@pytest.mark.parametrize("matches", ["best", "all", "best-symmetric"])
def test_results_have_no_fault_in_the_eyes_of_stilts(
    tables: tuple[Path, Path], tmp_path: Path, matches: str
) -> None:
    need_commands("stilts")
    crossmatch(
        tables[0],
        tmp_path / "o.vot",
        with_=[tables[1]],
        radius_arcsec=2,
        matches=matches,  # type: ignore[arg-type]
    )
    lint = subprocess.run(
        ["stilts", "votlint", "o.vot"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert lint.stdout + lint.stderr == ""
