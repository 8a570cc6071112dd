"""Tables read batch by batch hold what they hold when they are read at once, in every format."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from vo_photoz.errors import TableError
from vo_photoz.tables.batches import ReadAgain, TableBatches, again, some_rows
from vo_photoz.tables.formats.text import from_astropy
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.write import write_table

N = 257


def sample(arrays: bool = True) -> Table:
    rng = np.random.default_rng(5)
    table = Table()
    table["name"] = [f"J{row:04d} \u03b1" if row % 50 == 49 else f"J{row:04d}" for row in range(N)]
    table["ra"] = rng.uniform(0, 360, N)
    table["dec"] = rng.uniform(-90, 90, N)
    table["ra"].unit = table["dec"].unit = "deg"
    table["n"] = MaskedColumn(np.arange(N), mask=np.arange(N) % 7 == 6)
    table["mag"] = MaskedColumn(rng.normal(20, 1, N).astype("f4"), mask=np.arange(N) % 5 == 4)
    table["good"] = np.arange(N) % 2 == 0
    if arrays:
        table["pdf"] = rng.random((N, 4)).astype("f4")
        ragged = np.empty(N, dtype=object)
        for row in range(N):
            ragged[row] = np.arange(row % 5, dtype="f8")
        table["ragged"] = ragged
    return table


def written(kind: str, folder: Path) -> Path:
    path = folder / f"table.{kind}"
    if kind in ("BINARY2", "TABLEDATA"):
        write_table(from_astropy(sample(), "sample"), None, path, serialisation=kind)
    elif kind in ("fits", "parquet"):
        write_table(from_astropy(sample(), "sample"), None, path, format=kind)
    elif kind == "BINARY":
        table = sample(arrays=False)["name", "ra", "dec", "mag", "good"]
        table.write(path, format="votable", tabledata_format="binary")
    else:
        Table(sample(arrays=False), masked=True).write(path, format=f"ascii.{kind}")
    return path


def same_cells(one: Any, other: Any) -> bool:
    if np.ma.is_masked(one) or np.ma.is_masked(other):
        return bool((np.ma.getmaskarray(one) == np.ma.getmaskarray(other)).all())
    return bool(np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f"))


def assert_same(batches: list[UserTable], whole: UserTable) -> None:
    kinds = [[column.datatype for column in table.columns] for table in (batches[0], whole)]
    for one, other in zip(*kinds, strict=True):  # what letters a text has is known at its end
        assert one == other or (one, other) == ("char", "unicodeChar")
    for place, expected in enumerate(whole.data):
        cells = [cell for batch in batches for cell in batch.data[place]]
        assert len(cells) == len(expected)
        assert all(map(same_cells, cells, expected)), whole.names[place]


@pytest.mark.parametrize("kind", ["BINARY2", "BINARY", "TABLEDATA", "fits", "parquet", "csv", "ecsv"])
@pytest.mark.parametrize("pack", [None, gzip.compress, bz2.compress])
def test_batches_hold_the_whole_table(kind: str, pack: Any, tmp_path: Path) -> None:
    path = written(kind, tmp_path)
    if pack:
        path.write_bytes(pack(path.read_bytes()))
    batches = TableBatches(path, rows=40)
    parts = again(lambda: list(batches))
    assert len(parts) == (1 if kind == "csv" else 7)
    assert all(part.root is parts[0].root for part in parts)
    assert_same(parts, read_table(path))


@pytest.mark.parametrize("kind", ["BINARY2", "TABLEDATA", "fits", "parquet", "csv", "ecsv"])
def test_a_table_without_rows_is_one_empty_batch(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    empty = sample(arrays=False)[:0]
    if kind in ("csv", "ecsv"):
        empty.write(path, format=f"ascii.{kind}")
    elif kind in ("fits", "parquet"):
        write_table(from_astropy(empty, "empty"), None, path, format=kind)
    else:
        write_table(from_astropy(empty, "empty"), None, path, serialisation=kind)
    (only,) = list(TableBatches(path))
    assert only.n_rows == 0
    assert only.names == read_table(path).names


def test_types_of_csv_are_those_of_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later rows make a float of an integer, numbers of blanks, text of a number, Latin-1 of bytes."""
    monkeypatch.setattr("vo_photoz.tables.formats.csv_rows._PIECE", 1000)
    lines = [f"{row},,{row},name{row},{row % 2},2020-01-01" for row in range(500)]
    lines[300] = "300.5,,x,na\xefve,true,later"
    lines[400] = "400,7,400,b,0,"
    path = tmp_path / "late.csv"
    path.write_bytes("\n".join(["a,b,c,d,e,f", *lines]).encode("latin-1"))
    batches = TableBatches(path)
    with pytest.raises(ReadAgain):
        list(batches)
    parts = again(lambda: list(batches))
    assert len(parts) > 5
    assert [column.datatype for column in read_table(path).columns] == [
        "double", "long", "char", "unicodeChar", "boolean", "char",
    ]  # fmt: skip
    whole = read_table(path)
    assert whole.data[0][300] == 300.5
    assert whole.data[1][400] == 7
    assert whole.data[2][300] == "x"
    assert whole.data[3][300] == "na\xefve"
    for place, expected in enumerate(whole.data):
        cells = [cell for part in parts for cell in part.data[place]]
        assert all(map(same_cells, cells, expected))


def test_a_row_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vo_photoz.tables.formats.csv_rows._PIECE", 1000)
    path = tmp_path / "long.csv"
    path.write_text("a,b\n1,x\n2," + "y" * 5000 + "\n")
    batches = TableBatches(path)
    parts = again(lambda: list(batches))
    assert sum(part.n_rows for part in parts) == 2


def test_a_ragged_csv_is_told_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(TableError, match=r"ragged.csv cannot be read as CSV: .*Expected 2 columns, got 3"):
        list(TableBatches(path))


@pytest.mark.parametrize("kind", ["BINARY2", "csv"])
def test_some_rows(kind: str, tmp_path: Path) -> None:
    path = written(kind, tmp_path)
    table = next(iter(TableBatches(path)))
    wanted = np.arange(table.n_rows) % 3 == 0
    some = some_rows(table, wanted)
    assert list(some.values("name")) == list(table.values("name")[wanted])
    assert some.root is table.root


def test_fits_rows_inside_a_votable(tmp_path: Path) -> None:
    import base64

    fits = tmp_path / "rows.fits"
    sample(arrays=False)["ra", "dec", "mag"].write(fits)
    stream = base64.encodebytes(fits.read_bytes()).decode()
    path = tmp_path / "fits.vot"
    fields = "".join(
        f'<FIELD name="{n}" datatype="{t}"/>'
        for n, t in (("ra", "double"), ("dec", "double"), ("mag", "float"))
    )
    path.write_text(
        f'<VOTABLE version="1.3"><RESOURCE><TABLE>{fields}<DATA><FITS><STREAM encoding="base64">{stream}'
        "</STREAM></FITS></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    parts = list(TableBatches(path, rows=100))
    assert [part.n_rows for part in parts] == [100, 100, 57]
    assert_same(parts, read_table(path))


def test_what_stands_behind_the_rows_is_in_the_tree_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "late.vot"
    rows = "".join(f"<TR><TD>{row}</TD></TR>" for row in range(100))
    path.write_text(
        f'<VOTABLE version="1.3"><RESOURCE><TABLE><FIELD name="a" datatype="int"/><DATA><TABLEDATA>{rows}'
        '</TABLEDATA></DATA></TABLE><INFO name="QUERY_STATUS" value="OVERFLOW"/></RESOURCE></VOTABLE>'
    )
    parts = list(TableBatches(path, rows=30))
    assert parts[-1].root.find(".//INFO[@name='QUERY_STATUS']") is not None
    assert parts[0].root is parts[-1].root


@pytest.mark.parametrize("kind", ["BINARY2", "TABLEDATA", "fits", "parquet"])
def test_a_file_that_is_cut_off_is_an_error(kind: str, tmp_path: Path) -> None:
    path = written(kind, tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(TableError):
        list(TableBatches(path, rows=40))
