"""Programs that are killed at random moments and started again."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def build(recipe: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start the building of a training set."""
    command = [sys.executable, "-m", "vo_photoz", "dataset", "build", str(recipe), "-o", str(output)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def files_of(folder: Path) -> dict[str, bytes]:
    """Bytes of every file in a folder, but for the one with times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "provenance.json"
    }


def kept_in(work: Path) -> dict[str, int]:
    """Finished steps, parts of stamps and parts of answers, with the time at which they were written."""
    times: dict[str, int] = {}
    for folder in [] if not work.is_dir() else sorted(work.iterdir()):
        with contextlib.suppress(FileNotFoundError):  # it took its name in this moment
            name = folder.name.removesuffix(".part")
            if name == folder.name and "-" in name:
                times[name] = folder.stat().st_mtime_ns
            for pattern in ("flags-?????.npy", "rows-?????.parquet"):
                times |= {f"{name}/{file.name}": file.stat().st_mtime_ns for file in folder.glob(pattern)}
    return times


def build_and_kill(
    recipe: Path, output: Path, kills: int, seed: int, seconds: float = 0.1
) -> Iterator[tuple[int, dict[str, int]]]:
    """Start a build, kill it at a random moment, and again; after the last kill it is left to finish.

    A moment is a random number of files after the start, and ``seconds`` on average after that.

    Yields
    ------
    number of the kill, and what was kept then
    """
    rng = np.random.default_rng(seed)
    work = output.with_name(f".{output.name}.build")
    number = 0
    while number < kills:
        before = kept_in(work)
        running = build(recipe, output)
        wanted = len(before) + rng.integers(0, 3)
        while running.poll() is None and (len(kept_in(work)) < wanted or not work.is_dir()):
            time.sleep(0.002)
        held = time.monotonic() + rng.exponential(seconds)
        while running.poll() is None and time.monotonic() < held:
            time.sleep(0.002)
        running.kill()
        running.communicate()
        if output.exists():  # it was quicker than we: from the beginning
            shutil.rmtree(output)
            shutil.rmtree(work, ignore_errors=True)
            number = 0
            continue
        now = kept_in(work)
        assert all(now.get(name) == when for name, when in before.items()), "nothing finished is made again"
        number += 1
        yield number, now
    last = build(recipe, output)
    _, words = last.communicate(timeout=300)
    assert last.returncode == 0, words.decode()
