"""Where the hub of this user is: the lockfile of the SAMP Standard Profile."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import math
import os
import time
import xmlrpc.client
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.parsers.expat import ExpatError

from vo_photoz.errors import UsageError

URL, SECRET = "samp.hub.xmlrpc.url", "samp.secret"
PING_SECONDS = 3.0
PREFIX = "std-lockurl:"

HubParams = dict[str, str]


class TimedTransport(xmlrpc.client.Transport):
    """XML-RPC over http that does not wait for ever.

    Parameters
    ----------
    seconds : float
        For each operation on the connection.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Open a connection with the timeout."""
        connection = super().make_connection(host)
        connection.timeout = self._seconds
        return connection


def lockfile_path() -> Path:
    """Where the lockfile is, or would be.

    Raises
    ------
    UsageError
        Raised if the environment variable SAMP_HUB names something else than a local file.
    """
    named = os.environ.get("SAMP_HUB", "")
    if not named:
        return Path.home() / ".samp"
    parts = urlsplit(named.removeprefix(PREFIX))
    if not named.startswith(PREFIX) or parts.scheme != "file" or parts.hostname not in (None, "localhost"):
        raise UsageError(
            f"SAMP_HUB={named} is not a local lockfile.", advice="Use std-lockurl:file:///path, or unset it."
        )
    return Path(unquote(parts.path))


def read_lockfile(path: Path) -> HubParams | None:
    """What the lockfile says; None when there is none, or it is not complete (yet)."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return None
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    params = {name.strip(): value.strip() for name, equals, value in pairs if equals}
    if not params.get(URL) or not params.get(SECRET):
        return None
    params[URL] = params[URL].replace("\\", "")  # Java escapes the colon of its property files
    return params


def hub_lives(params: HubParams) -> bool:
    """Whether the hub answers; a hub that was killed leaves its lockfile behind."""
    proxy = xmlrpc.client.ServerProxy(params[URL], transport=TimedTransport(PING_SECONDS))
    try:
        proxy.samp.hub.ping()
    except xmlrpc.client.Fault:
        return True
    except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError):
        return False
    finally:
        with contextlib.suppress(OSError):
            proxy("close")()
    return True


def find_hub() -> HubParams | None:
    """The hub that runs; None when there is none."""
    params = read_lockfile(lockfile_path())
    return params if params and hub_lives(params) else None


def lockfile_age() -> float:
    """Seconds since a hub has written the lockfile; infinite when it is gone or was written in the future."""
    try:
        age = time.time() - lockfile_path().stat().st_mtime
    except OSError:
        return math.inf
    return age if age >= 0 else math.inf


def hub_identity(params: HubParams) -> str:
    """Tells one run of a hub from another, without giving its secret away."""
    return hashlib.sha256(params[SECRET].encode()).hexdigest()[:16]
