"""Whose turn it is: a host gets few queries of ours at a time, for archives ban who sends many."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from vo_photoz.errors import DeadlineExceeded

HOST_JOBS = 2
"""Queries that one host runs for us at a time."""

_turns: dict[tuple[str, int], threading.BoundedSemaphore] = {}
_lock = threading.Lock()


@contextmanager
def turn(url: str, end: float, *, at_once: int = HOST_JOBS) -> Iterator[None]:
    """Hold one of the places that a host has for the queries of this process.

    Parameters
    ----------
    url : str
        Any address of the host.
    end : float
        When the wait is over, on the clock of `time.monotonic`.
    at_once : int
        Places there are; the same for all queries of a kind.

    Raises
    ------
    DeadlineExceeded
        Raised if no place became free in time.
    """
    host = urlsplit(url).netloc
    with _lock:
        places = _turns.setdefault((host, at_once), threading.BoundedSemaphore(at_once))
    if not places.acquire(timeout=max(0.0, end - time.monotonic())):
        raise DeadlineExceeded(
            f"Other queries to {host} took all the time allowed.",
            advice="Give more time (the setting tap_seconds).",
            url=url,
        )
    try:
        yield
    finally:
        places.release()
