"""What the pages need of the job store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

WAITING, DONE = "waiting", "done"
ACTIVE = frozenset({"queued", "running"})


class Job(Protocol):
    """A job as the pages see it."""

    @property
    def id(self) -> str:
        """Identifier, part of its address."""

    @property
    def state(self) -> str:
        """One word: waiting, queued, running, done, failed."""

    @property
    def name(self) -> str:
        """Name of the table as its sender gave it; never trusted."""

    @property
    def n_rows(self) -> int:
        """Rows of the table."""

    @property
    def folder(self) -> Path:
        """Where its files are."""

    @property
    def error(self) -> str:
        """Empty, or why it failed."""

    @property
    def created(self) -> datetime:
        """When it came."""


class JobStore(Protocol):
    """A store of jobs; unknown jobs raise `JobError`."""

    def get(self, job_id: str) -> Job:
        """One job."""

    def list(self, limit: int) -> Sequence[Job]:
        """The newest jobs, newest first."""

    def confirm(self, job_id: str) -> object:
        """Let a waiting job run."""
