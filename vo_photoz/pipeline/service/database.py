"""A SQLite file shared by the threads of one process: short transactions, and news of changes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vo_photoz.errors import JobError


class Database:
    """One connection behind a lock.

    Parameters
    ----------
    path : Path
        The file; made when missing.
    schema : str
        SQL that makes the tables.
    version : int
        Of the schema; a file of a later one is refused.

    Raises
    ------
    JobError
        Raised by every method if the file cannot be used.
    """

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._news = threading.Condition()
        self._changes = 0
        with self._told():
            path.touch(mode=0o600)  # it holds the token of the page; SQLite's other files follow its mode
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "foreign_keys = ON", "busy_timeout = 5000"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._make_tables(schema, version)

    def _make_tables(self, schema: str, version: int) -> None:
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found > version:
            raise JobError(
                f"{self._path} was written by a later version.", advice="Update vo_photoz, or move it away."
            )
        if found == 0:
            self._connection.executescript(f"BEGIN;{schema}PRAGMA user_version = {version};COMMIT;")

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock, self._told():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def change(self, *, quiet: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction; wakes those who `wait` unless ``quiet``."""
        with self._lock, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        if not quiet:
            self.wake()

    def wait(self, seen: int, seconds: float) -> int:
        """Wait until something has changed since ``seen`` (of an earlier call), or the time is over."""
        with self._news:
            self._news.wait_for(lambda: self._changes != seen, seconds)
            return self._changes

    def wake(self) -> None:
        """Wake everybody who waits."""
        with self._news:
            self._changes += 1
            self._news.notify_all()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JobError(
                f"The job store {self._path} cannot be used: {error}.",
                advice="Check the disk, or set data_dir to another folder.",
            ) from error
