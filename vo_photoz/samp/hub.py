"""A SAMP hub of our own, for users who have none running. It serves this machine only."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

from vo_photoz.errors import UsageError
from vo_photoz.samp.lockfile import SECRET, HubParams, find_hub, lockfile_path, read_lockfile

log = logging.getLogger(__name__)

LABEL = "vo_photoz hub"
START_SECONDS = 3.0
STOP_SECONDS = 5.0


class OwnHub:
    """A hub in threads of this process."""

    def __init__(self) -> None:
        self._server: Any = None
        self._params: HubParams = {}

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._server is not None

    def start(self) -> HubParams:
        """Start it; what its lockfile says.

        Raises
        ------
        UsageError
            Raised if a hub already runs: it is never replaced.
        """
        if find_hub() is not None:
            raise _already_running()
        path = lockfile_path()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # left behind by a hub that was killed
        server = load_samp().SAMPHubServer(addr="127.0.0.1", web_profile=False, label=LABEL)
        with _patience(START_SECONDS):  # while starting, pyvo asks old lockfiles' hubs, without a timeout
            server.start()
        params = {str(name): str(value) for name, value in server.params.items()}
        written = read_lockfile(path)
        if written is None or written[SECRET] != params[SECRET]:  # another one was quicker
            _stop(server)
            raise _already_running()
        self._server, self._params = server, params
        log.info("our hub runs, lockfile %s", path)
        return params

    def keep_lockfile(self) -> None:
        """Write the lockfile again when somebody has removed it."""
        path = lockfile_path()
        if self._server is None or path.exists():
            return
        text = "".join(f"{name}={value}\n" for name, value in self._params.items())
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(partial, path)
        log.warning("the lockfile %s had gone and was written again", path)

    def stop(self) -> None:
        """Tell the clients, and stop."""
        server, self._server = self._server, None
        if server is None:
            return
        _stop(server)
        path = lockfile_path()
        left = read_lockfile(path)
        if left is not None and left[SECRET] == self._params[SECRET]:  # it still waits for a client
            path.unlink(missing_ok=True)


def load_samp() -> Any:
    """pyvo.samp, told to keep to this machine before anything else."""
    from pyvo import samp  # noqa: PLC0415 - half a second

    samp.conf.use_internet = False
    logging.getLogger("astropy").setLevel(logging.WARNING)  # the hub tells every start and stop
    return samp


def _stop(server: Any) -> None:
    """Stop a hub; a client that does not answer must not keep us."""
    stopping = threading.Thread(target=server.stop, name="stop the hub", daemon=True)
    stopping.start()
    stopping.join(STOP_SECONDS)


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _already_running() -> UsageError:
    return UsageError(
        f"A SAMP hub already runs (lockfile {lockfile_path()}).", advice="Use it with --hub auto, or stop it."
    )
