"""A CSV of 5,000,000 rows: rows inside a coverage map, matched within 1 arcsec with 200,000 others.

usage: big_tables.py [ROWS=5000000] [FOLDER]

Each program is a process of its own, its start included: ``vo-photoz crossmatch``, a script with astropy and
mocpy, STILTS, and Aladin, which is shown the whole file with the memory that Debian gives it (1024 MB).
Without a folder the files are made anew and removed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from mocpy import MOC
from pyarrow import csv

# A small process starts the command: a large one would pass its own peak on.
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.STDOUT)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""
ALADIN = Path("/usr/share/java/aladin.jar")
ASTROPY = """
import sys
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table, hstack
from mocpy import MOC
big, small, moc, out = sys.argv[1:]
table = Table.read(big, format="ascii.fast_csv")
table = table[MOC.load(moc, "fits").contains_lonlat(table["ra"] * u.deg, table["dec"] * u.deg)]
other = Table.read(small, format="ascii.fast_csv")
sky = [SkyCoord(t[a], t[d], unit="deg") for t, a, d in ((table, "ra", "dec"), (other, "ra2", "dec2"))]
nearest, separation, _ = sky[0].match_to_catalog_sky(sky[1])
table["separation"] = separation.arcsec
near = separation < 1 * u.arcsec
hstack([table, other[nearest]]).write(out, format="votable", tabledata_format="binary2", overwrite=True)
print(f"{len(table)} rows inside, {near.sum()} matched")
"""


def make(folder: Path, rows: int) -> tuple[Path, Path, Path]:
    """Sources, others next to some of them, and a map of 60 cones."""
    big, small, area = folder / "big.csv", folder / "small.csv", folder / "area.fits"
    if area.exists():
        return big, small, area
    rng = np.random.default_rng(3)
    ra = np.round(rng.uniform(120, 260, rows), 7)
    dec = np.round(np.degrees(np.arcsin(rng.uniform(-0.0349, 0.866, rows))), 7)
    table = {"ra": ra, "dec": dec, "z": np.round(rng.random(rows), 5)}
    table |= {f"mag{k}": np.round(rng.uniform(14, 22, rows), 4) for k in range(10)}
    table["class"] = np.array(["GALAXY", "STAR", "QSO"])[rng.integers(0, 3, rows)]
    csv.write_csv(pa.table(table), big, csv.WriteOptions(quoting_style="none"))
    cones = Longitude(rng.uniform(130, 250, 60), u.deg), Latitude(rng.uniform(2, 55, 60), u.deg)
    moc = MOC.from_cones(*cones, radius=0.9 * u.deg, max_depth=11, union_strategy="large_cones")
    inside = np.flatnonzero(moc.contains_lonlat(ra * u.deg, dec * u.deg))
    n = rows // 25
    pick = np.r_[rng.choice(inside, min(len(inside) // 2, n // 4), replace=False)]
    pick = np.r_[pick, rng.integers(0, rows, n - len(pick))]
    noise = rng.normal(0, 0.2 / 3600, (2, n))
    others = {"ra2": ra[pick] + noise[0] / np.cos(np.radians(dec[pick])), "dec2": dec[pick] + noise[1]}
    csv.write_csv(pa.table(others | {"id2": np.arange(n)}), small, csv.WriteOptions(quoting_style="none"))
    moc.save(area, format="fits", v1_compatible=True)  # Debian's STILTS reads a MOC 2 as an empty one
    return big, small, area


def run(name: str, *commands: list[str], show: int = 1) -> float:
    """Seconds of the commands together; the peak of their memory and their last lines are printed."""
    start, peak, last = time.perf_counter(), 0.0, ""
    for command in commands:
        wrapped = [sys.executable, "-S", "-c", MEASURED, *command]
        done = subprocess.run(wrapped, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        peak = max(peak, float(lines.pop()))
        last = " | ".join(lines[-show:]) + (f" (exit code {done.returncode})" if done.returncode else "")
    seconds = time.perf_counter() - start
    print(f"{name:32s} {seconds:7.1f} s {peak:7.0f} MB  {last}", flush=True)
    return seconds


def stilts(big: Path, small: Path, area: Path, folder: Path) -> None:
    middle, out = folder / "middle.fits", folder / "stilts.fits"
    select = f'select "inMoc(\\"{area}\\",ra,dec)"'
    run(
        "stilts -Xmx512m",
        ["stilts", "-Xmx512m", "tpipe", f"in={big}", "ifmt=csv", f"cmd={select}", f"out={middle}"],
        ["stilts", "-Xmx512m", "tskymatch2", f"in1={middle}", f"in2={small}", "ifmt2=csv", "ra1=ra",
         "dec1=dec", "ra2=ra2", "dec2=dec2", "error=1", "find=best1", "join=1and2", f"out={out}"],
        ["stilts", "tpipe", f"in={out}", "omode=count"],
    )  # fmt: skip


def aladin(big: Path) -> None:
    """Shown the file by a script; the answer is what it prints before it ends or is ended."""
    script = f"get Local({big}); sync; status; quit"
    command = [
        "timeout",
        "120",
        "java",
        "-Xmx1024m",
        "-jar",
        str(ALADIN),
        "-nogui",
        "-noreleasetest",
        "-local",
    ]
    if shutil.which("xvfb-run"):
        command = ["xvfb-run", "-a", *command]
    run("Aladin -Xmx1024m, loading alone", [*command, f"-script={script}"], show=4)


def compare(folder: Path, rows: int) -> None:
    big, small, area = make(folder, rows)
    print(f"{rows} rows, {big.stat().st_size / 1e6:.0f} MB")
    names = ["vo-photoz crossmatch", "astropy, mocpy"]
    commands = [
        [str(Path(sys.executable).with_name("vo-photoz")), "crossmatch", str(big), "--with", str(small),
         "--radius", "1", "--coverage", str(area), "--rows", "covered", "-o", str(folder / "ours.vot")],
        [sys.executable, "-W", "ignore", "-c", ASTROPY, *map(str, (big, small, area, folder / "theirs.vot"))],
    ]  # fmt: skip
    seconds = [[run(name, command) for name, command in zip(names, commands, strict=True)] for _ in range(2)]
    ours, theirs = (min(times) for times in zip(*seconds, strict=True))
    print(f"the best of 2: {theirs / ours:.2f} x astropy")
    if shutil.which("stilts"):
        stilts(big, small, area, folder)
    if ALADIN.exists():
        aladin(big)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    if len(sys.argv) > 2:
        compare(Path(sys.argv[2]), rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), rows)


if __name__ == "__main__":
    main()
