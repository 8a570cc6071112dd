"""Files of a HiPS: in a folder, or on a web server and its mirrors."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vo_photoz import http
from vo_photoz.errors import ServiceError, SurveyError, TransientError
from vo_photoz.settings import defaults

RETRY_SECONDS = 30.0
"""What failed is not asked for again before this time is over."""
FAILURES_IN_A_ROW = 8
"""After so many failures, one upon the other, all servers are left alone for a while."""


def local_folder(address: str) -> Path | None:
    """Folder of an address (a path or file://), None for a web address."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        return None
    return Path(unquote(parts.path)) if parts.scheme == "file" else Path(address).expanduser()


def read_file(
    address: str, name: str, *, offline: bool = False, max_bytes: int, seconds: float = 0
) -> bytes | None:
    """A file of a HiPS, None where there is none.

    Parameters
    ----------
    address, name : str
        The HiPS, and the file below it.
    offline : bool
        Refuse the network.
    max_bytes : int
        Largest file that is taken from a server.
    seconds : float
        Total time for a server; 0 takes that of the settings.

    Raises
    ------
    SurveyError
        Raised if a local file cannot be read, or the network is needed but forbidden.
    ServiceError
        Raised if the server fails.
    """
    folder = local_folder(address)
    if folder is None:
        url = f"{address.rstrip('/')}/{name}"
        if offline:
            raise SurveyError(
                f"{url} is needed, but the network is forbidden.",
                advice="Leave out --offline or use a survey on disk.",
                url=url,
            )
        limit = seconds or defaults().http_seconds
        return http.get_bytes(url, seconds=limit, max_bytes=max_bytes, missing_ok=True)
    try:
        return (folder / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SurveyError(
            f"{folder / name} cannot be read: {error.strerror}.", url=str(folder / name)
        ) from None


class Source:
    """Files of one HiPS. A server that fails is replaced by a mirror; when all fail, they are left alone.

    Parameters
    ----------
    addresses : sequence of str
        The address in use, then its mirrors. A folder has none.
    offline : bool
        Refuse the network.
    """

    def __init__(self, addresses: Sequence[str], *, offline: bool = False) -> None:
        self.folder = local_folder(addresses[0])
        self.offline = offline
        self._addresses = list(addresses[:1] if self.folder else addresses)
        self._failures = 0
        self._closed_until = 0.0
        self._lock = threading.Lock()

    def url_of(self, name: str) -> str:
        """Path or address of a file."""
        return f"{self._addresses[0].rstrip('/')}/{name}"

    def read(self, name: str, *, max_bytes: int) -> bytes | None:
        """A file, None where there is none.

        Raises
        ------
        SurveyError
            Raised if a local file cannot be read, or the network is needed but forbidden.
        ServiceError
            Raised if all servers fail, or failed so often that they are not asked now.
        """
        if time.monotonic() < self._closed_until:
            raise TransientError(
                f"{self._addresses[0]} failed {FAILURES_IN_A_ROW} times in a row and is left alone now.",
                url=self.url_of(name),
            )
        for address in list(self._addresses):
            try:
                data = read_file(address, name, offline=self.offline, max_bytes=max_bytes)
            except ServiceError as error:
                failure = error
            else:
                self._worked(address)
                return data
        self._failed()
        raise failure

    def _worked(self, address: str) -> None:
        with self._lock:
            self._failures = 0
            if self._addresses[0] != address:  # from now on this mirror is asked first
                self._addresses.sort(key=lambda one: one != address)

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                self._failures = 0
                self._closed_until = time.monotonic() + RETRY_SECONDS
