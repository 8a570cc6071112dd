"""HATS catalogues through LSDB: the same pairs as our own match and astropy, wherever it computes."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import cdshealpix.nested
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.table import Table
from mocpy import MOC
from typer.testing import CliRunner

from tests.cds import cds
from vo_photoz.catalogues.hats import hats_pairs, match_hats
from vo_photoz.catalogues.hats_write import filter_hats, import_hats
from vo_photoz.catalogues.match import match_table, table_pairs
from vo_photoz.cli.main import app
from vo_photoz.errors import ServiceError, TableError, UsageError
from vo_photoz.flow import Positions
from vo_photoz.pipeline.crossmatch.chain import join
from vo_photoz.sky.moc import contains, from_mocpy
from vo_photoz.tables.read import read_table

pytest.importorskip("lsdb")
RADIUS = 2.0


def borders():
    """Places where matches get lost: corners of cells, 0 = 360 degrees, the poles; and a few elsewhere."""
    rng = np.random.default_rng(1)
    lon, lat = cdshealpix.nested.vertices(np.arange(192, dtype=np.uint64), 2)
    ra = np.concatenate([lon.deg.ravel(), np.zeros(50), rng.uniform(0, 360, 400)])
    dec = np.concatenate([lat.deg.ravel(), rng.uniform(-89, 89, 50), rng.uniform(-60, 60, 380)])
    return ra, np.concatenate([dec, np.repeat([89.9999, -89.9999], 10)])


def near(ra, dec, seed):
    rng = np.random.default_rng(seed)
    east, north = rng.normal(0, 0.7 / 3600, (2, len(ra)))
    dec = np.clip(dec + north, -90, 90)
    return (ra + east / np.cos(np.radians(np.clip(dec, -89.99, 89.99)))) % 360, dec


def user_positions():
    """Two rows without a position, and some that stand in the table twice."""
    ra, dec = near(*borders(), 2)
    ra, dec = np.concatenate([ra, [np.nan], ra[:20], [1.0]]), np.concatenate([dec, [3.0], dec[:20], [95.0]])
    return Positions(ra, dec, np.isfinite(ra))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A table of the other side, and the HATS catalogue that is made of it."""
    folder = tmp_path_factory.mktemp("hats")
    ra, dec = near(*borders(), 3)
    table = Table({"ra": ra, "dec": dec, "number": np.arange(len(ra)), "z": ra.astype("f4") / 100})
    table["name"] = [f"source {i}" for i in range(len(ra))]
    table["z"].unit, table["z"].description = "1", "redshift"
    table["z"].info.meta = {"ucd": "src.redshift"}
    table["ra"].unit = table["dec"].unit = "deg"
    table.write(folder / "t.vot", format="votable")
    done = import_hats(folder / "t.vot", folder / "sources", part_rows=100)
    assert done.parts > 10
    return folder


def numbers(pairs):
    values = next(column.values for column in pairs.columns if column.name == "number")
    return sorted(zip(pairs.rows.tolist(), np.asarray(values).tolist(), strict=True))


def test_lsdb_gives_the_pairs_of_our_match_and_of_astropy(catalogue):
    positions, table = user_positions(), read_table(catalogue / "t.vot")
    told = []
    pairs, infos = hats_pairs(
        positions, catalogue / "sources", radius_arcsec=RADIUS, progress=lambda *step: told.append(step)
    )
    ours = table_pairs(positions, table, radius_arcsec=RADIUS)
    assert numbers(pairs) == numbers(ours)
    good = np.flatnonzero(positions.valid & (np.abs(positions.dec) <= 90))
    first, second, *_ = search_around_sky(
        SkyCoord(positions.ra[good], positions.dec[good], unit="deg"),
        SkyCoord(table.values("ra"), table.values("dec"), unit="deg"),
        RADIUS * u.arcsec,
    )
    assert numbers(pairs) == sorted(zip(good[first].tolist(), second.tolist(), strict=True))
    assert len(pairs) > 2000, "every corner has four cells, and the poles many neighbours"
    assert infos["pairs"] == str(len(pairs))
    assert told[-1][1] == told[-1][2] > 10


def test_columns_are_those_of_a_match_with_the_table(catalogue):
    """Also after a crossmatch that the chain does, with its ledger."""
    positions = user_positions()
    expected = match_table(positions, read_table(catalogue / "t.vot"), "sources", radius_arcsec=RADIUS)
    for found in (
        match_hats(positions, catalogue / "sources", "sources", radius_arcsec=RADIUS),
        join(positions, catalogue / "sources", RADIUS),
    ):
        ours, theirs = ({column.name: column for column in match.columns} for match in (found, expected))
        assert set(theirs) == set(ours)
        for name, column in theirs.items():
            assert (ours[name].unit, ours[name].ucd) == (column.unit, column.ucd)
            if name != "sources_nmatch":  # null in the chain where nobody looked
                assert np.array_equal(
                    np.ma.getmaskarray(ours[name].values), np.ma.getmaskarray(column.values)
                )
            assert np.ma.allequal(ours[name].values, column.values)
        assert ours["sources_z"].ucd == "src.redshift"


def test_some_columns_and_a_coverage(catalogue):
    positions, moc = user_positions(), from_mocpy(MOC.from_string("1/5-20"))
    found, infos = hats_pairs(
        positions, catalogue / "sources", radius_arcsec=RADIUS, columns=["number"], coverage=moc
    )
    table = read_table(catalogue / "t.vot")
    inside = contains(moc, table.values("ra"), table.values("dec"))
    every = numbers(table_pairs(positions, table, radius_arcsec=RADIUS))
    assert numbers(found) == [(row, number) for row, number in every if inside[number]]
    assert [column.name for column in found.columns] == ["number"]
    assert "coverage" in infos
    with pytest.raises(TableError, match="no column 'magnitude'"):
        hats_pairs(positions, catalogue / "sources", radius_arcsec=RADIUS, columns=["magnitude"])


def test_nothing_to_match_with(catalogue):
    """No position at all, none near the catalogue, none near a source."""
    for ra, valid in (([10.0], False), ([10.123], True)):
        positions = Positions(np.array(ra), np.array([5.4321]), np.array([valid]))
        match = match_hats(positions, catalogue / "sources", "s", radius_arcsec=0.01)
        assert [column.values.tolist() for column in match.columns if column.name == "s_nmatch"] == [[0]]
        assert {column.name for column in match.columns} >= {"s_z", "s_number", "s_separation"}
    field = from_mocpy(MOC.from_string("8/77"))
    positions = user_positions()
    assert not len(hats_pairs(positions, catalogue / "sources", radius_arcsec=1, coverage=field)[0])


def test_a_catalogue_on_a_web_server(catalogue):
    positions = user_positions().take(slice(0, 40))
    with cds(catalogue) as (address, _):
        far, _ = hats_pairs(positions, f"{address}/sources", radius_arcsec=RADIUS)
        near_, _ = hats_pairs(positions, catalogue / "sources", radius_arcsec=RADIUS)
        assert numbers(far) == numbers(near_)
        with pytest.raises(ServiceError, match="no HATS catalogue at"):
            hats_pairs(positions, f"{address}/elsewhere", radius_arcsec=RADIUS)


# Import and filter


def test_import_keeps_values_and_says_what_is_left_out(tmp_path):
    table = Table({"l": [10.0, np.nan, 200.0], "b": [80.0, 3.0, -40.0], "name": ["a", "b", "c"]})
    table["Dir"] = [7, 8, 9]
    table.write(tmp_path / "t.csv")
    words = ["hats", "import", tmp_path / "t.csv", "-o", tmp_path / "h", "--frame", "galactic"]
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    assert "2 rows in" in answer.output
    assert "1 rows without a position are left out" in answer.output
    place = SkyCoord(10 * u.deg, 80 * u.deg, frame="galactic").icrs
    one = Positions(np.array([place.ra.deg]), np.array([place.dec.deg]), np.ones(1, bool))
    pairs, _ = hats_pairs(one, tmp_path / "h", radius_arcsec=0.1)
    values = {column.name: column.values.tolist() for column in pairs.columns}
    assert (values["name"], values["Dir_vopz"]) == (["a"], [7])
    assert values["ra_icrs"][0] == pytest.approx(place.ra.deg)
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert answer.exit_code == 2
    assert "exists already" in answer.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h", "t.csv"]


def test_a_part_of_a_catalogue(catalogue, tmp_path):
    moc = MOC.from_string("1/5-20")
    moc.save(str(tmp_path / "m.fits"), format="fits")
    words = ["hats", "filter", catalogue / "sources", "--coverage", tmp_path / "m.fits", "-o", tmp_path / "h"]
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    table = read_table(catalogue / "t.vot")
    inside = contains(from_mocpy(moc), table.values("ra"), table.values("dec"))
    assert f"{inside.sum()} rows kept" in answer.output
    found, _ = hats_pairs(user_positions(), tmp_path / "h", radius_arcsec=RADIUS)
    every = numbers(table_pairs(user_positions(), table, radius_arcsec=RADIUS))
    assert numbers(found) == [pair for pair in every if inside[pair[1]]]
    with pytest.raises(TableError, match="covers no source"):
        filter_hats(catalogue / "sources", from_mocpy(MOC.from_string("12/77")), tmp_path / "none")
    assert not (tmp_path / "none").exists()


# A cluster


@contextlib.contextmanager
def cluster(folder, workers=2):
    """A scheduler of Dask and its workers, as processes of their own."""
    program = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    own = {**os.environ, "DASK_DISTRIBUTED__WORKER__DAEMON": "false"}
    running = []
    try:
        start = [*program, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file]
        running.append(subprocess.Popen([*map(str, start)], env=own, **quiet))
        for _ in range(workers):
            start = [
                sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", file, "--no-nanny",
                "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1",
            ]  # fmt: skip
            running.append(subprocess.Popen([*map(str, start)], env=own, **quiet))
        yield address_in(file, workers), running
    finally:
        for process in running:
            process.kill()  # a worker that is asked to end waits for its scheduler
            process.wait(30)


def address_in(file: Path, workers: int) -> str:
    import json

    from distributed import Client

    end = time.monotonic() + 60
    while not file.exists() or not file.read_text():
        assert time.monotonic() < end
        time.sleep(0.1)
    address = json.loads(file.read_text())["address"]
    with Client(address) as client:
        client.wait_for_workers(workers, timeout=60)
    return address


def test_a_scheduler_and_its_workers(catalogue, tmp_path):
    positions = user_positions()
    Table({"ra": positions.ra, "dec": positions.dec}).write(tmp_path / "t.fits")
    with cluster(tmp_path) as (address, running):
        for name, more in (("far", ["--scheduler", address]), ("here", [])):
            words = [
                "crossmatch", tmp_path / "t.fits", "-o", tmp_path / f"{name}.fits", "--with",
                catalogue / "sources", "--radius", RADIUS, "--matches", "all", "--no-chance", *more,
            ]  # fmt: skip
            answer = CliRunner().invoke(app, [str(word) for word in words])
            assert answer.exit_code == 0, answer.output
        far, here = (Table.read(tmp_path / f"{name}.fits") for name in ("far", "here"))
        assert len(far) == len(here) > 2000
        assert far.colnames == here.colnames
        assert all((far[name] == here[name]).all() for name in ("number", "separation"))
        part = from_mocpy(MOC.from_string("1/5-20"))
        kept = filter_hats(catalogue / "sources", part, tmp_path / "part", scheduler=address)
        table = read_table(catalogue / "t.vot")
        assert kept == contains(part, table.values("ra"), table.values("dec")).sum()
        for worker in running[1:]:
            worker.kill()
            worker.wait()
        with pytest.raises(ServiceError, match="no workers"):
            hats_pairs(positions, catalogue / "sources", radius_arcsec=RADIUS, scheduler=address)


# What goes wrong


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("nowhere", TableError, "is not a HATS catalogue"),
        ("http://127.0.0.1:9/x", ServiceError, "does not answer"),
    ],
)
def test_no_catalogue(address, error, words):
    with pytest.raises(error, match=words):
        hats_pairs(user_positions(), address, radius_arcsec=1)


def test_a_damaged_part_is_told(catalogue, tmp_path):
    import shutil

    shutil.copytree(catalogue / "sources", tmp_path / "h")
    part = sorted((tmp_path / "h").rglob("Npix=*.parquet"))[0]
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(ServiceError, match="failed"):
        hats_pairs(user_positions(), tmp_path / "h", radius_arcsec=1)
    part.unlink()
    with pytest.raises(TableError, match="not all of one"):
        hats_pairs(user_positions(), tmp_path / "h", radius_arcsec=1)


def test_options_that_cannot_be_meant(catalogue, monkeypatch):
    positions = user_positions()
    for radius, words in ((0, "0 arcsec cannot be meant"), (1e4, "cannot be meant")):
        with pytest.raises(UsageError, match=words):
            hats_pairs(positions, catalogue / "sources", radius_arcsec=radius)
    monkeypatch.setattr("vo_photoz.catalogues.hats.MOST_NEIGHBOURS", 3)
    with pytest.raises(UsageError, match="positions of the table lie within 1 arcsec"):
        hats_pairs(positions, catalogue / "sources", radius_arcsec=1)
    monkeypatch.setattr("vo_photoz.catalogues.hats_engine.CONNECT_SECONDS", 1)
    with pytest.raises(ServiceError, match="does not answer"):
        hats_pairs(positions, catalogue / "sources", radius_arcsec=1, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match="cannot be meant"):
        hats_pairs(positions, catalogue / "sources", radius_arcsec=1, scheduler="what://is:this")


def test_without_lsdb(catalogue, monkeypatch):
    monkeypatch.setitem(sys.modules, "lsdb", None)
    with pytest.raises(UsageError, match=r"lsdb, which is not installed.*vo-photoz\[hats\]"):
        hats_pairs(user_positions(), catalogue / "sources", radius_arcsec=1)


def test_a_catalogue_keeps_a_map_of_its_sources(catalogue, tmp_path):
    words = ["coverage", catalogue / "sources", "--order", "6", "-o", tmp_path / "m.fits"]
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    table = read_table(catalogue / "t.vot")
    cells = np.unique(
        cdshealpix.nested.lonlat_to_healpix(table.values("ra") * u.deg, table.values("dec") * u.deg, 6)
    )
    assert MOC.load(tmp_path / "m.fits").sky_fraction == pytest.approx(len(cells) / (12 * 4**6))


def test_pairs_best_for_both_sides_are_those_of_the_table(catalogue, tmp_path):
    positions = user_positions()
    Table({"ra": positions.ra, "dec": positions.dec}).write(tmp_path / "t.fits")
    for name, other in (("hats", catalogue / "sources"), ("table", catalogue / "t.vot")):
        words = [
            "crossmatch", tmp_path / "t.fits", "-o", tmp_path / f"{name}.fits", "--with", other,
            "--radius", RADIUS, "--matches", "best-symmetric", "--no-chance",
        ]  # fmt: skip
        answer = CliRunner().invoke(app, [str(word) for word in words])
        assert answer.exit_code == 0, answer.output
    hats, table = (Table.read(tmp_path / f"{name}.fits") for name in ("hats", "table"))
    assert np.ma.allequal(hats["sources_number"], table["t_number"])
    assert (~np.ma.getmaskarray(hats["sources_number"])).sum() > 500
