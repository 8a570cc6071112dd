"""What is on its way between here and an archive, on disk: a killed run finds its jobs and answers again."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from vo_photoz.settings import defaults
from vo_photoz.tap.services.answer import Answer

STALE_SECONDS = 7 * 86400.0
"""Archives destroy jobs after some days; what is older than this is of no use."""
_TRIES = 16


@dataclass(frozen=True)
class Piece:
    """Rows ``start`` to ``stop`` (not included) of those that are sent."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class JobNote:
    """A job that was made, or was about to be.

    Parameters
    ----------
    mark : str
        The RUNID it has, or would have.
    maxrec : int
        The MAXREC it has, or would have.
    url : str
        Its address; empty as long as the service has not told it.
    """

    mark: str
    maxrec: int
    url: str = ""


class Journal:
    """Jobs and answers of one run, a file each; without a folder nothing is kept.

    Parameters
    ----------
    folder : Path or None
        As `Journals.open` makes it.
    lock : file or None
        Held as long as the run lives.
    problem : str
        Why nothing is kept.

    Notes
    -----
    ``A-B.job`` is the note of the job for the rows A to B, ``A-B.vot`` their answer as the archive sent it.
    Both appear whole or not at all. A disk that is full costs the journal, not the run.
    """

    def __init__(self, folder: Path | None, lock: TextIO | None = None, problem: str = "") -> None:
        self.folder = folder
        self.problem = problem
        self._file = lock
        self._lock = threading.Lock()
        found = [] if folder is None else list(folder.glob("*.job"))
        self._notes = {piece: note for path in found if (piece := _piece(path)) and (note := _note(path))}

    def notes(self) -> dict[Piece, JobNote]:
        """Jobs that were made or about to be made, and not yet deleted."""
        with self._lock:
            return dict(self._notes)

    def note(self, piece: Piece) -> JobNote | None:
        """Job of these very rows."""
        with self._lock:
            return self._notes.get(piece)

    def write_note(self, piece: Piece, note: JobNote) -> None:
        """Keep a note, on disk before anything else happens."""
        with self._lock:
            self._notes[piece] = note
        self._write(_name(piece, "job"), json.dumps(asdict(note)).encode())

    def forget(self, piece: Piece) -> None:
        """The job is deleted, or is none."""
        with self._lock:
            self._notes.pop(piece, None)
        self._remove(_name(piece, "job"))

    def answers(self) -> list[Piece]:
        """Rows whose answers are here, in order."""
        if self.folder is None:
            return []
        found = [piece for path in self.folder.glob("*.vot") if (piece := _piece(path))]
        return sorted(found, key=lambda piece: piece.start)

    def answer(self, piece: Piece) -> bytes | None:
        """An answer as the archive sent it; None where it cannot be read."""
        if self.folder is not None:
            with suppress(OSError):
                return (self.folder / _name(piece, "vot")).read_bytes()
        return None

    def keep(self, piece: Piece, body: bytes) -> None:
        """Keep an answer that was checked."""
        self._write(_name(piece, "vot"), body)

    def drop(self, piece: Piece) -> None:
        """Remove an answer that is of no use."""
        self._remove(_name(piece, "vot"))

    def discard(self) -> None:
        """Remove everything: what it was for is done."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Leave the files for another run."""
        if self.folder is not None and not self._notes and not self.answers():
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, name: str, content: bytes) -> None:
        folder = self.folder
        if folder is None:
            return
        try:
            write_atomically(folder / name, content)
        except OSError as error:
            self.problem = f"{folder} cannot be written: {error.strerror}"
            self.folder = None

    def _remove(self, name: str) -> None:
        if self.folder is not None:
            with suppress(OSError):
                (self.folder / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class Errand:
    """The rows that a query is about, and the journal that follows it.

    Parameters
    ----------
    journal : Journal
        Where notes and the answer go.
    piece : Piece
        The rows.
    check : callable
        Raises if an answer is of no use; such a one is not kept.
    """

    journal: Journal
    piece: Piece
    check: Callable[[Answer], object]

    @property
    def note(self) -> JobNote | None:
        """The job that was made for it."""
        return self.journal.note(self.piece)

    def write(self, note: JobNote) -> None:
        """Keep a note."""
        self.journal.write_note(self.piece, note)

    def forget(self) -> None:
        """The job is deleted, or is none."""
        self.journal.forget(self.piece)

    def keep(self, answer: Answer, body: bytes) -> None:
        """Check the answer and keep it."""
        self.check(answer)
        self.journal.keep(self.piece, body)


class Journals:
    """The journals of one user, a folder each.

    Parameters
    ----------
    parent : Path or None
        Where they lie; None takes ``tap`` in the data folder.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self.parent = defaults().data_dir / "tap" if parent is None else parent
        self._open: list[Journal] = []

    def open(self, key: str) -> Journal:
        """Journal of the run with this key, taken over from an earlier one where there is any.

        Parameters
        ----------
        key : str
            Tells the run from all others: service, query and positions. Two runs at a time that share it
            get a folder each.
        """
        journal = self._opened(key)
        self._open.append(journal)
        return journal

    def _opened(self, key: str) -> Journal:
        try:
            self.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _clear(self.parent)
            for number in range(_TRIES):
                folder = self.parent / (f"{key}-{number}" if number else key)
                folder.mkdir(exist_ok=True, mode=0o700)
                lock = _hold(folder)
                if lock is not None:
                    return Journal(folder, lock)
        except OSError as error:
            return Journal(None, problem=f"{self.parent} cannot be written: {error.strerror}")
        return Journal(None, problem=f"{_TRIES} runs like this are under way")

    def discard(self) -> None:
        """Remove what was kept: what it was for is done."""
        for journal in self._open:
            journal.discard()
        self._open.clear()

    def release(self) -> None:
        """Leave what was kept to another run."""
        for journal in self._open:
            journal.close()
        self._open.clear()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, on the disk when this returns."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _hold(folder: Path) -> TextIO | None:
    """Lock of a folder; None if another run holds it. The system frees it however the process ends."""
    path = folder / "lock"
    try:
        lock = path.open("w", encoding="ascii")
    except FileNotFoundError:
        return None  # its run has just removed it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
            return lock
    except OSError:
        pass
    lock.close()
    return None


def _clear(parent: Path) -> None:
    """Remove what nobody has touched for long."""
    for folder in parent.iterdir():
        with suppress(OSError):
            if folder.stat().st_mtime < time.time() - STALE_SECONDS and (lock := _hold(folder)):
                shutil.rmtree(folder, ignore_errors=True)
                lock.close()


def _name(piece: Piece, ending: str) -> str:
    return f"{piece.start:010d}-{piece.stop:010d}.{ending}"


def _piece(path: Path) -> Piece | None:
    first, _, last = path.stem.partition("-")
    return Piece(int(first), int(last)) if first.isdigit() and last.isdigit() else None


def _note(path: Path) -> JobNote | None:
    try:
        return JobNote(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
