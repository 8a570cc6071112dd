"""From the start of ``vo-photoz serve`` until a SAMP hub knows it, against importing pyvo.samp alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from alternate import report
from pyvo import samp

samp.conf.use_internet = False
ROUNDS = 5


class Witness:
    """A client that sees when another one has presented itself: the last step of registering."""

    def __init__(self) -> None:
        self.seen = threading.Event()
        self.client = samp.SAMPIntegratedClient(name="witness", addr="127.0.0.1")
        self.client.connect()
        self.client.bind_receive_notification("samp.hub.event.metadata", self.presented)

    def presented(self, *told: Any) -> None:
        """Called by pyvo with key, sender, message, type, params and the rest."""
        params = told[4]
        if params["metadata"].get("samp.name") == "vo_photoz":
            self.seen.set()


def serve_until_registered(witness: Witness, folder: Path) -> float:
    witness.seen.clear()
    environment = os.environ | {"VO_PHOTOZ_DATA_DIR": str(folder), "VO_PHOTOZ_LOG_DIR": str(folder)}
    start = time.perf_counter()
    service = subprocess.Popen(
        [sys.executable, "-m", "vo_photoz", "serve", "--quiet"], env=environment, stdout=subprocess.DEVNULL
    )
    assert witness.seen.wait(60), "not registered within 60 s"
    seconds = time.perf_counter() - start
    service.terminate()
    service.wait(30)
    return seconds


def import_samp() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import pyvo.samp"], check=True)
    return time.perf_counter() - start


def main() -> None:
    seconds: dict[str, list[float]] = {"vo-photoz serve, until registered": [], "import pyvo.samp": []}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SAMP_HUB"] = f"std-lockurl:file://{folder}/lockfile"
        hub = samp.SAMPHubServer(addr="127.0.0.1", web_profile=False)
        hub.start()
        witness = Witness()
        serve_until_registered(witness, Path(folder))  # compiled files and disk cache are warm for both
        import_samp()
        for number in range(ROUNDS):
            ours, theirs = seconds.values()
            for measure in (0, 1) if number % 2 else (1, 0):
                if measure:
                    theirs.append(import_samp())
                else:
                    ours.append(serve_until_registered(witness, Path(folder)))
        witness.client.disconnect()
        hub.stop()
    report(seconds)


if __name__ == "__main__":
    main()
