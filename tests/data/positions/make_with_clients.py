"""Writes the tables that genuine TOPCAT and Aladin, on a virtual display, make of our golden tables.

Run it as ``python -m tests.data.positions.make_with_clients`` from the root of the repository. It needs
what the tests in ``tests/clients`` need.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from astropy import units as u
from astropy.coordinates import FK5, ICRS, Galactic, SkyCoord
from astropy.table import Table

from tests.clients.aladin import Aladin
from tests.clients.desktop import Desktop, until
from tests.clients.hubs import Hub
from tests.clients.recorder import Recorder
from tests.clients.topcat import Topcat

HERE = Path(__file__).resolve().parent
HOURS = (u.hourangle, u.deg)
# From which table, what is written, its columns, their unit, and their frame as TOPCAT and Aladin tell it: in
# Aladin's documents the one COOSYS, to which no column refers, is always FK5.
JOBS = [
    ("sexagesimal-vizier.vot", "{}-sexagesimal.vot", ("RAJ2000", "DEJ2000"), HOURS, (FK5, FK5)),
    ("coosys-1.4-galactic.vot", "{}-galactic.vot", ("lon", "lat"), "deg", (Galactic, Galactic)),
    ("names.csv", "{}-names.vot", ("RA", "Dec"), "deg", (ICRS, FK5)),
]


def topcat_writes(topcat: Topcat) -> None:
    """TOPCAT loads each table and gives it back as the VOTable that it writes."""
    topcat.start(*(HERE / source for source, *_ in JOBS))
    for number, (_, name, *_) in enumerate(JOBS, 1):
        document = until(lambda number=number: topcat.document(number), 60, "a table of TOPCAT")
        (HERE / name.format("topcat")).write_bytes(document.replace(f"{HERE}/".encode(), b""))
    topcat.stop()


def aladin_writes(aladin: Aladin) -> None:
    """Aladin loads each table as a plane and exports it."""
    aladin.start()
    for source, name, *_ in JOBS:
        plane = aladin.load(HERE / source)
        path = HERE / name.format("aladin")
        aladin.script(f'export -votable "{plane}" {path}')
        until(lambda path=path: path.exists() and "</VOTABLE>" in path.read_text(), 60, "an export of Aladin")
        time.sleep(1)
    aladin.stop()


def expected() -> None:
    """Note what astropy makes of the values that were written."""
    path = HERE / "expected.json"
    known = json.loads(path.read_text())
    for number, program in enumerate(("topcat", "aladin")):
        for _, pattern, columns, unit, frames in JOBS:
            table = Table.read(HERE / pattern.format(program), format="votable")
            sky = SkyCoord(
                *(table[column].tolist() for column in columns), unit=unit, frame=frames[number]
            ).icrs
            known[pattern.format(program)] = {"ra": sky.ra.deg.tolist(), "dec": sky.dec.deg.tolist()}
    path.write_text(json.dumps(known, indent=0) + "\n")


def main() -> None:
    """Write everything."""
    with TemporaryDirectory() as folder, Desktop(Path(folder)) as desktop:
        hub = Hub(desktop, "pyvo")
        hub.start()
        recorder = Recorder(desktop.lockfile)
        topcat_writes(Topcat(desktop, recorder))
        aladin_writes(Aladin(desktop, recorder))
        recorder.leave()
        hub.stop()
    expected()


if __name__ == "__main__":
    main()
