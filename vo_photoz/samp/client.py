"""Our registration with a SAMP hub, kept up while hubs come and go.

pyvo.samp speaks the protocol; what it leaves open is closed here: timeouts on every call to the hub, answers
with tags and deadlines of our own (its call-and-wait loses fast replies), handlers that cannot raise (a hub
delivers again when one does), and registering anew when the hub has gone or has forgotten us.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vo_photoz.errors import PhotozError, TransientError
from vo_photoz.samp import messages
from vo_photoz.samp.connection import HUB_TROUBLE, Client, Connection
from vo_photoz.samp.hub import OwnHub
from vo_photoz.samp.lockfile import HubParams, find_hub, lockfile_age
from vo_photoz.samp.messages import Message, Params, Reply
from vo_photoz.samp.predecessor import succeed

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
GRACE_SECONDS = 10.0
"""After a hub has gone, other programs get this long to start theirs before we start one."""

SETTLE_SECONDS = 6.0
"""A hub that appears while we run must be so old. TOPCAT and its like register with a new hub in its first
seconds, and never learn of a client that comes at the same moment."""

REGISTER_SECONDS = 10.0
PATIENCE = 3
"""So many checks in a row may time out before a hub counts as gone."""


class HubClient:
    """A client that stays registered.

    Parameters
    ----------
    handler : callable
        Gets every `Message` of the subscribed types, in threads of the connection; must return soon.
    mtypes : sequence of str
        Types to subscribe to, besides the events that are needed here.
    start_hub : bool
        Whether a hub of our own is started when there is none.
    only_own : bool
        True: the first hub must be ours; it is an error if one already runs.
    on_change : callable or None
        Called when we have registered or a client has come, gone, or changed what it takes.
    kept : Path or None
        File in which a run leaves its registration to the next one, see `predecessor`.
    """

    def __init__(
        self,
        handler: Callable[[Message], None],
        mtypes: Sequence[str],
        *,
        start_hub: bool = True,
        only_own: bool = False,
        on_change: Callable[[], None] | None = None,
        kept: Path | None = None,
    ) -> None:
        self.instance = uuid.uuid4().hex
        self._handler = handler
        self._mtypes = (*mtypes, *messages.HUB_EVENTS, messages.SHUTDOWN, messages.DISCONNECT)
        self._start_hub, self._only_own, self._kept = start_hub, only_own, kept
        self._on_change = on_change or (lambda: None)
        self._own = OwnHub()
        self._connection: Connection | None = None
        self._tags = itertools.count(1)
        self._look = threading.Event()
        self._registering = threading.Lock()
        self._closing = False
        self._lost_at = -GRACE_SECONDS
        self._timeouts = 0
        self._watcher = threading.Thread(target=self._watch, name="samp-watch", daemon=True)

    # Life

    def start(self) -> None:
        """Register if there is a hub (or we may start one), and watch from now on.

        Raises
        ------
        UsageError
            Raised if SAMP_HUB cannot be meant, or the hub must be ours and another one runs.
        """
        if self._only_own:
            self._own.start()
        self._lost_at = time.monotonic() - GRACE_SECONDS
        self._register()
        self._watcher.start()

    def close(self) -> None:
        """Unregister, and stop our hub if there is one."""
        self._closing = True
        self._look.set()
        if self._watcher.is_alive():
            self._watcher.join(10)
        self._leave()
        self._own.stop()

    @property
    def is_registered(self) -> bool:
        """Whether a hub knows us, as far as we know."""
        return self._connection is not None

    @property
    def hub(self) -> str:
        """Tells one run of a hub from another; empty without one."""
        connection = self._connection
        return connection.identity if connection else ""

    @property
    def own_hub_runs(self) -> bool:
        """Whether the hub is ours."""
        return self._own.is_running

    # Talking

    def ask(self, client: str, mtype: str, params: Params, seconds: float) -> Reply | None:
        """Call a client and wait for its answer.

        Returns
        -------
        dict or None
            The answer; None when there was none in time.

        Raises
        ------
        TransientError
            Raised if there is no hub, or the hub does not know the client.
        """
        answers: list[Reply] = []
        answered = threading.Event()

        def received(reply: Reply) -> None:
            answers.append(reply)
            answered.set()

        tag = f"{self.instance[:8]}-{next(self._tags)}"
        with self._talking() as connection, connection.answers(tag, received):
            connection.call(client, tag, mtype, params)
            answered.wait(seconds)
        return answers[0] if answers else None

    def tell(self, client: str, mtype: str, params: Params) -> None:
        """Notify a client; raises as `ask` does."""
        with self._talking() as connection:
            connection.notify(client, mtype, params)

    def reply(self, message: Message, reply: Reply) -> None:
        """Answer a call; nothing happens when it was a notification or its hub has gone."""
        connection = self._connection
        if message.msg_id is None or connection is None or connection.key != message.key:
            return
        try:
            connection.reply(message.msg_id, reply)
        except HUB_TROUBLE as error:
            log.warning("an answer to %s could not be given: %s", message.mtype, error)

    def clients(self) -> list[Client]:
        """Everybody else at the hub; empty without one."""
        try:
            with self._talking() as connection:
                return connection.clients()
        except TransientError:
            return []

    def metadata(self, client: str) -> Mapping[str, Any]:
        """How a client presents itself; empty when it has gone."""
        try:
            with self._talking() as connection:
                return connection.metadata(client)
        except TransientError:
            return {}

    @contextlib.contextmanager
    def _talking(self) -> Iterator[Connection]:
        connection = self._connection
        if connection is None:
            raise TransientError("There is no SAMP hub.", advice="Start one with: vo-photoz hub")
        try:
            yield connection
        except HUB_TROUBLE as error:
            self._look.set()
            raise TransientError(f"The SAMP hub did not do what it was asked: {error}.") from None

    # Staying registered

    def _received(self, message: Message) -> None:
        """Handle a message; nothing is raised, for a hub would then deliver it again."""
        if message.mtype in (messages.SHUTDOWN, messages.DISCONNECT):
            log.info("the hub says %s", message.mtype)
            self._timeouts = PATIENCE
            self._look.set()
            return
        if self._registering.acquire(timeout=REGISTER_SECONDS):  # answers need the finished registration
            self._registering.release()
        try:
            if message.mtype.startswith("samp.hub.event."):
                self._on_change()
            else:
                self._handler(message)
        except Exception:
            log.exception("the message %s could not be handled", message.mtype)

    def _watch(self) -> None:
        while True:
            self._look.wait(WATCH_SECONDS)
            self._look.clear()
            if self._closing:
                return
            try:
                self._check()
            except Exception:
                log.exception("the connection to the hub could not be checked")

    def _check(self) -> None:
        """Leave a hub that has gone, and register with the one that there is."""
        if self._connection is not None and not self._is_known(self._connection):
            log.warning("the SAMP hub has gone")
            self._lost_at = time.monotonic()
            self._leave()
            self._on_change()
        if self._connection is None:
            self._register(youngest_hub=SETTLE_SECONDS)

    def _is_known(self, connection: Connection) -> bool:
        """Whether the hub of the lockfile is the one we are registered with, and knows us."""
        if self._own.is_running:
            self._own.keep_lockfile()
        running = connection.other_hub()
        if running is not None:
            log.warning("another hub has taken over the lockfile")
            self._own.stop()
            return False
        try:
            connection.check()
        except TimeoutError:
            self._timeouts += 1
            return self._timeouts < PATIENCE
        except HUB_TROUBLE:
            return False
        self._timeouts = 0
        return True

    def _register(self, *, youngest_hub: float = 0.0) -> None:
        """Register with the hub that there is, unless it is younger than so many seconds and not ours."""
        params = find_hub() or self._started()
        if params is None or (not self._own.is_running and lockfile_age() < youngest_hub):
            return
        try:
            told = messages.metadata(self.instance)
            with self._registering:
                self._connection = Connection(params, told, self._mtypes, self._received)
        except HUB_TROUBLE as error:
            log.warning("the SAMP hub does not register us: %s", error)
            return
        self._timeouts = 0
        if self._kept is not None:
            succeed(self._kept, self._connection)
        log.info("registered with the SAMP hub %s as %s", params.get("hub.label", ""), self._connection.id)
        self._on_change()

    def _started(self) -> HubParams | None:
        """Params of a hub of ours, if it is time to start one."""
        if not self._start_hub or time.monotonic() - self._lost_at < GRACE_SECONDS:
            return None
        try:
            if not self._own.is_running:
                return self._own.start()
        except (PhotozError, OSError) as error:
            log.warning("our hub could not be started: %s", error)
        return find_hub()

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
