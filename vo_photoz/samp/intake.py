"""Tables that come in: fetched at once, since the sender's file or port may vanish, then looked at."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vo_photoz.errors import JobError, PhotozError, TableError, UsageError
from vo_photoz.pipeline.service.job import Job, Offer, State, input_path
from vo_photoz.pipeline.service.store import JobStore
from vo_photoz.samp.messages import TableSent, is_one_of_us, is_our_table
from vo_photoz.settings import Settings

if TYPE_CHECKING:
    from vo_photoz.flow import Positions

log = logging.getLogger(__name__)

OURS = "This table is a result of vo_photoz and is not processed again."
PREDICT_IT = "Use `vo-photoz predict` to process it all the same."


@dataclass(frozen=True)
class Sender:
    """Who sent a table: its identifier at a run of a hub, and how it presents itself."""

    id: str
    hub: str
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its samp.name, else its identifier: a result goes only to somebody who is called something."""
        return str(self.metadata.get("samp.name") or self.id)


class Intake:
    """Takes tables into the store.

    Parameters
    ----------
    store : JobStore
        Where jobs are kept.
    settings : Settings
        Limits of fetching, and above how many rows a table waits for the user's word.
    options : dict
        What the predictions are asked for, kept with each job.
    """

    def __init__(self, store: JobStore, settings: Settings, options: dict[str, Any]) -> None:
        self._store = store
        self._settings = settings
        self._options = options

    def take(self, table: TableSent, sender: Sender) -> Job:
        """Fetch and check a table; a job for it then waits in the store.

        Raises
        ------
        UsageError
            Raised if the table is a product of ours, or its address is of a kind that is not fetched.
        ServiceError
            Raised if it cannot be fetched.
        TableError
            Raised if it cannot be read, or has no rows or no (or several) positions.
        """
        if is_our_table(table.table_id) or is_one_of_us(sender.metadata):
            raise UsageError(OURS, advice=PREDICT_IT)
        folder = self._store.incoming()
        path = input_path(folder, table.format)
        try:
            self._fetch(table.url, path)
        except PhotozError as error:
            job, _ = self._store.add(self._offer(table, sender, ""), folder)
            self._store.fail(job.id, str(error))
            raise
        job, new = self._store.add(self._offer(table, sender, content_hash(path)), folder)
        if new:
            return self.check(job)
        log.info("the table %s of %s was delivered twice", job.name, job.sender)
        if job.state == State.FAILED:
            raise JobError(job.error)
        return job

    def check(self, job: Job) -> Job:
        """Look at a table on disk and put its job into the queue; raises as `take` does."""
        try:
            positions = look_at(job.input, job.format)
        except PhotozError as error:
            self._store.fail(job.id, str(error))
            raise
        ra, dec = middle(positions)
        wait = len(positions) > self._settings.confirm_rows
        return self._store.accept(job.id, n_rows=len(positions), ra=ra, dec=dec, wait=wait)

    def _fetch(self, url: str, path: Path) -> None:
        from vo_photoz.http import Policy, download  # noqa: PLC0415 - not before the first table

        limits = self._settings
        download(
            url,
            path,
            seconds=limits.fetch_seconds,
            max_bytes=limits.fetch_max_bytes,
            policy=Policy.SENT,
        )

    def _offer(self, table: TableSent, sender: Sender, content: str) -> Offer:
        return Offer(
            name=table.name,
            format=table.format,
            sender=sender.name,
            sender_id=sender.id,
            session=sender.hub,
            table_id=table.table_id,
            content_hash=content,
            options=self._options,
        )


def look_at(path: Path, format: str) -> Positions:
    """Positions of a table that somebody sent.

    Raises
    ------
    UsageError
        Raised if it is a product of ours.
    TableError
        Raised if it cannot be read, or has no rows or no (or several) positions.
    """
    from vo_photoz.tables.positions import find_positions  # noqa: PLC0415 - not before the first table
    from vo_photoz.tables.read import read_table  # noqa: PLC0415

    try:
        table = read_table(path, format=format)
        if table.job:
            raise UsageError(OURS, advice=PREDICT_IT)
        if not table.n_rows:
            raise TableError("The table has no rows.", advice="Send a table with at least one source.")
        positions = find_positions(table)
    except PhotozError:
        raise
    except Exception as error:
        log.exception("the table %s could not be read", path)
        raise TableError(f"The table cannot be read ({type(error).__name__}: {error}).") from error
    if not positions.valid.any():
        raise TableError("No row of the table has a position.", advice="Check its columns of coordinates.")
    return positions


def middle(positions: Positions) -> tuple[float | None, float | None]:
    """Where to look to see the sources: the direction of the mean of their unit vectors, degrees."""
    import numpy as np  # noqa: PLC0415 - not before the first table

    ra, dec = (np.radians(angle[positions.valid]) for angle in (positions.ra, positions.dec))
    x, y, z = (np.cos(dec) * np.cos(ra)).mean(), (np.cos(dec) * np.sin(ra)).mean(), np.sin(dec).mean()
    if np.hypot(np.hypot(x, y), z) < 1e-6:  # all over the sky: there is no middle
        return None, None
    return float(np.degrees(np.arctan2(y, x)) % 360), float(np.degrees(np.arctan2(z, np.hypot(x, y))))


def content_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
