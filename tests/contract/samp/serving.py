"""`serve` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PARTS = Path(__file__).parents[1] / "service_parts"


class Serve:
    """`serve` in a process of its own, with the stand-in or as the user runs it."""

    def __init__(self, folder: Path, *command: str) -> None:
        environment = os.environ | {
            "VO_PHOTOZ_DATA_DIR": str(folder / "data"),
            "VO_PHOTOZ_LOG_DIR": str(folder / "log"),
        }
        self.process = subprocess.Popen(
            [sys.executable, *(command or (str(PARTS / "serve_stand_in.py"),))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self, words: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if words in line:
                return line.strip()
        assert self.process.stderr is not None
        raise AssertionError(self.process.stderr.read())

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=20)
        return self.process.returncode
