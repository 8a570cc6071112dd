"""A table that is matched in batches gives what it gives when it is read at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.table import Table
from mocpy import MOC

from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Coverage
from vo_photoz.pipeline.crossmatch.chain import CrossmatchResult, crossmatch
from vo_photoz.sky.moc import contains, from_mocpy
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable

N = 3000


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vo_photoz.tables.formats.csv_rows._PIECE", 20_000)
    monkeypatch.setattr("vo_photoz.pipeline.crossmatch.batches.LARGE_BYTES", 0)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Sources, and some of them again with a name and a redshift that is not always known."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(8)
    sources = Table(
        {
            "name": [f"S{row}" if row < 2500 else f"S{row} \u03b2" for row in range(N)],
            "ra": np.round(rng.uniform(10, 12, N), 7),
            "dec": np.round(rng.uniform(-1, 1, N), 7),
            "mag": np.round(rng.uniform(14, 22, N), 3),
        }
    )
    cells = np.array(sources["mag"], dtype=object)
    cells[2000] = "faint"
    written = sources.copy()
    written["note"] = [str(cell) for cell in cells]
    written.write(folder / "sources.csv", format="ascii.csv")
    rows = rng.choice(N, 700, replace=False)
    partners = Table(
        {
            "RA": sources["ra"][rows] + rng.normal(0, 0.2 / 3600, 700),
            "DEC": sources["dec"][rows] + rng.normal(0, 0.2 / 3600, 700),
            "id": [f"P{row}" for row in rows],
            "z": np.ma.MaskedArray(rng.uniform(0, 5, 700), rng.random(700) < 0.2),
            "n": np.ma.MaskedArray(rng.integers(0, 9, 700), rng.random(700) < 0.2),
        }
    )
    partners.write(folder / "partners.csv", format="ascii.csv")
    return folder / "sources.csv", folder / "partners.csv"


@pytest.fixture(scope="module")
def half() -> Coverage:
    moc = MOC.from_cone(Longitude(11, u.deg), Latitude(0, u.deg), radius=0.6 * u.deg, max_depth=12)
    return from_mocpy(moc, "half.fits")


def run(tables: tuple[Path, Path], output: Path, **options: Any) -> tuple[CrossmatchResult, UserTable]:
    result = crossmatch(tables[0], output, with_=[tables[1]], radius_arcsec=1.0, chance=False, **options)
    return result, read_table(output)


def assert_same(one: UserTable, other: UserTable) -> None:
    assert one.names == other.names
    assert [column.datatype for column in one.columns] == [column.datatype for column in other.columns]
    assert [(c.unit, c.ucd, c.null, c.description) for c in one.columns] == [
        (c.unit, c.ucd, c.null, c.description) for c in other.columns
    ]
    for name in one.names:
        first, second = one.values(name), other.values(name)
        assert (np.ma.getmaskarray(first) == np.ma.getmaskarray(second)).all(), name
        assert list(np.ma.compressed(first)) == list(np.ma.compressed(second)), name


@pytest.mark.parametrize("ending", ["vot", "parquet"])
@pytest.mark.parametrize("matches", ["best", "best-symmetric"])
@pytest.mark.parametrize("covered", [False, True])
def test_batches_give_the_same_table(
    tables: tuple[Path, Path],
    half: Coverage,
    ending: str,
    matches: Any,
    covered: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options: dict[str, Any] = {"matches": matches, "coverage": half if covered else None}
    options["format"] = "parquet" if ending == "parquet" else "votable"
    result, batches = run(tables, tmp_path / f"batches.{ending}", **options)
    monkeypatch.setattr("vo_photoz.pipeline.crossmatch.batches.LARGE_BYTES", 1 << 40)
    at_once, whole = run(tables, tmp_path / f"whole.{ending}", **options)
    assert batches.n_rows == N
    assert_same(batches, whole)
    assert result.reports[0].ledger == at_once.reports[0].ledger
    assert result.n_rows == N


@pytest.mark.parametrize("kept", [100 << 20, 0])
def test_rows_inside_the_coverage(
    tables: tuple[Path, Path], half: Coverage, kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rows in memory, and with a second reading of the file."""
    monkeypatch.setattr("vo_photoz.pipeline.crossmatch.batches._IN_MEMORY", kept)
    result, covered = run(tables, tmp_path / "covered.vot", coverage=half, rows="covered")
    whole = read_table(tables[0])
    inside = contains(half, whole.values("ra"), whole.values("dec"))
    assert result.n_rows == N
    assert 0 < covered.n_rows == inside.sum() < N
    assert list(covered.values("name")) == list(whole.values("name")[inside])
    _, all_rows = run(tables, tmp_path / "all.vot", coverage=half)
    for name in covered.names:
        expected = all_rows.values(name)[inside]
        assert list(np.ma.filled(covered.values(name), 0)) == list(np.ma.filled(expected, 0))
    assert "rows = covered" in covered.infos["vo_photoz.parameters"]


def test_rows_that_have_a_partner(tables: tuple[Path, Path], tmp_path: Path) -> None:
    result, matched = run(tables, tmp_path / "matched.vot", rows="matched")
    _, all_rows = run(tables, tmp_path / "all.vot")
    has_partner = ~np.ma.getmaskarray(all_rows.values("partners_separation"))
    assert matched.n_rows == has_partner.sum() == result.reports[0].ledger.matched
    assert list(matched.values("name")) == list(all_rows.values("name")[has_partner])


def test_rows_are_chosen_without_a_match(tables: tuple[Path, Path], half: Coverage, tmp_path: Path) -> None:
    crossmatch(tables[0], tmp_path / "a.fits", with_=[], coverage=half, rows="covered", format="fits")
    covered, whole = read_table(tmp_path / "a.fits"), read_table(tables[0])
    assert covered.names == whole.names
    assert covered.n_rows == contains(half, whole.values("ra"), whole.values("dec")).sum()


def test_rows_inside_need_a_map(tables: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no map is given"):
        run(tables, tmp_path / "a.vot", rows="covered")


def test_no_row_inside(tables: tuple[Path, Path], tmp_path: Path) -> None:
    far = from_mocpy(MOC.from_cone(Longitude(200, u.deg), Latitude(60, u.deg), radius=1 * u.deg, max_depth=8))
    with pytest.raises(TableError, match=r"No row of sources\.csv lies inside the coverage map"):
        run(tables, tmp_path / "a.vot", rows="covered", coverage=far)
    assert not list(tmp_path.iterdir())


def test_units_are_those_of_the_whole_table(tmp_path: Path) -> None:
    """Degrees near the origin that look like radians until the last rows."""
    ra = np.concatenate([np.linspace(0.1, 6, 2000), np.linspace(7, 350, 1000)])
    dec = np.concatenate([np.linspace(-1.5, 1.5, 2000), np.linspace(-80, 80, 1000)])
    Table({"ra": ra, "dec": dec}).write(tmp_path / "sky.csv", format="ascii.csv")
    Table({"ra": ra[::10], "dec": dec[::10], "k": np.arange(300)}).write(
        tmp_path / "other.csv", format="ascii.csv"
    )
    result, _ = run((tmp_path / "sky.csv", tmp_path / "other.csv"), tmp_path / "out.vot")
    assert result.reports[0].ledger.matched == 300
