"""Finished steps of a long chain on disk, so that a run that was killed goes on where it was.

A step is a folder that takes its name when it is complete. The name holds a hash of all that the step hangs
on, the steps before it included: a change of the recipe repeats what it changes, and nothing else.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vo_photoz.errors import PhotozError, UsageError

LOCK = "lock"


class StepFolders:
    """Steps of one product, in a hidden folder beside it.

    Parameters
    ----------
    output : Path
        The product, a folder.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(f".{output.name}.build")
        self.worth_keeping = False
        self.repeated: list[str] = []
        """Names of the steps that this run made; the others were there."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process; an error that no second run mends removes it.

        Raises
        ------
        UsageError
            Raised if another process builds the same, or the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UsageError(
                f"Nothing can be written beside the output: {self.folder}: {error.strerror}."
            ) from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(
                    f"Another process is building the same (it works in {self.folder}).",
                    advice="Wait for it, or stop it.",
                ) from None
            try:
                yield
            except PhotozError:
                if not self.worth_keeping:
                    self.remove()
                raise
        finally:
            os.close(handle)

    def step(self, name: str, inputs: Any, make: Callable[[Path], None], after: Sequence[Path] = ()) -> Path:
        """Folder of a finished step; it is made when it is not there.

        Parameters
        ----------
        name : str
            Of the step.
        inputs : anything that JSON can hold
            What the step hangs on, beside the steps before it.
        make : callable
            Fills a folder. What an earlier run left there is given to it again: it may go on from files that
            it wrote with `write_whole`, and overwrites the others.
        after : sequence of Path
            Folders of the steps before.
        """
        key = digest([name, inputs, [folder.name for folder in after]])
        folder = self.folder / f"{name}-{key[:16]}"
        if not folder.is_dir():
            making = folder.with_name(f"{folder.name}.part")
            making.mkdir(exist_ok=True)
            make(making)
            os.replace(making, folder)
            self.repeated.append(name)
        return folder

    def remove(self) -> None:
        """Remove all steps: the product is there, or will never be."""
        shutil.rmtree(self.folder, ignore_errors=True)


def digest(content: Any) -> str:
    """Hash of what JSON can hold; the order of keys does not count."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let a function write a file that takes its name only when it is complete and on the disk."""
    part = path.with_name(f".{path.name}")
    write(part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
