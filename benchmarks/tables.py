"""VOTables written and read, and positions filtered by a coverage map: against astropy and mocpy in one run.

usage: tables.py [ROWS=60000] [POINTS=5000000]

The table has a name, a position, 20 numbers, three arrays of 5 and one of 200 float32, with units, UCDs and
nulls. Before anything is timed, the files go through astropy and, where it is installed, STILTS, and every
value has to come back bit by bit.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from alternate import alternate, report
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.io.votable import from_table, parse
from astropy.table import MaskedColumn, Table
from mocpy import MOC

from vo_photoz.sky.moc import from_mocpy
from vo_photoz.sky.moc_filter import MocFilter
from vo_photoz.tables.formats.text import from_astropy
from vo_photoz.tables.read import read_table
from vo_photoz.tables.write import write_table

ROUNDS = 3


def table_of(rows: int) -> Table:
    rng = np.random.default_rng(1)
    table = Table()
    table["id"] = [f"SDSS J{row:012d}" for row in range(rows)]
    table["ra"], table["dec"] = rng.uniform(0, 360, rows), rng.uniform(-90, 90, rows)
    for k in range(20):
        values = rng.normal(size=rows).astype("f4" if k % 2 else "f8")
        table[f"f{k}"] = MaskedColumn(values, mask=rng.random(rows) < 0.1) if k < 4 else values
    table["n"] = MaskedColumn(
        rng.integers(0, 99, rows).astype("i4"), mask=rng.random(rows) < 0.1, fill_value=-1
    )
    for name in ("weight", "mean", "sigma"):
        table[name] = rng.random((rows, 5)).astype("f4")
    table["pz"] = rng.random((rows, 200)).astype("f4")
    for name, ucd in (
        ("ra", "pos.eq.ra;meta.main"),
        ("dec", "pos.eq.dec;meta.main"),
        ("pz", "stat.probability"),
    ):
        table[name].meta["ucd"] = ucd
    table["ra"].unit = table["dec"].unit = u.deg
    return table


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    mask = np.ma.getmaskarray(one) if one.dtype.kind != "O" else np.zeros(len(one), bool)
    if one.dtype.kind == "f":  # a NaN may stand for what is masked
        mask = mask | np.isnan(np.ma.getdata(one))
        gone = np.ma.getmaskarray(other) | np.isnan(np.ma.getdata(other))
    else:
        gone = np.ma.getmaskarray(other) if one.dtype.kind != "O" else mask
    if not np.array_equal(mask, gone):
        return False
    if one.dtype.kind == "O":
        return [str(cell) for cell in one] == [str(cell) for cell in other]
    raw = [
        np.ma.getdata(values)[~mask].astype(values.dtype.newbyteorder("=")).tobytes()
        for values in (one, other)
    ]
    return raw[0] == raw[1]


def check_round_trips(ours: Path, folder: Path) -> None:
    """Through astropy, and through STILTS into BINARY2 and TABLEDATA: the same bits, units and UCDs."""
    before = read_table(ours)
    found = {"astropy": folder / "back.vot"}
    parse(ours).to_xml(str(found["astropy"]), tabledata_format="binary2")
    if shutil.which("stilts"):
        for kind in ("votable-binary2-inline", "votable-tabledata"):
            found[f"stilts, {kind}"] = folder / f"{kind}.vot"
            subprocess.run(
                [
                    "stilts",
                    "tcopy",
                    f"in={ours}",
                    f"out={found[f'stilts, {kind}']}",
                    "ifmt=votable",
                    f"ofmt={kind}",
                ],
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
    for through, path in found.items():
        after = read_table(path)
        assert after.names == before.names, through
        for name in before.names:
            assert same_bits(before.values(name), after.values(name)), (through, name)
        told = [[(column.unit, column.ucd) for column in table.columns] for table in (before, after)]
        assert told[0] == told[1], through
        print(f"through {through}: every bit, unit and UCD comes back")


def votables(rows: int, folder: Path) -> None:
    table = table_of(rows)
    theirs, ours = from_table(table), from_astropy(table, "benchmark")
    files = {name: folder / f"{name}.vot" for name in ("ours", "theirs", "ours_text", "theirs_text")}
    write_table(ours, None, files["ours"])
    theirs.to_xml(str(files["theirs"]), tabledata_format="binary2")
    check_round_trips(files["ours"], folder)
    print(f"\nwrite BINARY2, {rows} rows, {files['ours'].stat().st_size / 1e6:.0f} MB")
    write = {
        "vo_photoz": lambda: write_table(ours, None, files["ours"]),
        "astropy": lambda: theirs.to_xml(str(files["theirs"]), tabledata_format="binary2"),
    }
    report(alternate(write, ROUNDS))
    print(f"\nread BINARY2, {rows} rows")
    read = {
        "vo_photoz, its own file": lambda: read_table(files["ours"]),
        "vo_photoz, astropy's file": lambda: read_table(files["theirs"]),
        "astropy": lambda: parse(files["theirs"]).get_first_table().to_table(),
    }
    report(alternate(read, ROUNDS))
    few = rows // 4
    part, text = from_astropy(table[:few], "benchmark"), from_table(table[:few])
    print(f"\nwrite TABLEDATA, {few} rows")
    write = {
        "vo_photoz": lambda: write_table(part, None, files["ours_text"], serialisation="TABLEDATA"),
        "astropy": lambda: text.to_xml(str(files["theirs_text"]), tabledata_format="tabledata"),
    }
    report(alternate(write, ROUNDS))


def filters(points: int) -> None:
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(120, 260, points), np.degrees(np.arcsin(rng.uniform(-0.03, 0.87, points)))
    cones = Longitude(rng.uniform(130, 250, 60), u.deg), Latitude(rng.uniform(2, 48, 60), u.deg)
    for order in (10, 13):
        moc = MOC.from_cones(*cones, radius=0.9 * u.deg, max_depth=order, union_strategy="large_cones")
        coverage = from_mocpy(moc)
        masks = MocFilter(coverage)(ra, dec), moc.contains_lonlat(ra * u.deg, dec * u.deg)
        assert np.array_equal(*masks)
        print(f"\nfilter by a MOC of order {order}, {points} positions, {masks[0].sum()} inside, same masks")
        methods = {
            "vo_photoz": lambda coverage=coverage: MocFilter(coverage)(ra, dec),
            "mocpy": lambda moc=moc: moc.contains_lonlat(ra * u.deg, dec * u.deg),
        }
        report(alternate(methods, ROUNDS), per=points)


def main() -> None:
    warnings.simplefilter("ignore")
    numbers = [int(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        votables(numbers[0] if numbers else 60_000, Path(folder))
    filters(numbers[1] if len(numbers) > 1 else 5_000_000)


if __name__ == "__main__":
    main()
