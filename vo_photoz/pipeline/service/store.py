"""The durable store of the service's jobs: a SQLite file and a folder a job.

Every change of state is one transaction that names the state it starts from, so that a job can neither be
lost nor run twice, whenever the process ends.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vo_photoz.errors import JobError
from vo_photoz.pipeline.service.database import Database
from vo_photoz.pipeline.service.job import ACTIVE, Job, Offer, State, moment

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE service (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, name TEXT NOT NULL, format TEXT NOT NULL,
    n_rows INTEGER NOT NULL DEFAULT 0, ra REAL, dec REAL, error TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, updated REAL NOT NULL, delivered REAL,
    sender TEXT NOT NULL, sender_id TEXT NOT NULL, session TEXT NOT NULL, table_id TEXT NOT NULL,
    content_hash TEXT NOT NULL, options TEXT NOT NULL);
CREATE INDEX jobs_by_state ON jobs (state, created);
CREATE TABLE deliveries (
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE, recipient TEXT NOT NULL,
    table_id TEXT NOT NULL UNIQUE, outcome TEXT NOT NULL, PRIMARY KEY (job_id, recipient));
"""
SAME_WORK = f"""
WHERE sender = ? AND table_id = ? AND content_hash = ? AND content_hash != '' AND (
    updated > ? OR state IN ({", ".join(repr(str(state)) for state in ACTIVE)})
    OR (state = 'done' AND delivered IS NULL AND updated > ?)) ORDER BY created DESC LIMIT 1
"""
CLAIM = """
UPDATE jobs SET state = 'running', attempts = attempts + 1, updated = ?
WHERE id = (SELECT id FROM jobs WHERE state = 'queued' ORDER BY created LIMIT 1) RETURNING id
"""
BY_TABLE = """
WHERE state = 'done' AND (table_id = ? OR id IN (SELECT job_id FROM deliveries WHERE table_id = ?))
ORDER BY created DESC LIMIT 1
"""
MAX_ATTEMPTS = 3
LATE_SECONDS = 12 * 3600.0
"""So long after its end a result is still sent to a client of the sender's name that comes (back)."""

REDELIVERY_SECONDS = 2.0
"""A message that comes again within this time of its job's end is the same message, not a new wish."""


class JobStore:
    """Jobs in ``<data_dir>/jobs.sqlite``, their files in ``<data_dir>/jobs/<id>/``.

    Parameters
    ----------
    data_dir : Path
        Made when missing.

    Raises
    ------
    JobError
        Raised if the store cannot be opened or was written by a later version.
    """

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "jobs"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise JobError(f"The folder {self.folder} cannot be made: {error.strerror}.") from None
        self._db = Database(data_dir / "jobs.sqlite", SCHEMA, SCHEMA_VERSION)
        self.shown: tuple[str, int] | None = None
        """Job and row (from 0) that the user has clicked last in one of her programs."""
        self.close, self.wait, self.wake = self._db.close, self._db.wait, self._db.wake
        with self._db.change(quiet=True) as db:
            db.execute("INSERT OR IGNORE INTO service VALUES ('token', ?)", (secrets.token_urlsafe(24),))
        self.token = self._service_value("token")

    # Token and port are kept: the addresses of results stay the same when the service starts again.

    @property
    def port(self) -> int:
        """Port of the page, as used last; 0 when there was none."""
        return int(self._service_value("port") or 0)

    @port.setter
    def port(self, port: int) -> None:
        with self._db.change() as db:
            db.execute("INSERT OR REPLACE INTO service VALUES ('port', ?)", (str(port),))

    def _service_value(self, name: str) -> str:
        rows = self._db.rows("SELECT value FROM service WHERE name = ?", name)
        return str(rows[0]["value"]) if rows else ""

    # Reading

    def get(self, job_id: str) -> Job:
        """One job; `JobError` is raised if it is not known."""
        found = self._jobs("WHERE id = ?", job_id)
        if not found:
            raise JobError(f"There is no job {job_id}.", advice="It may be too old: send the table again.")
        return found[0]

    def list(self, limit: int = 200) -> Sequence[Job]:
        """The newest jobs, newest first."""
        return self._jobs("ORDER BY created DESC LIMIT ?", limit)

    def unchecked(self) -> Sequence[Job]:
        """Jobs whose table is on disk but was not checked before the service ended."""
        return self._jobs("WHERE state = 'received' ORDER BY created")

    def undelivered(self) -> Sequence[Job]:
        """Jobs whose result is not with everybody, and not too old to be sent, oldest first."""
        return self._jobs(
            "WHERE state = 'done' AND delivered IS NULL AND updated > ? ORDER BY created",
            time.time() - LATE_SECONDS,
        )

    def job_of_table(self, table_id: str) -> Job | None:
        """The finished job whose result, or whose input, has this identifier."""
        found = self._jobs(BY_TABLE, table_id, table_id)
        return found[0] if found else None

    def _jobs(self, rest: str, *values: Any) -> Sequence[Job]:
        rows = self._db.rows(f"SELECT * FROM jobs {rest}", *values)  # noqa: S608 - our own text
        port = self._service_value("port")
        return [self._job(row, port) for row in rows]

    def _job(self, row: sqlite3.Row, port: str) -> Job:
        fields = dict(row)
        fields |= {"state": State(row["state"]), "options": json.loads(row["options"])}
        fields |= {"created": moment(row["created"]), "updated": moment(row["updated"])}
        fields["delivered"] = moment(row["delivered"]) if row["delivered"] else None
        page = f"http://127.0.0.1:{port}/{self.token}/jobs/{row['id']}" if port else ""
        return Job(folder=self.folder / row["id"], page=page, **fields)

    # Coming in

    def incoming(self) -> Path:
        """A new folder for a table that is being fetched."""
        folder = self.folder / f".incoming-{uuid.uuid4().hex}"
        folder.mkdir(mode=0o700)
        return folder

    def add(self, offer: Offer, folder: Path) -> tuple[Job, bool]:
        """Take a fetched table into the store.

        Parameters
        ----------
        offer : Offer
            What is known of it.
        folder : Path
            Of `incoming`, with the table in it; becomes the folder of the job, or is removed.

        Returns
        -------
        job : Job
            The new job, or the one that already works on the same table of the same sender.
        new : bool
            False for the latter: the message was delivered twice.
        """
        job_id, now = uuid.uuid4().hex, time.time()
        known = (
            offer.sender,
            offer.table_id,
            offer.content_hash,
            now - REDELIVERY_SECONDS,
            now - LATE_SECONDS,
        )
        fields = {"id": job_id, "state": str(State.RECEIVED), "created": now, "updated": now, **vars(offer)}
        fields["options"] = json.dumps(offer.options)
        marks = ", ".join("?" * len(fields))
        with self._db.change() as db:
            same = self._jobs(SAME_WORK, *known)
            if not same:
                os.rename(folder, self.folder / job_id)
                insert = f"INSERT INTO jobs ({', '.join(fields)}) VALUES ({marks})"  # noqa: S608 - our own names
                db.execute(insert, tuple(fields.values()))
        if same:
            shutil.rmtree(folder, ignore_errors=True)
            return same[0], False
        return self.get(job_id), True

    def accept(
        self,
        job_id: str,
        *,
        n_rows: int,
        ra: float | None = None,
        dec: float | None = None,
        wait: bool = False,
    ) -> Job:
        """Put a checked table into the queue, or let it wait for the user's word."""
        after = State.WAITING if wait else State.QUEUED
        return self._move(job_id, (State.RECEIVED,), after, n_rows=n_rows, ra=ra, dec=dec)

    def confirm(self, job_id: str) -> Job:
        """Let a waiting job run; nothing changes when it does already."""
        job = self.get(job_id)
        return self._move(job_id, (State.WAITING,), State.QUEUED) if job.state == State.WAITING else job

    # Working

    def claim(self) -> Job | None:
        """The oldest queued job, now running; None when there is none."""
        with self._db.change(quiet=True) as db:
            row = db.execute(CLAIM, (time.time(),)).fetchone()
        return self.get(row["id"]) if row else None

    def finish(self, job_id: str) -> Job:
        """Say that the result is complete on disk; nobody has to get it when nobody sent the table."""
        job = self._move(job_id, (State.RUNNING,), State.DONE)
        return job if job.sender else self.set_delivered(job_id)

    def fail(self, job_id: str, error: str) -> Job:
        """Say why there will be no result."""
        return self._move(job_id, ACTIVE, State.FAILED, error=error)

    def give_back(self, job_id: str) -> Job:
        """Queue a running job again: it was stopped and did not fail."""
        return self._move(job_id, (State.RUNNING,), State.QUEUED, attempts=self.get(job_id).attempts - 1)

    def resume(self) -> None:
        """After a start: queue again what was running, give up what ended the service too often, tidy up."""
        reason = f"The service ended {MAX_ATTEMPTS} times while it worked on this table."
        too_often = "UPDATE jobs SET state = 'failed', error = ? WHERE state = 'running' AND attempts >= ?"
        with self._db.change() as db:
            db.execute(too_often, (reason, MAX_ATTEMPTS))
            db.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'")
        known = {row["id"] for row in self._db.rows("SELECT id FROM jobs")}
        for folder in self.folder.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def expire(self, days: float) -> int:
        """Forget jobs that ended more than ``days`` ago, with their files; the number of them."""
        old = "DELETE FROM jobs WHERE state IN ('done', 'failed') AND updated < ? RETURNING id"
        with self._db.change(quiet=True) as db:
            rows = db.execute(old, (time.time() - days * 86400,)).fetchall()
        for row in rows:
            shutil.rmtree(self.folder / row["id"], ignore_errors=True)
        return len(rows)

    def _move(self, job_id: str, before: tuple[State, ...], after: State, **fields: Any) -> Job:
        """Change the state of a job if it is one of ``before``."""
        fields |= {"state": str(after), "updated": time.time()}
        names = ", ".join(f"{name} = ?" for name in fields)
        marks = ", ".join("?" * len(before))
        update = f"UPDATE jobs SET {names} WHERE id = ? AND state IN ({marks})"  # noqa: S608 - our own names
        with self._db.change() as db:
            moved = db.execute(update, (*fields.values(), job_id, *map(str, before))).rowcount
        job = self.get(job_id)
        if not moved:
            raise JobError(f"The job {job_id} is {job.state} and cannot become {after}.")
        return job

    # Going out

    def delivery(self, job_id: str, recipient: str, *, renew: bool = False) -> tuple[str, str]:
        """Identifier under which a result goes to a recipient, and the outcome (empty while it is open).

        The identifier is kept before it is used: a client refuses a table whose identifier it knows, so that
        a result sent again after a sudden end does not arrive twice.
        """
        where, key = "WHERE job_id = ? AND recipient = ?", (job_id, recipient)
        with self._db.change(quiet=True) as db:
            if renew:
                db.execute(f"DELETE FROM deliveries {where}", key)  # noqa: S608 - our own text
            new = (*key, f"vo_photoz:{uuid.uuid4()}", "")
            db.execute("INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?, ?)", new)
            row = db.execute(f"SELECT * FROM deliveries {where}", key).fetchone()  # noqa: S608
        return str(row["table_id"]), str(row["outcome"])

    def set_outcome(self, job_id: str, recipient: str, outcome: str) -> None:
        """Keep what became of a delivery."""
        update = "UPDATE deliveries SET outcome = ? WHERE job_id = ? AND recipient = ?"
        with self._db.change(quiet=True) as db:
            db.execute(update, (outcome, job_id, recipient))

    def set_delivered(self, job_id: str) -> Job:
        """Say that everybody who should have the result has it."""
        now = time.time()
        with self._db.change(quiet=True) as db:
            db.execute("UPDATE jobs SET delivered = ?, updated = ? WHERE id = ?", (now, now, job_id))
        return self.get(job_id)
