"""A job of the service: one table that came in, and what became of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class State(StrEnum):
    """Where a job stands. Whether its result has been delivered is told by `Job.delivered`."""

    RECEIVED = "received"  # on disk, not yet checked
    WAITING = "waiting"  # for the user's word, since it is large
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


ACTIVE = (State.RECEIVED, State.WAITING, State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class Offer:
    """A table that came in, as it is put into the store.

    Parameters
    ----------
    name : str
        What the sender calls the table.
    format : {"votable", "fits"}
        As the sender declares it.
    sender, sender_id, session : str
        Name of the sending client, its identifier, and the connection to the hub in which that identifier
        holds; empty when nobody waits for the result.
    table_id : str
        The sender's identifier of the table; may be empty.
    content_hash : str
        SHA-256 of the file; empty when it could not be fetched.
    options : dict
        What the prediction is asked for (survey, model, ...), as JSON can hold it.
    """

    name: str
    format: str = "votable"
    sender: str = ""
    sender_id: str = ""
    session: str = ""
    table_id: str = ""
    content_hash: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A job as the store knows it at one moment.

    Parameters
    ----------
    id : str
        Unguessable; part of the addresses of its pages.
    state : State
        Where it stands.
    folder : Path
        Where its files are: the table as it came (`input`), ``result.vot``, ``stamps.npy``, ``pdf.npz``.
    page : str
        Address of its page, without a slash at the end; empty while no page is served.
    n_rows : int
        Rows of the table; 0 when it could not be read.
    ra, dec : float or None
        Middle of its positions, degrees.
    error : str
        Empty, or why it failed.
    attempts : int
        How often a prediction was started.
    created, updated : datetime
        UTC.
    delivered : datetime or None
        When the result had gone to everybody who should have it.
    name, format, sender, sender_id, session, table_id, content_hash, options
        As in `Offer`.
    """

    id: str
    state: State
    folder: Path
    page: str
    name: str
    format: str
    n_rows: int
    ra: float | None
    dec: float | None
    error: str
    attempts: int
    created: datetime
    updated: datetime
    delivered: datetime | None
    sender: str
    sender_id: str
    session: str
    table_id: str
    content_hash: str
    options: dict[str, Any]

    @property
    def input(self) -> Path:
        """The table as it came."""
        return input_path(self.folder, self.format)

    @property
    def result(self) -> Path:
        """The table that goes back."""
        return self.folder / "result.vot"

    def row_page(self, row: int) -> str:
        """Address of the p(z) page of a row, counted from 0."""
        return f"{self.page}/rows/{row}"

    def to_json(self) -> str:
        """One line that `from_json` reads in another process."""
        return json.dumps(asdict(self), default=_plain)

    @classmethod
    def from_json(cls, line: str) -> Job:
        """Undo `to_json`."""
        fields = json.loads(line)
        fields |= {"state": State(fields["state"]), "folder": Path(fields["folder"])}
        for name in ("created", "updated", "delivered"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        return cls(**fields)


def input_path(folder: Path, format: str) -> Path:
    """Where the table that came in lies in the folder of its job."""
    return folder / ("input.fits" if format == "fits" else "input.vot")


def moment(seconds: float) -> datetime:
    """UTC time of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
