"""A crossmatch in a process of its own, so that it can be killed; also: what a proxy saw of its jobs."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.servers.fault_proxy import Plan
from vo_photoz.tap.services.upload import _ROW

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = """
import sys
import numpy as np
from tests.servers.archive_query import archive_query
from vo_photoz.flow import Positions
from vo_photoz.tap.crossmatch import find_pairs
url, positions, text, chunk_rows = sys.argv[1:]
ra, dec = np.load(positions)
find_pairs(
    Positions(ra, dec, np.ones(len(ra), dtype=bool)), archive_query(open(text).read()), radius_arcsec=1.5,
    service=url, seconds=600, chunk_rows=int(chunk_rows) or None,
)
"""


def kill_when(
    url: str, folder: Path, positions: np.ndarray, text: str, chunk_rows: int, reached: Callable[[], bool]
) -> None:
    """Start the crossmatch and kill it (SIGKILL) as soon as something is reached."""
    np.save(folder / "positions.npy", positions)
    (folder / "query.adql").write_text(text)
    arguments = [url, str(folder / "positions.npy"), str(folder / "query.adql"), str(chunk_rows)]
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, *arguments], cwd=ROOT)
    end = time.monotonic() + 120
    while not reached() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    early = process.poll() is None
    process.kill()
    process.wait()
    assert early, "the crossmatch ended before it was killed"


def runs(plan: Plan) -> Counter[str]:
    """How often each job was told to run, as far as the archive heard of it."""
    return Counter(d.path.removesuffix("/phase") for d in list(plan.done) if d.path.endswith("/phase"))


def rows_run(plan: Plan) -> Counter[int]:
    """How often each row was in the upload of a job that ran."""
    ran = runs(plan)
    made = [
        d for d in list(plan.done) if d.method == "POST" and d.path.endswith("/async") and d.status == 303
    ]
    return Counter(row for d in made if ran[d.location] for row in _ids(d.sent))


def made(plan: Plan) -> set[str]:
    """Paths of all jobs that were made."""
    return {d.location for d in list(plan.done) if d.method == "POST" and d.path.endswith("/async")} - {""}


def count(plan: Plan, method: str, ending: str) -> int:
    """Requests of a kind that reached the archive."""
    return sum(d.method == method and d.path.endswith(ending) for d in list(plan.done))


def _ids(form: bytes) -> list[int]:
    stream = re.search(rb'<STREAM encoding="base64">(.*?)</STREAM>', form, re.DOTALL)
    assert stream is not None
    return np.frombuffer(base64.b64decode(stream[1]), dtype=_ROW)["id"].tolist()
