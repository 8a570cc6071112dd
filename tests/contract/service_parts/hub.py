"""Hubs of pyvo, each in a process of its own, forked from one that has pyvo loaded: a second saved each."""

from __future__ import annotations

import atexit
import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.contract.service_parts.peer import until

NURSERY = """
import os, signal, sys, threading, traceback
from pyvo import samp

def serve(lockfile):
    os.environ["SAMP_HUB"] = f"std-lockurl:file://{lockfile}"
    samp.conf.use_internet = False
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    hub = samp.SAMPHubServer(addr="127.0.0.1", web_profile=False)
    hub.start()
    print("ready", os.getpid(), flush=True)
    done.wait()
    hub.stop()

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    if os.fork() == 0:
        try:
            serve(line.strip())
        except BaseException:
            print("failed", repr(traceback.format_exc()), flush=True)
        os._exit(0)
"""


@functools.cache
def nursery() -> subprocess.Popen[str]:
    """The process that all hubs of these tests come from; it ends with them."""
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(process.terminate)
    return process


class HubProcess:
    """A hub that can be killed."""

    def __init__(self, lockfile: Path) -> None:
        self.lockfile = lockfile
        self.process: int | None = None
        self.start()

    def start(self) -> None:
        stdin, stdout = nursery().stdin, nursery().stdout
        assert stdin is not None
        assert stdout is not None
        print(self.lockfile, file=stdin, flush=True)
        while not (line := stdout.readline()).startswith("ready"):
            assert line, "the hub did not start"
            assert not line.startswith("failed"), line
        self.process = int(line.split()[1])

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            os.kill(self.process, number)
            gone = Path(f"/proc/{self.process}")
            until(lambda: not gone.exists(), what="the end of the hub")
            self.process = None
