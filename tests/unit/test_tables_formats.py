"""Tables in FITS, Parquet, CSV and ECSV are read, and written with all that the VOTable told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time

from tests.conftest import need_commands
from vo_photoz.flow import NewColumn
from vo_photoz.tables.batches import TableBatches
from vo_photoz.tables.read import read_table
from vo_photoz.tables.write import Additions, NewParam, write_table

DATA = Path(__file__).resolve().parent.parent / "data" / "tables"


def ours(n: int) -> Additions:
    flags = np.ma.MaskedArray(np.arange(n, dtype="i2"), mask=np.arange(n) == 1)
    columns = [
        NewColumn("z_phot", np.linspace(0, 1, n).astype("f4"), "", "src.redshift.phot", "median"),
        NewColumn("sdss_nmatch", flags, "", "meta.number", "count"),
        NewColumn("pz_mean", np.ones((n, 4), "f4"), "", "stat.mean", "means"),
    ]
    return Additions(columns, [NewParam("z_min", 3.0)], [("vo_photoz.job", "job-7")])


@pytest.mark.parametrize("kind", ["fits", "parquet"])
@pytest.mark.parametrize(
    "name", ["rich.vot", "rich_binary2.vot", "topcat_basic.fits", "topcat_fitsplus.fits"]
)
def test_values_and_metadata_come_back(name: str, kind: str, tmp_path: Path) -> None:
    table = read_table(DATA / name)
    write_table(table, ours(4), tmp_path / "out", format=kind)
    back = read_table(tmp_path / "out")
    assert back.names == [*table.names, "z_phot", "sdss_nmatch", "pz_mean"]
    assert back.job == "job-7"
    assert back.params["z_min"] == "3.0"
    assert back.coosys == table.coosys
    for before, after in zip(table.columns, back.columns, strict=False):
        assert (before.unit, before.ucd, before.utype) == (after.unit, after.ucd, after.utype)
    for column in ("id", "RAJ2000", "good", "byte", "short", "count", "vector", "matrix", "complex"):
        before, after = table.values(column), back.values(column)
        fill = np.nan if before.dtype.kind in "fc" else 0
        np.testing.assert_array_equal(np.ma.filled(after, fill), np.ma.filled(before, fill))
        if before.dtype.kind not in "fc":
            np.testing.assert_array_equal(np.ma.getmaskarray(after), np.ma.getmaskarray(before))
    for before, after in zip(
        np.ma.getdata(table.values("list")), np.ma.getdata(back.values("list")), strict=True
    ):
        np.testing.assert_array_equal(after, before)
    assert back.values("sdss_nmatch").tolist() == [0, None, 2, 3]
    assert back.values("name")[0] == "NGC <1> & co"


@pytest.mark.filterwarnings("ignore:Column")  # astropy gives up the nulls of booleans
def test_a_fits_file_says_what_any_reader_needs(tmp_path: Path) -> None:
    table = read_table(DATA / "rich.vot")
    write_table(table, ours(4), tmp_path / "out.fits", format="fits")
    header = fits.getheader(tmp_path / "out.fits", 1)
    place = table.names.index("RAJ2000") + 1
    assert header[f"TUNIT{place}"] == "deg"
    assert header[f"TUCD{place}"] == "pos.eq.ra;meta.main"
    assert header["VOPZJOB"] == "job-7"
    astropy_table = Table.read(tmp_path / "out.fits", hdu=1)
    assert astropy_table["pz_mean"].shape == (4, 4)
    assert astropy_table["other name"][0] == "\\xe9tat \\u03b1 \\U0001d6fd"  # FITS is ASCII


def test_stilts_reads_the_fits_file_with_its_metadata(tmp_path: Path) -> None:
    need_commands("stilts")
    write_table(read_table(DATA / "rich.vot"), ours(4), tmp_path / "out.fits", format="fits")
    done = subprocess.run(
        ["stilts", "tpipe", f"in={tmp_path / 'out.fits'}", "cmd=meta name ucd units", "ofmt=csv"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "RAJ2000,pos.eq.ra;meta.main,deg" in done.stdout
    assert "z_phot,src.redshift.phot," in done.stdout


def test_a_parquet_file_says_what_any_reader_needs(tmp_path: Path) -> None:
    write_table(read_table(DATA / "rich.vot"), ours(4), tmp_path / "out.parquet", format="parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.field("RAJ2000").metadata[b"ucd"] == b"pos.eq.ra;meta.main"
    assert schema.metadata[b"vo_photoz.job"] == b"job-7"
    assert schema.field("pz_mean").type == pa.list_(pa.float32(), 4)
    assert b"COOSYS" in schema.metadata[b"IVOA.VOTable-Parquet.content"]


def test_plain_fits(tmp_path: Path) -> None:
    table = Table({"ra": [1.0, 2.0], "n": MaskedColumn([1, 2], mask=[False, True], fill_value=-7)})
    table["name"], table["u"] = ["a ", "bc"], np.array([0, 65535], "u2")
    table["ra"].unit, table.meta["OBSERVER"], table.meta["comments"] = "deg", "Edwin Hubble", ["one", "two"]
    table.write(tmp_path / "x.fits")
    back = read_table(tmp_path / "x.fits")
    assert back.names == ["ra", "n", "name", "u"]
    assert back.values("n").tolist() == [1, None]
    assert back.values("name").tolist() == ["a", "bc"]
    assert back.values("u").tolist() == [0, 65535]
    assert back.columns[0].unit == "deg"
    assert back.infos["OBSERVER"] == "Edwin Hubble"
    assert back.infos["COMMENT"] == "one\ntwo"


def test_the_long_comment_cards_of_topcat(tmp_path: Path) -> None:
    for name in ("topcat_comments.vot", "topcat_comments_binary2.vot"):
        table = read_table(DATA / name)
        assert table.params["COMMENT"].startswith("synthetic test table")
        assert table.values("ra").tolist() == [10.0, 20.0, 30.0]
        assert table.table.find("PARAM").get("arraysize") == "42x2"
        write_table(table, None, tmp_path / name)
        assert read_table(tmp_path / name).table.find("PARAM").get("arraysize") == "*"  # astropy refuses 42x2


def test_what_astropy_notes_of_its_columns(tmp_path: Path) -> None:
    """Astropy writes a block of comments for columns with descriptions, times and sky coordinates."""
    table = QTable()
    long = "Identifier of the source, told at such length that it runs on over a line"
    table["id"] = MaskedColumn([1, 2], mask=[False, True], description=long, meta={"ucd": "meta.id"})
    table["ra"] = [1.0, 2.0] * units.deg
    table["seen"] = Time([2000.0, 2001.0], format="jyear")
    table["where"] = SkyCoord([3, 4] * units.deg, [5, 6] * units.deg)
    table.meta["comments"] = ["kept"]
    table.write(tmp_path / "t.fits")
    read = read_table(tmp_path / "t.fits")
    assert read.names == ["id", "ra", "seen", "where.ra", "where.dec"]
    assert read.columns[0].description == long
    assert read.columns[0].ucd == "meta.id"
    assert read.values("id").tolist() == [1, None]
    assert read.values("where.dec").tolist() == [5, 6]
    assert "ASTROPY" not in str(read.infos)
    (batch,) = TableBatches(tmp_path / "t.fits")
    assert batch.columns[0].description == long
    with fits.open(tmp_path / "t.fits", mode="update") as hdus:  # half a block: the table is still there
        lines = [str(line) for line in hdus[1].header["COMMENT"]]
        del hdus[1].header["COMMENT"]
        for line in lines[:4]:
            hdus[1].header.add_comment(line)
    assert read_table(tmp_path / "t.fits").names == read.names


def test_plain_parquet(tmp_path: Path) -> None:
    import datetime

    columns = {
        "id": pa.array([1, None, 3]),
        "name": pa.array(["a", None, "é"]),
        "day": pa.array([datetime.date(2026, 11, 22)] * 3),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        "list": pa.array([[1.0], [], None]),
        "flag": pa.array([True, None, False]),
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    table = read_table(tmp_path / "x.parquet")
    assert table.values("id").tolist() == [1, None, 3]
    assert table.values("name").tolist() == ["a", None, "é"]
    assert table.values("day")[0] == "2026-11-22"
    assert table.values("kind").tolist() == ["x", "y", "x"]
    assert table.values("flag").tolist() == [True, None, False]
    assert [cell.tolist() for cell in np.ma.getdata(table.values("list"))] == [[1.0], [], []]
    assert np.ma.getmaskarray(table.values("list")).tolist() == [False, False, True]
    write_table(table, ours(3), tmp_path / "x.vot")
    assert read_table(tmp_path / "x.vot").values("name").tolist() == ["a", None, "é"]


CSV = "#Table1\r\nobjid,ra,dec,class,seen,t\r\n1237648720693755918,1.5,-2,STAR,true,12:30:00\r\n2,nan,,,,\r\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("\ufeff" + CSV.replace(",", delimiter), encoding="utf-8")
    table = read_table(tmp_path / "x.csv")
    assert table.names == ["objid", "ra", "dec", "class", "seen", "t"]
    assert table.values("objid").tolist() == [1237648720693755918, 2]
    assert np.isnan(table.values("ra")[1])
    assert table.values("dec").tolist() == [-2, None]
    assert table.values("class").tolist() == ["STAR", ""]
    assert table.values("seen").tolist() == [True, None]
    assert table.values("t").tolist() == ["12:30:00", ""]


def test_csv_types_come_from_all_rows(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n}\n" for n in range(300_000))
    (tmp_path / "x.csv").write_text(f"a,b\n{rows}1.5,x\n")
    table = read_table(tmp_path / "x.csv")
    assert table.values("a")[-1] == 1.5
    assert table.values("b")[-1] == "x"


def test_csv_with_names_twice_and_quoted_lines(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('"a","a",""\n1,2,"two\nlines, here"\n')
    table = read_table(tmp_path / "x.csv")
    assert table.names == ["a", "a", "col3"]
    assert [values[0] for values in table.data] == [1, 2, "two\nlines, here"]


def test_ecsv(tmp_path: Path) -> None:
    table = Table(
        {
            "ra": [1.0, 2.0],
            "n": MaskedColumn([1, 2], mask=[False, True]),
            "t": Time([59000.0, 59001.0], format="mjd"),
        }
    )
    table["ra"].unit, table["ra"].description = "deg", "place"
    table.write(tmp_path / "x.ecsv")
    back = read_table(tmp_path / "x.ecsv")
    assert back.columns[0].unit == "deg"
    assert back.columns[0].description == "place"
    assert back.values("n").tolist() == [1, None]
    assert back.values("t")[0] == "2020-05-31T00:00:00.000"


def test_formats_are_told_by_content_not_by_name(tmp_path: Path) -> None:
    for name in ("rich.vot", "topcat_basic.fits", "topcat.csv"):
        (tmp_path / "x").write_bytes((DATA / name).read_bytes())
        assert read_table(tmp_path / "x").n_rows == 4
