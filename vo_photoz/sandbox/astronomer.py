"""A client that behaves as TOPCAT does: serves a table, sends it to the service, takes what comes back."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Collection
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from pyvo import samp

from vo_photoz.errors import DeadlineExceeded, ServiceError
from vo_photoz.http import get_bytes

LOAD = "table.load.votable"
POLL_SECONDS = 0.2


class Astronomer:
    """A SAMP client with a table for the service; use it in a ``with`` statement.

    Parameters
    ----------
    folder : Path
        Its files are served on a loopback port while the client lives.
    name : str
        How the client presents itself.
    hub_seconds : float
        Waits so long for a hub.

    Raises
    ------
    DeadlineExceeded
        Raised on entering if no hub appears.
    """

    def __init__(self, folder: Path, name: str = "astronomer", hub_seconds: float = 0) -> None:
        samp.conf.use_internet = False  # or pyvo asks a public server whether there is a network
        self._results: queue.Queue[dict[str, str]] = queue.Queue()
        self._replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self._client = samp.SAMPIntegratedClient(
            name=name, description="Sends a table as TOPCAT would", addr="127.0.0.1"
        )
        self._hub_seconds = hub_seconds
        handler = partial(_QuietHandler, directory=str(folder))
        self._files = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> Astronomer:
        """Register, and serve the files."""
        self._connect()
        self._client.bind_receive_message(LOAD, self._received)
        threading.Thread(target=self._files.serve_forever, daemon=True).start()
        return self

    def _connect(self) -> None:
        end = time.monotonic() + self._hub_seconds
        while True:
            try:
                self._client.connect()
            except (samp.SAMPHubError, OSError):
                if time.monotonic() >= end:
                    self._files.server_close()
                    raise DeadlineExceeded("There is no SAMP hub.", advice="Start TOPCAT.") from None
                time.sleep(POLL_SECONDS)
            else:
                return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unregister, and stop serving."""
        self._client.disconnect()
        self._files.shutdown()
        self._files.server_close()

    def _received(
        self, _key: str, _sender: str, msg_id: str | None, _mtype: str, params: Any, _extra: Any
    ) -> None:
        if msg_id is not None:
            self._client.reply(msg_id, {"samp.status": "samp.ok", "samp.result": {}})
        self._results.put(dict(params))

    def clients(self, name: str) -> set[str]:
        """Public identifiers of the clients of that name that take tables."""
        return {
            public_id
            for public_id in self._client.get_registered_clients()
            if self._client.get_metadata(public_id).get("samp.name") == name
            and LOAD in self._client.get_subscriptions(public_id)
        }

    def send(self, service: str, file: str, *, seconds: float, but_not: Collection[str] = ()) -> str:
        """Send a table of the folder to the client of that name, and wait for its reply.

        Clients in ``but_not`` are passed over.

        Returns
        -------
        str
            The identifier that the table was given.

        Raises
        ------
        DeadlineExceeded
            Raised if the service does not appear or does not reply in time.
        ServiceError
            Raised if it refuses the table.
        """
        table_id, tag = f"demo:{uuid.uuid4().hex}", uuid.uuid4().hex
        recipient = self._wait_for(service, seconds, but_not)
        url = f"http://127.0.0.1:{self._files.server_port}/{file}"
        params = {"url": url, "name": Path(file).stem, "table-id": table_id}
        self._client.bind_receive_response(tag, lambda *answer: self._replies.put(answer[-1]))
        self._client.call(recipient, tag, {"samp.mtype": LOAD, "samp.params": params})
        try:
            reply = self._replies.get(timeout=seconds)
        except queue.Empty:
            raise DeadlineExceeded(f"{service} did not reply within {seconds:g} s.") from None
        if reply["samp.status"] != "samp.ok":
            raise ServiceError(f"{service} refused the table: {reply['samp.error']['samp.errortxt']}")
        return table_id

    def result(self, *, seconds: float) -> bytes:
        """Return the table that comes back, whole.

        Raises
        ------
        DeadlineExceeded
            Raised if none comes in time.
        """
        try:
            params = self._results.get(timeout=seconds)
        except queue.Empty:
            raise DeadlineExceeded(f"No result came within {seconds:g} s.") from None
        return get_bytes(params["url"], seconds=60) or b""

    def show(self, file: Path, clients: tuple[str, ...] = ("topcat", "aladin")) -> list[str]:
        """Send a table on disk to running table clients; their names."""
        params = {"url": file.resolve().as_uri(), "name": file.stem, "table-id": f"demo:{uuid.uuid4().hex}"}
        shown = []
        for public_id in self._client.get_registered_clients():
            name = str(self._client.get_metadata(public_id).get("samp.name", ""))
            if name.lower().startswith(clients) and LOAD in self._client.get_subscriptions(public_id):
                self._client.notify(public_id, {"samp.mtype": LOAD, "samp.params": params})
                shown.append(name)
        return shown

    def _wait_for(self, name: str, seconds: float, but_not: Collection[str]) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.clients(name) - set(but_not)
            if found:
                return found.pop()
            time.sleep(POLL_SECONDS)
        raise DeadlineExceeded(f"No client named {name} appeared within {seconds:g} s.")


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""
