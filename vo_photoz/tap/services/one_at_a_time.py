"""One request to a host at a time, over all processes of a user: who sends more is banned."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from vo_photoz.errors import DeadlineExceeded, UsageError
from vo_photoz.settings import defaults

LOOK_SECONDS = 0.05


@contextmanager
def turn(url: str, end: float) -> Iterator[None]:
    """Hold the only place at a host; the system frees it however the process ends.

    Parameters
    ----------
    url : str
        Address at the host.
    end : float
        When waiting is over, on the clock of `time.monotonic`.

    Raises
    ------
    DeadlineExceeded
        Raised if the place did not become free in time.
    UsageError
        Raised if the cache folder cannot be written.
    """
    host = urlsplit(url).netloc
    folder = defaults().cache_dir / "turns"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / re.sub(r"[^\w.-]", "_", host), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(
            f"The cache folder {folder.parent} cannot be used: {error.strerror}.",
            advice="Set cache_dir to another folder.",
        ) from None
    try:
        while not _taken(handle):
            if time.monotonic() >= end:
                raise DeadlineExceeded(f"Another query to {host} took all the time allowed.", url=url)
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
