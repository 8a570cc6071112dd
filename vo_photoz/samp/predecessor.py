"""The registration of an earlier run that was killed: its hub goes on believing in it.

A hub of JSAMP's kind, TOPCAT's own among them, answers a message to a client that has died with an error, and
TOPCAT breaks off a broadcast at the first error: nobody else would get her table. Whoever holds the private
key of a registration can end it; so the key of every run is kept for the next one.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from vo_photoz.samp.connection import HUB_TROUBLE, Connection

log = logging.getLogger(__name__)


def succeed(kept: Path, connection: Connection) -> None:
    """End the registration of the run before at this hub, and keep ours for the next run.

    Parameters
    ----------
    kept : Path
        File that the runs hand on, one run at a time; made when missing.
    connection : Connection
        Ours.
    """
    hub, _, key = _read(kept).partition(" ")
    if hub == connection.identity and key != connection.key:
        with contextlib.suppress(*HUB_TROUBLE):  # it has unregistered properly, as a rule
            connection.unregister(key)
            log.info("the registration of an earlier run has ended")
    try:
        _write(kept, f"{connection.identity} {connection.key}")
    except OSError as error:
        log.warning("the registration cannot be kept for the next run: %s", error)


def _read(kept: Path) -> str:
    try:
        return kept.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _write(kept: Path, text: str) -> None:
    """Write atomically, readable by the user alone: the key is a secret."""
    part = kept.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(part, kept)
