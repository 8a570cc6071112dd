"""Results that go out: to the client that sent the table, or to everybody who takes tables."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from vo_photoz.errors import TransientError
from vo_photoz.pipeline.service.job import Job
from vo_photoz.pipeline.service.store import JobStore
from vo_photoz.samp import messages
from vo_photoz.samp.client import HubClient
from vo_photoz.samp.connection import Client

log = logging.getLogger(__name__)

REPLY_SECONDS = 60.0
PING_SECONDS = 10.0
ALADIN_START_SECONDS = 8.0
"""An Aladin that has sent nothing yet must be known for so long: while it starts it answers a ping, but loses
a table without a word."""

SENDER = "sender"


class _StartingError(TransientError):
    """A client that will take results in a moment: nothing that the user must know of."""


class Delivery:
    """Sends results.

    Parameters
    ----------
    hub : HubClient
        Over which they go.
    store : JobStore
        Where results and what became of their delivery are kept.
    broadcast : bool
        Whether every client that takes tables gets them, not the sender alone.
    on_trouble : callable or None
        Told once for each result that has to wait, and why.
    """

    def __init__(
        self,
        hub: HubClient,
        store: JobStore,
        *,
        broadcast: bool = False,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        self._hub = hub
        self._store = store
        self._broadcast = broadcast
        self._on_trouble = on_trouble or (lambda _: None)
        self._troubled: set[str] = set()
        self._lock = threading.Lock()
        self._under_way: set[str] = set()
        self._first_seen: dict[tuple[str, str], float] = {}

    def send_all(self) -> None:
        """Start to send every result that is open; a slow recipient keeps no other one waiting."""
        if not self._hub.is_registered or not self._store.port:
            return
        for job in self._store.undelivered():
            with self._lock:
                if job.id in self._under_way:
                    continue
                self._under_way.add(job.id)
            threading.Thread(target=self._send_apart, args=(job,), name="samp-send", daemon=True).start()

    def _send_apart(self, job: Job) -> None:
        try:
            self.send(job)
        except _StartingError as error:
            log.info("the result of %s waits: %s", job.name, error)
        except TransientError as error:
            self._wait(job, error)
        except Exception:
            log.exception("the result of %s could not be sent", job.name)
        finally:
            with self._lock:
                self._under_way.discard(job.id)

    def _wait(self, job: Job, error: TransientError) -> None:
        if job.id not in self._troubled:
            self._troubled.add(job.id)
            log.warning("the result of %s waits: %s", job.name, error)
            self._on_trouble(f"The result of {job.name} waits. {error}")

    def send(self, job: Job) -> None:
        """Send a result to those who should have it and are there.

        Raises
        ------
        TransientError
            Raised if the hub or a recipient goes away meanwhile; the delivery then stays open.
        """
        clients = [one for one in self._hub.clients() if one.takes(messages.LOAD_VOTABLE)]
        senders = find_senders(job, clients, self._hub.hub)
        served = senders[0] if senders else None
        try:
            if senders:
                served = self._send_to_first(job, senders)
                self._store.set_delivered(job.id)
        finally:
            if self._broadcast:
                self._send_to_others(job, [one for one in clients if one != served])

    def _send_to_first(self, job: Job, senders: list[Client]) -> Client:
        """Send to the first of the sender's name who lives: a hub goes on naming one that has died."""
        trouble: TransientError | None = None
        for client in senders:
            try:
                self._check_started(job, client)
                if len(senders) > 1:
                    self._check_hears(client)
                self._send_to(job, client, SENDER)
            except TransientError as error:
                trouble = error if trouble is None or isinstance(error, _StartingError) else trouble
            else:
                return client
        raise trouble or TransientError(f"{job.sender} is not there.")

    def _send_to_others(self, job: Job, clients: list[Client]) -> None:
        """Whoever of them cannot take it now is left out: the sender alone is waited for."""
        for client in clients:
            if messages.is_one_of_us(client.metadata):
                continue
            try:
                self._send_to(job, client, f"{client.name} {client.id} {self._hub.hub}")
            except TransientError as error:
                self._wait(job, error)

    def _send_to(self, job: Job, client: Client, recipient: str) -> None:
        _, outcome = self._store.delivery(job.id, recipient)
        if outcome:
            return
        outcome = (
            self._tell(job, client, recipient)
            if messages.is_aladin(client.metadata)
            else self._call(job, client, recipient)
        )
        self._store.set_outcome(job.id, recipient, outcome)
        log.info("the result of %s went to %s: %s", job.name, client.name, outcome)

    def _tell(self, job: Job, client: Client, recipient: str) -> str:
        """Notify Aladin, which never answers its first load, and turn it to the sources.

        Aladin 12 comes back to a hub that was restarted but hears nothing of it, so it is called first.
        """
        self._check_hears(client)
        table_id, _ = self._store.delivery(job.id, recipient)
        self._hub.tell(client.id, messages.LOAD_VOTABLE, _params(job, client, table_id))
        if job.ra is not None and job.dec is not None:
            self._hub.tell(client.id, messages.POINT_AT, messages.point_at(job.ra, job.dec))
        return "told"

    def _check_started(self, job: Job, client: Client) -> None:
        """Raise if this is an Aladin that may still be starting; one that has sent its table is not."""
        if not messages.is_aladin(client.metadata) or self._is_sender(job, client):
            return
        now = time.monotonic()
        if now - self._first_seen.setdefault((self._hub.hub, client.id), now) < ALADIN_START_SECONDS:
            raise _StartingError(f"{client.name} may be starting.")

    def _is_sender(self, job: Job, client: Client) -> bool:
        return client.id == job.sender_id and job.session == self._hub.hub

    def _check_hears(self, client: Client) -> None:
        """Raise TransientError if a client that should answer a ping does not."""
        if client.takes(messages.PING) and self._hub.ask(client.id, messages.PING, {}, PING_SECONDS) is None:
            raise TransientError(
                f"{client.name} does not answer.",
                advice=f"Start {client.name} anew: the result then goes to it.",
            )

    def _call(self, job: Job, client: Client, recipient: str) -> str:
        """Call a client, once more if that brings nothing.

        Without an answer the same identifier is used again: if the table did arrive, the client says that it
        knows it, instead of loading it twice. After a refusal a new one is used, since the client may
        remember the old one without having the table.
        """
        outcome = "no answer"
        refused = False
        for _ in range(2):
            table_id, _ = self._store.delivery(job.id, recipient, renew=refused)
            params = _params(job, client, table_id)
            reply = self._hub.ask(client.id, messages.LOAD_VOTABLE, params, REPLY_SECONDS)
            if reply is None:
                continue
            complaint = messages.reply_error(reply)
            if not complaint or messages.is_known_table(complaint):
                return "ok"
            outcome, refused = f"refused: {complaint}", True
        log.warning("the result of %s for %s: %s", job.name, client.name, outcome)
        return outcome


def _params(job: Job, client: Client, table_id: str) -> messages.Params:
    """What a client is told of a result."""
    file = "result-binary2.vot" if messages.reads_binary2(client.metadata) else "result.vot"
    return messages.load_table(f"{job.page}/{file}", f"{job.name}_photoz", table_id)


def find_senders(job: Job, clients: list[Client], hub: str) -> list[Client]:
    """The client that sent the table, then the others of its name, the newest first."""
    named = [client for client in clients if job.sender in (client.name, client.id)][::-1]
    same = [client for client in named if client.id == job.sender_id and job.session == hub]
    return same + [client for client in named if client not in same]
