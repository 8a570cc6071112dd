"""A SAMP client that keeps every message it receives and asks others without ``call_and_wait``."""

from __future__ import annotations

import itertools
import threading
import time
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyvo import samp
from pyvo.samp.lockfile_helpers import check_running_hub

from tests.clients.desktop import NotInTime, until

# Without this pyvo looks for a public web host and binds to the full host name.
samp.conf.use_internet = False

LOAD = "table.load.votable"
HIGHLIGHT = "table.highlight.row"
MTYPES = (
    LOAD,
    "table.load.fits",
    HIGHLIGHT,
    "table.select.rowList",
    "samp.hub.event.*",
    "samp.hub.disconnect",
)
TOPCAT_SECONDS = 6  # it looks for a hub every few seconds
HUB_IS_GONE = (OSError, samp.SAMPProxyError, samp.SAMPHubError, samp.SAMPClientError)


@dataclass(frozen=True)
class Message:
    """One message as it came in; ``msg_id`` is None for a notification."""

    sender: str
    msg_id: str | None
    mtype: str
    params: dict[str, Any]


class Recorder:
    """A client at the hub that a lockfile names; `join` again after the hub came back.

    Parameters
    ----------
    lockfile : Path
        Of the hub; it must appear within a minute.
    name : str
        What the hub calls this client.
    after_topcat : bool
        As in `join`.
    """

    def __init__(self, lockfile: Path, name: str = "recorder", *, after_topcat: bool = False) -> None:
        self.messages: list[Message] = []
        self._lockfile, self._name = lockfile, name
        self._news = threading.Condition()
        self._tags = itertools.count(1)
        self._client: Any = None
        self._dismissed: set[str] = set()
        self.join(after_topcat=after_topcat)

    def join(self, *, after_topcat: bool = False) -> None:
        """Register at the hub that runs now.

        TOPCAT never learns of a client that comes at the very moment at which it comes itself: where it joins
        the same new hub, let it go first.
        """
        self.leave()
        self._dismissed.clear()
        hub = until(lambda: running_hub(self._lockfile), 60, f"a hub at {self._lockfile}")
        if after_topcat:
            written = self._lockfile.stat().st_mtime
            until(lambda: time.time() - written > TOPCAT_SECONDS, 60, "TOPCAT at the new hub")
        client = samp.SAMPIntegratedClient(name=self._name, description="Test client", addr="127.0.0.1")
        client.connect(hub_params=hub)
        for mtype in MTYPES:
            client.bind_receive_message(mtype, self._received, declare=False)
        client.declare_subscriptions()  # once: while pyvo's hub takes a second list, others may miss an event
        self._client = client

    def leave(self) -> None:
        """Unregister; the hub may be dead already, our own server is closed all the same."""
        client, self._client = self._client, None
        if client is None:
            return
        for act in (client.client.unregister, client.client.stop, client.hub.disconnect):
            with suppress(*HUB_IS_GONE):
                act()

    def _received(
        self, _key: str, sender: str, msg_id: str | None, mtype: str, params: dict[str, Any], _extra: object
    ) -> None:
        # Must not raise: pyvo's hub delivers again, up to ten times, when a handler does.
        with self._news:
            self.messages.append(Message(sender, msg_id, mtype, params))
            self._news.notify_all()
        if msg_id is not None:
            with suppress(*HUB_IS_GONE, AttributeError):
                self._client.reply(msg_id, {"samp.status": "samp.ok", "samp.result": {}})

    # --- who is there --------------------------------------------------------------------------------------
    def clients(self, name: str) -> list[str]:
        """Public ids of the clients whose name begins so, in any case of letters, but for the dismissed."""
        found = []
        for public_id in set(self._client.get_registered_clients()) - self._dismissed:
            with suppress(*HUB_IS_GONE):  # it may leave between the two calls
                label = self._client.get_metadata(public_id).get("samp.name", "")
                if label.lower().startswith(name.lower()):
                    found.append(public_id)
        return found

    def dismiss(self, name: str) -> None:
        """Count the clients of that name as dead: a hub goes on naming one that was killed."""
        with suppress(*HUB_IS_GONE, AttributeError):
            self._dismissed.update(self.clients(name))

    def wait_client(self, name: str, seconds: float = 90, mtype: str = LOAD) -> str:
        """Public id of a client of that name once it subscribes to the message."""

        def ready() -> str:
            for public_id in self.clients(name):
                with suppress(*HUB_IS_GONE):
                    if mtype in self._client.get_subscriptions(public_id):
                        return public_id
            return ""

        return until(ready, seconds, f"{name} at the hub")

    # --- what came -----------------------------------------------------------------------------------------
    def received(self, mtype: str = LOAD, sender: str | None = None, after: int = 0) -> list[Message]:
        """Messages of a type (and sender), from index ``after`` of all messages on."""
        return [m for m in self.messages[after:] if m.mtype == mtype and sender in (None, m.sender)]

    def wait(self, mtype: str, sender: str | None, seconds: float, after: int = 0) -> Message:
        """First such message; raises NotInTime."""
        with self._news:
            self._news.wait_for(lambda: self.received(mtype, sender, after), seconds)
            found = self.received(mtype, sender, after)
        if not found:
            raise NotInTime(f"{mtype} from {sender}: not within {seconds:g} s")
        return found[0]

    # --- what we say ---------------------------------------------------------------------------------------
    def ask(self, client: str, mtype: str, params: dict[str, Any], seconds: float = 30) -> dict[str, Any]:
        """Call a client (by public id) and return its response; raises NotInTime.

        The call is asynchronous with a tag of our own: pyvo's hub may drop a fast reply to ``callAndWait``.
        """
        answered, box = threading.Event(), []
        tag = f"{self._name}-{next(self._tags)}"

        def response(_key: str, _sender: str, _tag: str, reply: dict[str, Any]) -> None:
            box.append(reply)
            answered.set()

        self._client.bind_receive_response(tag, response)
        try:
            self._client.call(client, tag, {"samp.mtype": mtype, "samp.params": params})
            answered.wait(seconds)
        finally:
            self._client.unbind_receive_response(tag)
        if not box:
            raise NotInTime(f"reply to {mtype}: not within {seconds:g} s")
        return box[0]

    def send_table(self, client: str, table: Path, table_id: str) -> dict[str, Any]:
        """Send a VOTable to a client; its response."""
        return self.ask(client, LOAD, {"url": table.as_uri(), "name": table.stem, "table-id": table_id})

    def tell(self, client: str, mtype: str, params: dict[str, Any]) -> None:
        """Notify a client (by public id): no reply is expected."""
        self._client.notify(client, {"samp.mtype": mtype, "samp.params": params})


def running_hub(lockfile: Path) -> dict[str, str] | None:
    """Content of a lockfile whose hub answers a ping; None otherwise.

    TOPCAT's port is always the same: another TOPCAT may answer "404" at the address that a dead one has left.
    """
    running, content = check_running_hub(str(lockfile))
    if not running:
        return None
    try:
        xmlrpc.client.ServerProxy(content["samp.hub.xmlrpc.url"].replace("\\", "")).samp.hub.ping()
    except (OSError, xmlrpc.client.Error):
        return None
    return content
