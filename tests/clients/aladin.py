"""Genuine Aladin: its menu driven with the mouse, its planes exported by a script command."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.clients.cells import Document, read_votable
from tests.clients.desktop import Desktop, NotInTime, until
from tests.clients.recorder import LOAD, Message, Recorder

COMMANDS = ("aladin",)
TITLE = "^Aladin v"
ATTEMPTS = 3
# Places on the screen for this window; the menus are drawn in a fixed font.
X, Y, WIDTH, HEIGHT = 800, 10, 730, 800
INTEROP_MENU = (X + 481, Y + 32)
BROADCAST_SELECTED = (X + 500, Y + 104)
log = logging.getLogger(__name__)


class Aladin:
    """One Aladin on a desktop.

    Parameters
    ----------
    desktop : Desktop
        Where its window is.
    recorder : Recorder
        A client at the same hub.
    """

    name = "Aladin"

    def __init__(self, desktop: Desktop, recorder: Recorder) -> None:
        self.desktop, self.recorder = desktop, recorder
        self._exports = 0

    def start(self, *tables: Path) -> None:
        """Start it with these tables; it needs no network."""
        place = f"-location={X},{Y},{WIDTH},{HEIGHT}"
        options = ["-local", "-noreleasetest", "-nolog", "-treewidth=0", place]
        self.desktop.start(self.name, ["aladin", *options, *map(str, tables)])
        self.recorder.wait_client(self.name)
        until(lambda: self.desktop.window(TITLE), 60, "Aladin's window")

    def kill(self) -> None:
        """End it as a crash does: the hub goes on naming it."""
        self.desktop.end(self.name, signal.SIGKILL)
        self.recorder.dismiss(self.name)

    def stop(self) -> None:
        """End it; its temporary files go with it."""
        self.desktop.end(self.name)
        self.recorder.dismiss(self.name)

    @property
    def public_id(self) -> str:
        """Its identifier at the hub."""
        return self.recorder.wait_client(self.name, 30)

    # --- by script -----------------------------------------------------------------------------------------
    def script(self, command: str, seconds: float = 30) -> str:
        """Send a script command; what Aladin answers."""
        reply = self.recorder.ask(self.public_id, "script.aladin.send", {"script": command}, seconds)
        result: dict[str, Any] = reply.get("samp.result", {})
        return result.get("script.result", "")

    def load(self, table: Path) -> str:
        """Load a table by a script command and wait for its plane, which is named after the file."""
        self.script(f"load {table}")
        self.wait_held(table.name)
        return table.name

    def planes(self) -> list[str]:
        """Names of the planes on its stack, the newest first."""
        status = self.script("status stack")
        return [line.split(None, 1)[1] for line in status.splitlines() if line.startswith("PlaneID ")]

    def held(self, plane: str) -> Document | None:
        """What it holds as that plane, from the VOTable that it exports; None while there is none."""
        self._exports += 1
        path = self.desktop.tmp / f"export-{self._exports}.xml"
        self.script(f'export -votable "{plane}" {path}')
        try:
            return read_votable(path.read_bytes())
        except (FileNotFoundError, ElementTree.ParseError):  # not there, or being written
            return None

    def wait_held(self, plane: str, seconds: float = 60) -> Document:
        """Wait until it can export the plane."""
        return until(lambda: self.held(plane), seconds, f"plane {plane} in Aladin")

    # --- by mouse ------------------------------------------------------------------------------------------
    def broadcast(self, plane: str | None = None) -> Message:
        """Broadcast a plane by "Broadcast selected planes" of the Interop menu; the message that came.

        No script command does it. None takes the plane that is selected.
        """
        for attempt in range(1, ATTEMPTS + 1):
            seen = len(self.recorder.messages)
            if plane:
                self.script(f'select "{plane}"')
            self.desktop.activate(TITLE)
            self.desktop.keys("Escape")
            try:
                self._choose(INTEROP_MENU, BROADCAST_SELECTED)
                message = self.recorder.wait(LOAD, self.public_id, 15, after=seen)
            except NotInTime:
                log.warning(
                    "Aladin missed its menu, try %d: %s", attempt, self.desktop.shot(f"aladin-{attempt}")
                )
            else:
                log.info("Aladin's broadcast came at try %d", attempt)
                return message
        raise NotInTime(f"Aladin's broadcast: not in {ATTEMPTS} tries")

    def _choose(self, menu: tuple[int, int], entry: tuple[int, int]) -> None:
        """Open a menu, wait until it is drawn, click the entry."""
        below = (menu[0], entry[1] - 10, 120, 20)
        before = self.desktop.pixels(*below)
        self.desktop.click(*menu)
        until(lambda: self.desktop.pixels(*below) != before, 10, "Aladin's menu")
        self.desktop.click(*entry)
