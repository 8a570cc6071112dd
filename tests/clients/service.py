"""The running ``vo-photoz serve``, as a user starts it, and what is in its store."""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.clients.desktop import Desktop, until
from tests.clients.recorder import Recorder

PROGRAM = Path(sys.executable).parent / "vo-photoz"
NAME = "vo_photoz"


@dataclass(frozen=True)
class StoredJob:
    """One line of the store."""

    id: str
    state: str
    attempts: int
    delivered: bool
    table_id: str
    error: str


class Service:
    """The service on a desktop, over the sandbox sky.

    Parameters
    ----------
    desktop : Desktop
        Where it runs.
    sky : Path
        Folder of the sandbox.
    data : Path
        Where its store is.
    hub : {"auto", "start", "none"}
        As the option.
    """

    name = "service"

    def __init__(self, desktop: Desktop, sky: Path, data: Path, hub: str = "auto") -> None:
        self.desktop, self.data = desktop, data
        self.command = [
            str(PROGRAM),
            "serve",
            "--survey",
            str(sky / "survey.toml"),
            "--model",
            "sdss-quasars",
        ]
        self.command += ["--crossmatch", str(sky / "spectra.vot"), "--hub", hub]

    def start(self, recorder: Recorder) -> None:
        """Start it and wait until it is at the hub."""
        recorder.dismiss(NAME)
        self.launch()
        until(lambda: self._is_alive() and recorder.clients(NAME), 90, "the service at the hub")
        recorder.wait_client(NAME)

    def launch(self) -> None:
        """Start it without waiting: the hub may be its own."""
        self.desktop.start(self.name, self.command, {"VO_PHOTOZ_DATA_DIR": str(self.data)})

    def _is_alive(self) -> bool:
        assert self.desktop.runs(self.name), self.desktop.log(self.name)
        return True

    def kill(self) -> None:
        """End it and its worker at once, as a crash does."""
        self.desktop.end(self.name, signal.SIGKILL)

    def stop(self) -> None:
        """End it in the orderly way."""
        self.desktop.end(self.name)

    def jobs(self) -> list[StoredJob]:
        """All jobs of its store, oldest first."""
        path = self.data / "jobs.sqlite"
        if not path.exists():
            return []
        query = (
            "SELECT id, state, attempts, delivered IS NOT NULL, table_id, error FROM jobs ORDER BY created"
        )
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return [StoredJob(*row[:3], bool(row[3]), *row[4:]) for row in db.execute(query)]

    def result(self, job_id: str) -> Path:
        """The VOTable that it wrote for a job."""
        return self.data / "jobs" / job_id / "result.vot"

    def wait_job(self, table_id: str, *states: str, seconds: float = 120) -> StoredJob:
        """Wait until the newest job of a table is in one of these states."""

        def found() -> StoredJob | None:
            mine = [job for job in self.jobs() if job.table_id == table_id]
            assert not mine or not mine[-1].error, mine[-1]
            return mine[-1] if mine and mine[-1].state in states else None

        return until(found, seconds, f"job of {table_id} {' or '.join(states)}")

    def wait_delivered(self, seconds: float = 120) -> list[StoredJob]:
        """Wait until every job has ended and its result is with everybody."""

        def ended() -> bool:
            jobs = self.jobs()
            return bool(jobs) and all(job.state == "failed" or job.delivered for job in jobs)

        until(ended, seconds, "delivery of all results")
        return self.jobs()
