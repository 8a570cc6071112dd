"""Programs that run until they are told to stop. Imports nothing heavy."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LEAVE_SECONDS = 5.0


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Within it, SIGTERM and SIGINT set the event; a second one ends the program at once."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler gets
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(stop: threading.Event) -> None:
    """Wait in steps: a wait without an end would not let the signal in on every system."""
    while not stop.wait(1.0):
        pass


def leave(status: int = 0) -> None:
    """End the program even if a thread hangs on a client that does not answer."""
    deadline = time.monotonic() + LEAVE_SECONDS
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
