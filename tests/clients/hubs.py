"""The two hubs that clients meet: pyvo's and JSAMP's, each a process that can be killed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tests.clients.desktop import Desktop, until
from tests.clients.recorder import running_hub

HERE = Path(__file__).parent
COMMANDS = {
    "pyvo": [sys.executable, str(HERE / "pyvo_hub.py")],
    "jsamp": ["jsamp", "hub", "-mode", "no-gui", "-profiles", "std"],
}


class Hub:
    """A hub of one kind on a desktop.

    Parameters
    ----------
    desktop : Desktop
        Where it runs.
    kind : {"pyvo", "jsamp"}
        Which program.
    """

    def __init__(self, desktop: Desktop, kind: str) -> None:
        self.desktop, self.kind = desktop, kind

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.desktop.start("hub", COMMANDS[self.kind])
        until(lambda: running_hub(self.desktop.lockfile), 60, f"the hub of {self.kind}")

    def kill(self) -> None:
        """End it as a crash does: no event, no clean-up, the lockfile stays."""
        self.desktop.end("hub", signal.SIGKILL)
        assert self.desktop.lockfile.exists()

    def stop(self) -> None:
        """End it in the orderly way; the clients are told."""
        self.desktop.end("hub")
