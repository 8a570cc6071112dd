"""The folder of a training that is not finished: states to go on from, the log, one trainer at a time.

    OUT.training/
      run.json            what is trained on what, and how
      member-0.npz        state of each network that was begun
      training.jsonl      figures of every epoch
      model/              the model, while its files are written

It stands beside the model that it becomes, and goes when the model is there.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from vo_photoz.errors import UsageError
from vo_photoz.pipeline.store_lock import hold
from vo_photoz.redshift.card import FILE
from vo_photoz.redshift.training.checkpoints import State, read_state, write_state

LOG = "training.jsonl"
RUN = "run.json"
WORTH = 20
"""States are written so seldom that writing takes less than a twentieth of the time."""


@dataclass
class WorkFolder:
    """The folder.

    Parameters
    ----------
    path : Path
        Where it is.
    seconds : float
        States are written no more often than this.
    """

    path: Path
    seconds: float = 30.0
    _due: float = field(default=0.0, repr=False)
    _log: IO[str] | None = field(default=None, repr=False)

    def state_file(self, member: int) -> Path:
        """Where the state of a network lies."""
        return self.path / f"member-{member}.npz"

    def last(self, member: int) -> State | None:
        """The last state of a network.

        Raises
        ------
        ModelError
            Raised if it cannot be read.
        """
        file = self.state_file(member)
        return read_state(file) if file.exists() else None

    def keep(self, snapshot: Callable[[], State]) -> None:
        """Write a state if it is time to."""
        now = time.monotonic()
        if now >= self._due:
            self.write(snapshot())
            took = time.monotonic() - now
            self._due = time.monotonic() + max(self.seconds, WORTH * took)

    def write(self, state: State) -> None:
        """Write a state."""
        write_state(state, self.state_file(state.member))

    def begin_log(self, member: int, epoch: int) -> None:
        """Go on with the log after an epoch of a network; what was written later is made again."""
        file = self.path / LOG
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        kept = [
            line
            for line in map(_figures, lines)
            if line and (line["member"], line["epoch"]) <= (member, epoch)
        ]
        part = file.with_name(f"{LOG}.part")
        part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        os.replace(part, file)
        self.end_log()
        self._log = file.open("a", encoding="utf-8", buffering=1)

    def log(self, figures: Mapping[str, Any]) -> None:
        """Add a line to the log."""
        if self._log is not None:
            self._log.write(json.dumps(figures) + "\n")

    def end_log(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
        self._log = None


@contextmanager
def work_folder(
    output: Path, run: Mapping[str, Any], *, resume: bool, seconds: float = 30.0
) -> Iterator[WorkFolder]:
    """Hold the folder of a training; it stays when the training does not come to its end.

    Parameters
    ----------
    output : Path
        The model to be.
    run : mapping
        What is trained on what, and how; a folder of another training is refused.
    resume : bool
        Go on where an earlier training was stopped.
    seconds : float
        States are written no more often than this.

    Raises
    ------
    UsageError
        Raised if the model exists, or an unfinished training is there and is not to go on, or is another
        one, or the folder cannot be written.
    """
    path = output.with_name(f"{output.name}.training")
    check_new(output)
    _make(path, resume)
    with hold(path, who="training", advice="Wait for it, or choose another name for the model."):
        _check_run(path, run)
        folder = WorkFolder(path, seconds)
        try:
            yield folder
        except BaseException:
            folder.end_log()
            if not list(path.glob("member-*.npz")):
                shutil.rmtree(path, ignore_errors=True)
            raise
        folder.end_log()
        shutil.rmtree(path, ignore_errors=True)


def check_new(output: Path) -> None:
    """Check that nothing is replaced.

    Raises
    ------
    UsageError
        Raised if there is something of this name.
    """
    if output.exists():
        raise UsageError(
            f"{output} exists already.", advice="Choose another name for the model or remove it."
        )


def _make(path: Path, resume: bool) -> None:
    if not resume and list(path.glob("member-*.npz")):
        raise UsageError(
            f"A training that was stopped lies in {path}.",
            advice="Go on with it by --resume, or remove the folder.",
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The model cannot be written to {path.parent}: {error.strerror}.") from None


def _check_run(path: Path, run: Mapping[str, Any]) -> None:
    """Keep what is trained, or compare with what was kept."""
    file = path / RUN
    now = json.loads(json.dumps(run))
    if list(path.glob("member-*.npz")):
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = {}
        other = sorted(name for name in {*now, *before} if now.get(name) != before.get(name))
        if other:
            name = other[0]
            raise UsageError(
                f"Another training lies in {path}: its {name} is {before.get(name)}, not {now.get(name)}.",
                advice="Resume with the options and data that it was begun with, or remove the folder.",
            )
    part = file.with_name(f"{RUN}.part")
    part.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    os.replace(part, file)


def _figures(line: str) -> dict[str, Any]:
    """A line of the log; nothing if it was cut off."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and {"member", "epoch"} <= set(found) else {}


def leftovers(output: Path) -> bool:
    """Whether the model is there already; removes what a kill in the last moment left beside it."""
    path = output.with_name(f"{output.name}.training")
    if not (output / FILE).is_file() or not (path / RUN).is_file():
        return False
    with hold(path, who="training", advice="Wait for it."):
        shutil.rmtree(path, ignore_errors=True)
    return True
