"""Where coverage maps come from, how they are written, and what is refused."""

import json
import subprocess

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from mocpy import MOC
from typer.testing import CliRunner

from tests import hips_trees as trees
from tests.cds import cds, moc_of
from tests.conftest import need_commands
from vo_photoz import settings
from vo_photoz.cli.main import app
from vo_photoz.errors import CoverageError, SurveyError, UsageError
from vo_photoz.flow import Positions
from vo_photoz.hips.coverage import find_coverage
from vo_photoz.hips.moc_files import is_moc, read_moc, write_moc
from vo_photoz.hips.survey import HiPS
from vo_photoz.hips.tile_coverage import tile_coverage
from vo_photoz.pipeline.coverage import combined_coverage, coverage_of
from vo_photoz.sky.footprint import footprint
from vo_photoz.sky.moc import contains, from_mocpy


@pytest.fixture
def servers(tmp_path, monkeypatch):
    """CDS on loopback, serving also the folder ``web``."""
    (tmp_path / "web").mkdir()
    with cds(tmp_path / "web") as (address, handler):
        monkeypatch.setenv("VO_PHOTOZ_MOC_SERVER", f"{address}/MocServer/query")
        monkeypatch.setenv("VO_PHOTOZ_VIZIER_MOCS", f"{address}/viz-bin/moc")
        settings.defaults.cache_clear()
        yield address, tmp_path / "web", handler


def sources(n=20_000, seed=1):
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    return Positions(ra, dec, np.ones(n, bool))


def run(*words):
    answer = CliRunner().invoke(app, ["coverage", *map(str, words)])
    return answer.exit_code, " ".join(answer.output.split())


# Files


@pytest.mark.parametrize("name", ["m.fits", "m.json", "m.txt"])
def test_every_form_that_is_written_is_read(tmp_path, name):
    moc = MOC.from_string("3/5-7 100 5/9000 9/")
    for version in (1, 2):
        write_moc(from_mocpy(moc), tmp_path / name, version=version)
        data = (tmp_path / name).read_bytes()
        assert is_moc(data)
        found = read_moc(data, name)
        assert found.max_order == 9
        assert np.array_equal(found.ranges, from_mocpy(moc).ranges)


def test_cells_in_any_order_and_overlapping_are_taken(tmp_path):
    found = read_moc(b"5/8, 3-4\n 4/0  s29/", "m.txt")
    assert found.max_order == 29
    assert found.sky_fraction == pytest.approx(6 / 12 / 4**5)  # 0 to 4 and 8
    assert read_moc(b'{"5": [3, 4], "4": [0], "6": []}', "m.json").max_order == 6
    assert not len(read_moc(b"{}", "m.json").ranges)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"t61/1 3 s3/1-3", "holds time"),
        (b"f20/7 s3/1", "holds frequency"),
        (b"61/1-2", "order 61, as maps of time do"),
        (b'{"t": {"61": [1]}, "s": {"3": [2]}}', "holds time"),
        (b'[{"t": {"61": [1]}, "s": {"3": [2]}}]', "holds space and time"),
        (b'{"61": [1, 2]}', "order 61"),
        (b"3/768", "cell numbers that no cell of order 3 has"),
        (b"3/-4", "not a coverage map in ASCII"),
        (b"3/7-5", "no cell of order 3 has"),
        (b"29/9999999999999999999", "no cell of order 29 has"),
        (b'{"3": [1, "a"]}', "not a coverage map in JSON"),
        (b'{"3": [1.5]}', "not a coverage map in JSON"),
        (b'{"3": 1}', "not a coverage map in JSON"),
        (b'{"3": [1', "not a coverage map in JSON"),
    ],
)
def test_text_that_is_no_map_of_space_is_refused(text, words):
    with pytest.raises(CoverageError, match=words):
        read_moc(text, "m")


def _fits_of(table, **cards):
    part = fits.BinTableHDU.from_columns([fits.Column("UNIQ", "K", array=np.array(table, np.int64))])
    part.header.update(cards)
    from io import BytesIO

    target = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), part]).writeto(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ({"MOCDIM": "TIME", "ORDERING": "RANGE"}, "it is TIME"),
        ({"MOCDIM": "TIME.SPACE", "ORDERING": "RANGE"}, "it is TIME.SPACE"),
        ({"MOCDIM": "SPACE.FREQ", "ORDERING": "RANGE"}, "SPACE.FREQ"),
        ({"TORDER": 30, "ORDERING": "NUNIQ", "TIMESYS": "JD"}, "it is TIME"),
        ({"ORDERING": "NESTED", "PIXTYPE": "HEALPIX"}, "coded as NESTED"),
    ],
)
def test_maps_of_time_and_frequency_are_refused(cards, words, tmp_path):
    data = _fits_of([4, 40], **cards)
    with pytest.raises(CoverageError, match=words):
        read_moc(data, "m.fits")
    (tmp_path / "m.fits").write_bytes(data)
    code, said = run(tmp_path / "m.fits", "-o", tmp_path / "out.fits")
    if cards.get("ORDERING") != "NESTED":  # a table of HEALPix values is a table, without positions
        assert "space alone" in said
    assert code == 1
    assert said.count("Error:") == 1
    assert not (tmp_path / "out.fits").exists()


def test_ranges_and_cells_out_of_the_sphere_are_refused():
    with pytest.raises(CoverageError, match="no cell has"):
        read_moc(_fits_of([0, 1 << 62], MOCDIM="SPACE", ORDERING="RANGE"), "m.fits")
    with pytest.raises(CoverageError, match="no cell has"):
        read_moc(_fits_of([3], ORDERING="NUNIQ", MOCORDER=3), "m.fits")


def test_stilts_reads_what_is_written(tmp_path):
    """STILTS 3.4 takes a map of ranges for an empty one, so version 1 is what is written."""
    need_commands("stilts")
    table = sources(3000)
    moc = MOC.from_string("2/5-40 4/800 6/49000")
    write_moc(from_mocpy(moc), tmp_path / "m.fits")
    Table({"ra": table.ra, "dec": table.dec, "row": np.arange(3000)}).write(tmp_path / "t.fits")
    subprocess.run(
        ["stilts", "tpipe", "in=t.fits", "cmd=select 'inMoc(\"m.fits\",ra,dec)'", "out=kept.fits"],
        cwd=tmp_path, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    ours = np.flatnonzero(contains(from_mocpy(moc), table.ra, table.dec))
    assert 500 < len(ours) < 2500
    assert np.array_equal(np.asarray(Table.read(tmp_path / "kept.fits")["row"]), ours)


def test_a_map_that_stilts_makes_is_read(tmp_path):
    need_commands("stilts")
    table = sources(500)
    Table({"ra": table.ra, "dec": table.dec}).write(tmp_path / "t.fits")
    subprocess.run(
        ["stilts", "pixfoot", "in=t.fits", "order=6", "ra=ra", "dec=dec", "radius=0",
         "mocfmt=fits", "out=m.fits"],
        cwd=tmp_path, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    theirs, ours = coverage_of(tmp_path / "m.fits"), footprint(table, order=6)
    assert np.array_equal(theirs.ranges, ours.ranges)


# Tables


def test_the_order_of_a_map_from_a_table_follows_its_density(tmp_path):
    """A field of 4 deg2 with 100,000 sources and the whole sky with 20,000."""
    rng = np.random.default_rng(3)
    field = Positions(rng.uniform(30, 32, 100_000), rng.uniform(-1, 1, 100_000), np.ones(100_000, bool))
    found = footprint(field)
    assert found.max_order == 11
    assert found.sky_fraction * 41252.96 == pytest.approx(4, rel=0.06)
    assert f"of order {found.max_order}" in found.origin
    inner = (np.abs(field.dec) < 0.9) & (np.abs(field.ra - 31) < 0.9)
    probe = rng.uniform(30.1, 31.9, 20_000), rng.uniform(-0.9, 0.9, 20_000)
    assert contains(found, *probe).all(), "no holes"
    assert inner.any()
    assert footprint(sources()).max_order == 5
    assert footprint(field, order=3).max_order == 3


def test_a_table_makes_a_map_by_the_command(tmp_path):
    table = sources(5000)
    Table({"RA": table.ra, "DEC": table.dec}).write(tmp_path / "t.csv")
    code, said = run(tmp_path / "t.csv", "-o", tmp_path / "m.fits", "--order", 4)
    assert code == 0
    assert "made from 5000 positions" in said
    assert "order 4" in said
    cells = np.unique(healpy.ang2pix(16, table.ra, table.dec, nest=True, lonlat=True))
    assert MOC.load(tmp_path / "m.fits").sky_fraction == pytest.approx(len(cells) / 3072)


def test_what_cannot_make_a_map_is_told(tmp_path):
    with pytest.raises(CoverageError, match="no row has a position"):
        footprint(Positions(np.array([np.nan]), np.array([np.nan]), np.array([False])))
    with pytest.raises(UsageError, match="no order 30"):
        footprint(sources(5), order=30)
    code, said = run("nowhere.fits", "-o", tmp_path / "m.fits")
    assert code == 2
    assert "neither a survey" in said
    code, said = run(tmp_path, "-o", tmp_path / "m.fits")
    assert code == 1
    assert "properties" in said


# Tiles


@pytest.mark.parametrize("frame", ["equatorial", "galactic"])
def test_a_map_is_made_from_the_tiles_of_a_folder(tmp_path, frame):
    trees.write_properties(tmp_path, hips_order=4, hips_tile_width=8, hips_frame=frame)
    cells = [5, 700, 701, 3000]
    for cell in cells:
        trees.write_tile(tmp_path, 4, cell, np.ones((8, 8)))
    found = find_coverage(HiPS(tmp_path))
    assert "its 4 tiles of order 4" in found.origin
    if frame == "equatorial":
        assert np.array_equal(found.ranges, from_mocpy(moc_of(cells, 4)).ranges)
        assert tile_coverage(HiPS(tmp_path), order=2).sky_fraction == pytest.approx(3 / 192)
    else:
        assert 4 / 3072 < found.sky_fraction < 6.5 / 3072
    with pytest.raises(UsageError, match="order 5"):
        tile_coverage(HiPS(tmp_path), order=5)


def test_a_map_is_made_from_the_pixels(tmp_path):
    """The tile's values are its directions, so that healpy says which cells they lie in."""
    width, order, cell = 16, 3, 300
    trees.write_properties(tmp_path, hips_order=order, hips_tile_width=width)
    vectors = trees.pixel_vectors(order, width, cell)
    where = healpy.vec2pix(1 << 5, *np.moveaxis(vectors, -1, 0), nest=True)
    values = np.where(np.isin(where, [300 * 16 + 3, 300 * 16 + 9]), 1.0, np.nan)
    values[0, 0] = 2.0  # a single pixel
    trees.write_tile(tmp_path, order, cell, values)
    found = find_coverage(HiPS(tmp_path), pixels=True, order=5)
    expected = sorted({300 * 16 + 3, 300 * 16 + 9, int(where[0, 0])})
    assert np.array_equal(found.ranges, from_mocpy(moc_of(expected, 5)).ranges)
    assert find_coverage(HiPS(tmp_path), pixels=True).max_order == 7
    assert "the pixels of its 1 tiles" in found.origin


def test_a_server_is_asked_for_tiles_level_by_level(servers):
    address, folder, handler = servers
    trees.write_properties(folder / "h", hips_order=3, hips_order_min=0, hips_tile_width=8)
    deepest = [5, 6, 700]
    for order in range(4):
        for cell in {cell >> 2 * (3 - order) for cell in deepest}:
            trees.write_tile(folder / "h", order, cell, np.ones((8, 8)))
    found = coverage_of(f"{address}/h")
    assert np.array_equal(found.ranges, from_mocpy(moc_of(deepest, 3)).ranges)
    tiles = [path for path in handler.asked if "Npix" in path]
    assert len(tiles) == 12 + 8 + 8 + 8
    assert not any("MocServer" in path for path in handler.asked), "a HiPS without an identifier"


def test_too_many_tiles_give_a_coarser_map(servers, monkeypatch):
    address, folder, _ = servers
    trees.write_properties(folder / "h", hips_order=3, hips_order_min=0, hips_tile_width=8)
    for order in range(4):
        trees.write_tile(folder / "h", order, 0, np.ones((8, 8)))
    monkeypatch.setattr("vo_photoz.hips.tile_coverage.MOST_REQUESTS", 20)
    found = coverage_of(f"{address}/h")
    assert found.max_order == 2
    assert "order 2" in found.origin
    monkeypatch.setattr("vo_photoz.hips.tile_coverage.MOST_REQUESTS", 10)
    with pytest.raises(CoverageError, match="too many tiles"):
        coverage_of(f"{address}/h")


def test_neither_map_nor_tiles(tmp_path):
    trees.write_properties(tmp_path, hips_order=3)
    with pytest.raises(CoverageError, match="neither a coverage map nor tiles"):
        find_coverage(HiPS(tmp_path))


# Servers


def test_the_moc_server_and_vizier_are_asked(servers, tmp_path):
    _, _, handler = servers
    handler.known |= {"CDS/P/SDSS9/r": moc_of([3, 9], 2), "VII/279/dr12q": moc_of([9, 10], 2)}
    code, said = run("ivo://CDS/P/SDSS9/r", "vizier:VII/279/dr12q", "-o", tmp_path / "m.fits")
    assert code == 0
    assert "the MOCServer's map of CDS/P/SDSS9/r intersection VizieR's map of VII/279/dr12q" in said
    assert MOC.load(tmp_path / "m.fits").sky_fraction == pytest.approx(1 / 192)
    assert coverage_of("ivo://CDS/P/SDSS9/r", order=1).sky_fraction == pytest.approx(2 / 48)
    for unknown, words in (("ivo://nobody/x", "knows no coverage"), ("vizier:I/1", "no coverage of a table")):
        with pytest.raises(CoverageError, match=words):
            coverage_of(unknown)
        with pytest.raises(CoverageError, match="connections are off"):
            coverage_of(unknown, offline=True)


def test_a_hips_on_the_web_without_its_map_asks_the_moc_server(servers):
    address, folder, handler = servers
    trees.write_properties(
        folder / "h", hips_order=1, hips_order_min=1, hips_tile_width=8, creator_did="ivo://x/h"
    )
    trees.write_tile(folder / "h", 1, 7, np.ones((8, 8)))
    handler.known["x/h"] = moc_of([7, 8], 1)
    assert coverage_of(f"{address}/h").origin == "the MOCServer's map of x/h"
    del handler.known["x/h"]
    assert coverage_of(f"{address}/h").sky_fraction == pytest.approx(1 / 48)
    handler.broken = True
    settings.defaults.cache_clear()
    assert "its 1 tiles" in coverage_of(f"{address}/h").origin


def test_a_map_at_an_address(servers):
    address, folder, _ = servers
    write_moc(from_mocpy(moc_of([1, 2], 3)), folder / "m.fits")
    (folder / "page.html").write_text("<html>no</html>")
    assert coverage_of(f"{address}/m.fits").sky_fraction == pytest.approx(2 / 768)
    for name in ("page.html", "nothing"):
        with pytest.raises(CoverageError, match="neither a HiPS nor a coverage map"):
            coverage_of(f"{address}/{name}")
    with pytest.raises(SurveyError, match="forbidden"):
        coverage_of(f"{address}/elsewhere", offline=True)


def test_intersection_over_bands_and_union_over_fields(tmp_path):
    for name, cells in (("a_g", [1, 2, 3]), ("a_r", [2, 3, 4]), ("b_g", [3, 20]), ("b_r", [20, 21])):
        trees.write_properties(tmp_path / name, hips_order=3)
        write_moc(from_mocpy(moc_of(cells, 3)), tmp_path / name / "Moc.fits")
    for field in "ab":
        (tmp_path / f"{field}.toml").write_text(
            f'[survey]\nname = "{field}"\nbands = ["g", "r"]\n[hips]\ng = "{field}_g"\nr = "{field}_r"\n'
        )
    fields = [tmp_path / "a.toml", tmp_path / "b.toml"]
    assert combined_coverage(fields[:1]).sky_fraction == pytest.approx(2 / 768)
    found = combined_coverage(fields, combine="union")
    assert np.array_equal(found.ranges, from_mocpy(moc_of([2, 3, 20], 3)).ranges)
    assert not len(combined_coverage(fields).ranges)
    code, said = run(*fields, "--combine", "union", "-o", tmp_path / "m.json")
    assert code == 0
    assert "161.14 deg2" in said
    assert json.loads((tmp_path / "m.json").read_text()) == {"3": [2, 3, 20]}
