"""A table that made another client run out of memory: five million sources as CSV, inside a map, matched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from mocpy import MOC
from pyarrow import csv

from vo_photoz.tables.read import read_table


def make(folder: Path, rows: int) -> tuple[Path, Path, Path, np.ndarray]:
    """Sources, a partner for every tenth, a map, and which sources it covers."""
    folder.mkdir()
    rng = np.random.default_rng(4)
    ra, dec = np.round(rng.uniform(120, 260, rows), 7), np.round(rng.uniform(-2, 60, rows), 7)
    table = {"ra": ra, "dec": dec} | {f"mag{k}": np.round(rng.uniform(14, 22, rows), 4) for k in range(10)}
    table["class"] = np.array(["GALAXY", "STAR", "QSO"])[rng.integers(0, 3, rows)]
    csv.write_csv(pa.table(table), folder / "big.csv", csv.WriteOptions(quoting_style="none"))
    few = np.arange(0, rows, max(10, rows // 200_000))
    partners = {"ra": ra[few], "dec": dec[few] + 0.2 / 3600, "row": few}
    csv.write_csv(pa.table(partners), folder / "partners.csv")
    cones = Longitude(rng.uniform(130, 250, 20), u.deg), Latitude(rng.uniform(2, 55, 20), u.deg)
    moc = MOC.from_cones(*cones, radius=2 * u.deg, max_depth=11, union_strategy="large_cones")
    moc.save(folder / "area.fits", format="fits", overwrite=True)
    inside = moc.contains_lonlat(Longitude(ra, u.deg), Latitude(dec, u.deg))
    return folder / "big.csv", folder / "partners.csv", folder / "area.fits", inside


MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss / 1024 if not status else "failed")
"""


def peak_mb(command: list[str]) -> float:
    """Peak memory of a command. A small process starts it: a large one would pass its own peak on."""
    wrapped = [sys.executable, "-S", "-c", MEASURED, *command]
    done = subprocess.run(wrapped, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return float(done.stdout)


def nearest(ra, dec, other_ra, other_dec) -> tuple[np.ndarray, np.ndarray]:
    """The nearest partner of each source, and how far it is, arcsec: by astropy."""
    here, there = SkyCoord(ra, dec, unit="deg"), SkyCoord(other_ra, other_dec, unit="deg")
    near, separation, _ = here.match_to_catalog_sky(there)
    return near, separation.arcsec


def crossmatch(folder: Path, rows: int) -> float:
    """Peak memory of the command; the result is checked row by row."""
    big, partners, area, inside = make(folder, rows)
    output = folder / "out.vot"
    command = [
        sys.executable,
        "-m",
        "vo_photoz",
        "crossmatch",
        str(big),
        "--with",
        str(partners),
        "--radius",
        "1",
    ]
    command += ["--coverage", str(area), "--rows", "covered", "-o", str(output), "--quiet"]
    peak = peak_mb(command)
    found = read_table(output)
    source = csv.read_csv(big).filter(pa.array(inside))
    for name in ("ra", "dec", "mag9", "class"):
        assert found.values(name).tolist() == source[name].to_pylist()
    others = csv.read_csv(partners)
    near, separation = nearest(found.values("ra"), found.values("dec"), others["ra"], others["dec"])
    row = others["row"].to_numpy()[near]
    expected = [int(one) if close else None for one, close in zip(row, separation < 1, strict=True)]
    assert sum(separation < 1) >= sum(np.flatnonzero(inside) % max(10, rows // 200_000) == 0)
    assert found.values("partners_row").tolist() == expected
    return peak


def test_five_million_rows_in_bounded_memory(tmp_path: Path) -> None:
    """Ten times as many rows take hardly more memory; the full number runs in `make soak`."""
    few, many = crossmatch(tmp_path / "few", 50_000), crossmatch(tmp_path / "many", 500_000)
    assert many - few < 100
    assert many < 600


@pytest.mark.soak
def test_five_million_rows(tmp_path: Path) -> None:
    assert crossmatch(tmp_path / "all", 5_000_000) < 600
