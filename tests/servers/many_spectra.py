"""A table of 500,000 rows on the test archive, for long runs only; made as `dachs` makes the small one."""

from __future__ import annotations

import fcntl
import os
import pwd
from pathlib import Path

from . import dachs
from .archive_query import TEXT
from .spectra import Spectra, spectra, write_csv

ROWS = 500_000
SCHEMA = "vo_photoz_many"
QUERY = TEXT.replace("vo_photoz_tests.spectra", f"{SCHEMA}.spectra")
INPUTS = Path("/var/gavo/inputs") / SCHEMA


def install() -> Spectra:
    """Make and fill the table on a DaCHS that was started, unless it is there; return its rows."""
    rows = spectra(ROWS)
    with (dachs.WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (INPUTS / "stamp").is_file():
            _make(rows)
    return rows


def _make(rows: Spectra) -> None:
    INPUTS.mkdir(exist_ok=True)
    text = (dachs.HERE / "spectra.rd").read_text()
    (INPUTS / "q.rd").write_text(text.replace("vo_photoz_tests", SCHEMA))
    write_csv(rows, INPUTS / "spectra.csv")
    owner = pwd.getpwnam("dachsroot")
    for path in (INPUTS, *INPUTS.iterdir()):
        os.chown(path, owner.pw_uid, owner.pw_gid)
        path.chmod(0o755 if path.is_dir() else 0o644)
    dachs.must(dachs.dachs("imp", f"{SCHEMA}/q", "create"), user="dachsroot")
    dachs.sql(f"COPY {SCHEMA}.spectra FROM '{INPUTS / 'spectra.csv'}' WITH (FORMAT csv)", "gavo")
    dachs.sql(f"ANALYZE {SCHEMA}.spectra", "gavo")
    (INPUTS / "stamp").write_text(str(ROWS))
