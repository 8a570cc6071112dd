"""One registration with one hub, on top of pyvo.samp."""

from __future__ import annotations

import contextlib
import http.client
import logging
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

from vo_photoz.samp.hub import load_samp
from vo_photoz.samp.lockfile import (
    SECRET,
    URL,
    HubParams,
    TimedTransport,
    hub_identity,
    hub_lives,
    lockfile_path,
    read_lockfile,
)
from vo_photoz.samp.messages import Message, Params, Reply

log = logging.getLogger(__name__)

HUB_SECONDS = 10.0
"""A hub that takes longer for anything is stuck."""

POOL = 8
HUB_TROUBLE = (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError)


@dataclass(frozen=True)
class Client:
    """Another program at the hub.

    Parameters
    ----------
    id : str
        Valid as long as the hub lives.
    metadata : dict
        As it presents itself.
    mtypes : tuple of str
        What it subscribes to; may end in ``*``.
    """

    id: str
    metadata: Mapping[str, Any]
    mtypes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its samp.name; may be empty."""
        return str(self.metadata.get("samp.name", ""))

    def takes(self, mtype: str) -> bool:
        """Whether it subscribes to a type of message."""
        wild = (one[:-1] for one in self.mtypes if one.endswith("*"))
        return mtype in self.mtypes or any(mtype.startswith(start) for start in wild)


class Connection:
    """A registered client.

    Parameters
    ----------
    params : dict
        What the lockfile of the hub says.
    metadata : dict
        How we present ourselves.
    mtypes : sequence of str
        Types of messages to subscribe to.
    received : callable
        Gets every message; must not raise.

    Raises
    ------
    OSError or xmlrpc.client.Error
        Raised by every method (see ``HUB_TROUBLE``) if the hub cannot be reached or refuses.
    """

    def __init__(
        self,
        params: HubParams,
        metadata: Mapping[str, str],
        mtypes: Sequence[str],
        received: Callable[[Message], None],
    ) -> None:
        samp = load_samp()
        self.identity = hub_identity(params)
        self._params, self._receive = params, received
        self._hub = _proxy(samp, params)
        self._client = samp.SAMPClient(self._hub, metadata=dict(metadata), addr="127.0.0.1")
        # pyvo would tell every client the environment variables of this process.
        self._client.unbind_receive_call("client.env.get", declare=False)
        for mtype in mtypes:
            self._client.bind_receive_message(mtype, self._received, declare=False)
        self._client.start()
        try:
            self._client.register()
        except BaseException:
            self.close()
            raise
        self.key: str = self._client.get_private_key()
        self.id: str = self._client.get_public_id()

    def call(self, client: str, tag: str, mtype: str, params: Params) -> None:
        """Send a call whose answer comes to `answers`."""
        self._hub.call(self.key, client, tag, {"samp.mtype": mtype, "samp.params": params})

    def notify(self, client: str, mtype: str, params: Params) -> None:
        """Send a notification."""
        self._hub.notify(self.key, client, {"samp.mtype": mtype, "samp.params": params})

    def reply(self, msg_id: str, reply: Reply) -> None:
        """Answer a call."""
        self._hub.reply(self.key, msg_id, reply)

    @contextlib.contextmanager
    def answers(self, tag: str, received: Callable[[Reply], None]) -> Iterator[None]:
        """Within it, answers with this tag are received."""

        def response(private_key: str, responder: str, msg_tag: str, reply: Reply) -> None:  # noqa: ARG001
            received(reply)

        self._client.bind_receive_response(tag, response)
        try:
            yield
        finally:
            self._client.unbind_receive_response(tag)

    def metadata(self, client: str) -> dict[str, Any]:
        """How a client presents itself."""
        return dict(self._hub.get_metadata(self.key, client))

    def clients(self) -> list[Client]:
        """Everybody else."""
        found = []
        for client in self._hub.get_registered_clients(self.key):
            try:
                subscriptions = self._hub.get_subscriptions(self.key, client)
                found.append(Client(str(client), self.metadata(client), tuple(subscriptions)))
            except xmlrpc.client.Fault:  # it left between the two calls
                continue
        return found

    def check(self) -> None:
        """Raise if the hub has gone or no longer knows us."""
        self._hub.get_subscriptions(self.key, self.id)

    def other_hub(self) -> HubParams | None:
        """Another hub that has taken over the lockfile; None while there is none."""
        params = read_lockfile(lockfile_path())
        if params is None or params[SECRET] == self._params[SECRET] or not hub_lives(params):
            return None
        return params

    def unregister(self, key: str) -> None:
        """End another registration, given its private key."""
        self._hub.unregister(key)

    def close(self) -> None:
        """Unregister, as far as there is somebody to tell."""
        with contextlib.suppress(*HUB_TROUBLE):
            if self._client.get_private_key() is not None:
                self._client.unregister()
        try:
            self._client.stop()
        except load_samp().SAMPClientError as error:
            log.warning("%s", error)
        with contextlib.suppress(*HUB_TROUBLE):
            self._hub.disconnect()

    def _received(
        self, private_key: str, sender: str, msg_id: str | None, mtype: str, params: Params, extra: Params
    ) -> None:
        """Pass a message on. The six arguments are what pyvo counts."""
        del extra
        self._receive(Message(sender, msg_id, mtype, dict(params), private_key, self.identity))


def _proxy(samp: Any, params: HubParams) -> Any:
    """The hub's methods, over connections with a timeout."""
    from pyvo.samp.utils import ServerProxyPool  # noqa: PLC0415 - with pyvo

    class Proxy(samp.SAMPXXEServerProxy):  # type: ignore[misc]
        def __init__(self, url: str) -> None:
            super().__init__(url, transport=TimedTransport(HUB_SECONDS), allow_none=True)

    class Hub(samp.SAMPHubProxy):  # type: ignore[misc]
        @property
        def is_connected(self) -> bool:
            return self.proxy is not None

    hub = Hub()
    hub.lockfile = dict(params)
    hub.proxy = ServerProxyPool(POOL, Proxy, params[URL])
    return hub
