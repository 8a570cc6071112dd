"""Hostile files of every format: one clear sentence, in bounded memory and time, measured from outside.

A process of its own reads them under a limit of memory (`tests.limits`), as whole tables and in batches.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile_files import FORMATS

ROOT = Path(__file__).resolve().parents[2]
WAS_HERE = Path("/tmp/vo_photoz-was-here")
"""What hostile files would leave if they were obeyed."""

SECONDS = 5
WHOLE_MB, BATCH_MB = 700, 450
"""Memory that a whole table and one read in batches may take; packed files may unpack to 256 MB."""

READ = {"huge string.csv"}
"""Harmless after all: they are read."""

SENTENCES = {
    "votable": {
        "billion laughs|quadratic|external|parameter entity": "declares XML entities",
        "declared rows|declared binary rows": "is not complete: it declares 1000000000 rows, but holds [12]",
        "long array|negative array": "end inside a row",
        "huge array": "longer than 1073741824 bytes",
        "huge array of text": "3 values instead of 999999999",
        "base64.*": "cannot be decoded",
        "NUL.*": "is not well-formed XML",
        "a million columns": "more than 20000 are not read",
        "deep": "nests more than 200",
        "encoding": "Save it as UTF-8",
        "endless tag": "a tag or comment longer than",
        "packed and cut|packed with a wrong sum|packed, no gzip": "is cut off or damaged",
        "packed.*": "unpacks from [0-9]+ bytes to more than 268435456",
    },
    "fits": {
        "declared rows|huge heap|cut": "is cut off: its table has",
        "declared width|huge string": "its columns take [0-9]+ of the [0-9]+ bytes of a row",
        "heap.*": "lies outside its heap",
        "million fields": "declares 1000000 columns; FITS allows 999",
        "packed.*": "unpacks from",
        ".*": "FITS",
    },
    "csv": {
        "NUL|random": "binary data",
        "NUL far inside": "holds NUL bytes",
        "ragged": "Expected 3 columns, got 2",
        "open quote": "a quoted cell of its last row never ends",
        "a million columns|one line": "more than 20000 are not read",
        "packed rows": "unpacks from",
        "packed line": "unpacks from|cannot be read as CSV",
        "packed and cut": "is cut off or damaged",
    },
    "ecsv": {
        ".* bomb": "aliases multiply",
        "a million columns": "header of more than",
        "packed rows": "unpacks from",
        ".*": "cannot be read as ECSV",
    },
    "parquet": {
        "declared rows": "holds 3000000 rows of 100 columns in",
        "entity bomb": "declares XML entities",
        "structures": "which a table of the VO cannot hold",
        "many columns": "more than 20000 are not read",
        "cut in front": "binary data",
        ".*": "cannot be read as Parquet",
    },
}


@pytest.mark.parametrize("kind", FORMATS)
def test_hostile_files_are_told_in_bounded_memory_and_time(kind: str, tmp_path: Path) -> None:
    make, ending = FORMATS[kind]
    cases = make()
    for name, raw in cases.items():
        (tmp_path / f"{name}{ending}").write_bytes(raw)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.limits", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    reports = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(reports) == 2 * len(cases)
    wrong = [problem for report in reports if (problem := _problem(report, kind))]
    assert not wrong, "\n".join(wrong)
    assert not WAS_HERE.exists()


def _problem(report: dict, kind: str) -> str:
    """What is wrong with how a file was told; empty where nothing is."""
    name, told = report["name"].rsplit(".", 1)[0], report["told"]
    wanted = next((text for case, text in SENTENCES[kind].items() if re.fullmatch(case, name)), "rows")
    limit = BATCH_MB if report["batches"] else WHOLE_MB
    faults = [
        report["name"] not in READ and not told.startswith("TableError: ") and "not one sentence",
        not re.search("rows 1001" if report["name"] in READ else wanted, told) and f"not '{wanted}'",
        ("\n" in told or not told.isascii() or len(told) > 500) and "not one clear line",
        report["mb"] > limit and f"{report['mb']:.0f} MB",
        report["seconds"] > SECONDS and f"{report['seconds']:.1f} s",
    ]
    found = [fault for fault in faults if fault]
    return f"{report['name']} (batches: {report['batches']}): {', '.join(found)}: {told}" if found else ""
