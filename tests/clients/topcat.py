"""Genuine TOPCAT: driven by its keyboard, asked over SAMP what it holds."""

from __future__ import annotations

import logging
import urllib.request
from pathlib import Path

from tests.clients.cells import Document, read_votable
from tests.clients.desktop import Desktop, NotInTime, until
from tests.clients.recorder import LOAD, Message, Recorder

COMMANDS = ("topcat", "stilts")
TITLE = "^TOPCAT$"
ATTEMPTS = 3
COME_BACK_SECONDS = 30
HALF_CONNECTED = "Hub connection attempt failed"
log = logging.getLogger(__name__)


class Topcat:
    """One TOPCAT on a desktop.

    Parameters
    ----------
    desktop : Desktop
        Where its windows are.
    recorder : Recorder
        A client at the same hub.
    """

    name = "topcat"

    def __init__(self, desktop: Desktop, recorder: Recorder) -> None:
        self.desktop, self.recorder = desktop, recorder

    # --- life ----------------------------------------------------------------------------------------------
    def start(self, *tables: Path) -> None:
        """Start it with these tables; the last one is the current one.

        At times it meets a hub that is busy, says so in its log, and then does not know all of the other
        clients as long as it runs: it is started anew.
        """
        for attempt in range(1, ATTEMPTS + 1):
            before = self.desktop.log(self.name, 1000).count(HALF_CONNECTED)
            self.desktop.start(self.name, ["topcat", "-samp", "-nohub", "-memory", *map(str, tables)])
            self.wait_ready(len(tables))
            if self.desktop.log(self.name, 1000).count(HALF_CONNECTED) == before:
                return
            log.warning("TOPCAT is at the hub by half, try %d", attempt)
            self.stop()
        raise NotInTime(f"TOPCAT at the hub: not in {ATTEMPTS} starts")

    def wait_ready(self, n_tables: int) -> None:
        """Wait until it is at the hub with its window up and its tables loaded."""
        self.recorder.wait_client(self.name)
        until(lambda: self.desktop.window(TITLE), 60, "TOPCAT's window")
        if n_tables:
            self.wait_held(n_tables)

    def stop(self) -> None:
        """End it."""
        self.desktop.end(self.name)
        self.recorder.dismiss(self.name)

    @property
    def public_id(self) -> str:
        """Its identifier at the hub."""
        return self.recorder.wait_client(self.name, 30)

    # --- by keyboard ---------------------------------------------------------------------------------------
    def broadcast(self) -> Message:
        """Broadcast the current table by the Interop menu; the message as the recorder got it.

        The menu wraps: twice up from its first entry is "Broadcast Table", whatever else it holds.
        """
        for attempt in range(1, ATTEMPTS + 1):
            seen = len(self.recorder.messages)
            try:
                self._open_interop_menu()
                self.desktop.keys("Up", "Up", "Return")
                message = self.recorder.wait(LOAD, self.public_id, 15, after=seen)
            except NotInTime:
                log.warning(
                    "TOPCAT missed its menu keys, try %d: %s", attempt, self.desktop.shot(f"topcat-{attempt}")
                )
            else:
                log.info("TOPCAT's broadcast came at try %d", attempt)
                return message
        raise NotInTime(f"TOPCAT's broadcast: not in {ATTEMPTS} tries")

    def _open_interop_menu(self) -> None:
        """Open the menu and wait until it is drawn over the buttons."""
        window = self.desktop.activate(TITLE)
        self.desktop.keys("Escape", "Escape")
        below = (330, 60, 60, 30, window)
        before = self.desktop.pixels(*below)
        self.desktop.keys("alt+i")
        until(lambda: self.desktop.pixels(*below) != before, 10, "TOPCAT's menu")

    def comes_back(self) -> None:
        """Wait until it has found the next hub; if it missed the goodbye of the last, plug it in."""
        try:
            self.recorder.wait_client(self.name, COME_BACK_SECONDS)
        except NotInTime:
            log.info("TOPCAT missed the end of its hub: %s", self.desktop.shot("missed-goodbye"))
            self.plug_in()
            self.recorder.wait_client(self.name)

    def plug_in(self) -> None:
        """Register again by the plug in the corner of its window, as a user does after a hub has crashed.

        TOPCAT does not miss a hub that ends without a word: one click unregisters, the next registers.
        """
        window = self.desktop.activate(TITLE)
        width, height = self.desktop.size(window)
        for attempt in range(1, ATTEMPTS + 1):
            self.desktop.click(width - 33, height - 28, window=window)
            try:
                until(lambda: self.recorder.clients(self.name), 5, "TOPCAT at the new hub")
            except NotInTime:
                log.info("TOPCAT's plug clicked, time %d: %s", attempt, self.desktop.shot(f"plug-{attempt}"))
            else:
                return
        raise NotInTime(f"TOPCAT at the new hub: not after {ATTEMPTS} clicks")

    # --- by SAMP -------------------------------------------------------------------------------------------
    def load(self, table: Path, table_id: str) -> None:
        """Load a FITS table or a VOTable, the current one from then on; the list lags the reply."""
        before = self.n_tables()
        mtype = "table.load.fits" if table.suffix == ".fits" else LOAD
        params = {"url": table.as_uri(), "name": table.stem, "table-id": table_id}
        reply = self.recorder.ask(self.public_id, mtype, params)
        assert reply["samp.status"] == "samp.ok", reply
        self.wait_held(before + 1)
        until(
            lambda: self.current() == self.held(before + 1),
            30,
            "the loaded table as the current one",
        )

    def document(self, number: int | None) -> bytes | None:
        """Table of that number in its list (from 1) as the VOTable that it writes; None when there is none.

        The parameter is ``index``; without it, or under another name, the current table comes.
        """
        which = {} if number is None else {"index": str(number)}
        reply = self.recorder.ask(self.public_id, "table.get.stil", {"format": "votable", **which})
        if reply["samp.status"] != "samp.ok":
            return None
        with urllib.request.urlopen(reply["samp.result"]["url"], timeout=60) as stream:
            return stream.read()

    def current(self) -> Document:
        """What it holds as the current table."""
        return read_votable(self.document(None) or b"")

    def held(self, number: int) -> Document | None:
        """What it holds under that number."""
        document = self.document(number)
        return None if document is None else read_votable(document)

    def n_tables(self) -> int:
        """How many tables are in its list; none of them may have been removed."""
        number = 0
        while self.document(number + 1) is not None:
            number += 1
        return number

    def wait_held(self, number: int, seconds: float = 120) -> Document:
        """Wait until the list has a table of that number: it lags the reply to a load by a moment."""
        return until(lambda: self.held(number), seconds, f"table {number} in TOPCAT")
