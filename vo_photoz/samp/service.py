"""The service: tables come in over SAMP, are worked off one after the other, and go back."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal

from vo_photoz.errors import JobError, PhotozError
from vo_photoz.flow import Progress, no_progress
from vo_photoz.pipeline.service.engine import Engine, Stopped
from vo_photoz.pipeline.service.job import Job
from vo_photoz.pipeline.service.store import JobStore
from vo_photoz.samp import messages
from vo_photoz.samp.client import HubClient
from vo_photoz.samp.delivery import Delivery
from vo_photoz.samp.intake import Intake, Sender
from vo_photoz.samp.messages import Message
from vo_photoz.settings import Settings

log = logging.getLogger(__name__)

MTYPES = (messages.LOAD_VOTABLE, messages.LOAD_FITS, messages.HIGHLIGHT_ROW, messages.SELECT_ROWS)
FETCHES = 8
"""Tables fetched at the same time; more wait."""

REMEMBERED = 1000
LOOK_SECONDS = 5.0
EXPIRY_SECONDS = 3600.0


class Service:
    """Composes the hub client, the store and the engine.

    Parameters
    ----------
    store : JobStore
        Of a data folder whose lock is held.
    engine : Engine
        Runs the predictions.
    settings : Settings
        Limits and lifetimes.
    options : dict
        What the predictions are asked for, kept with each job (survey, model, ...).
    hub : {"auto", "start", "none"}
        "auto": use a running hub or start ours; "start": ours; "none": no SAMP.
    on_news : callable or None
        Told of every job that came in, ended, or waits.
    on_trouble : callable or None
        Told in a sentence of results that cannot go out now.
    """

    def __init__(
        self,
        store: JobStore,
        engine: Engine,
        settings: Settings,
        *,
        options: dict[str, Any] | None = None,
        hub: Literal["auto", "start", "none"] = "auto",
        on_news: Callable[[Job], None] | None = None,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        self.store, self._engine, self._settings = store, engine, settings
        self._on_news = on_news or (lambda _: None)
        self._intake = Intake(store, settings, options or {})
        self._fetches = threading.BoundedSemaphore(FETCHES)
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._seen_lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.hub: HubClient | None = None
        self._delivery: Delivery | None = None
        if hub != "none":
            kept = settings.data_dir / "samp-registration"
            self.hub = HubClient(
                self.receive, MTYPES, only_own=hub == "start", on_change=store.wake, kept=kept
            )
            self._delivery = Delivery(self.hub, store, broadcast=settings.broadcast, on_trouble=on_trouble)

    def register(self) -> None:
        """Take up what was left undone, and register with the hub; messages are taken from now on."""
        self.store.resume()
        if self.hub is not None:
            self.hub.start()

    def start(self) -> None:
        """Begin to work and to deliver; the page must be served from now on."""
        for job in self.store.unchecked():
            self._apart(self._check_again, job)
        for loop in (self._work, self._look_after):
            thread = threading.Thread(target=loop, name=f"service{loop.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Unregister, stop the job that runs (it is taken up at the next start), and end the threads."""
        self._stopping.set()
        if self.hub is not None:
            self.hub.close()
        self._engine.stop()
        self.store.wake()
        for thread in self._threads:
            thread.join(10)

    # Messages

    def receive(self, message: Message) -> None:
        """Handle a message; returns at once."""
        if self._was_seen(message):
            log.info("the message %s was delivered again", message.msg_id)
        elif message.mtype in messages.FORMATS:
            self._apart(self._take, message)
        else:
            self._apart(self._show, message)

    def _was_seen(self, message: Message) -> bool:
        """Whether a call has come before: a hub may deliver it more than once."""
        if message.msg_id is None:
            return False
        key = (message.hub, message.msg_id)
        with self._seen_lock:
            seen = key in self._seen
            self._seen[key] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return seen

    def _take(self, message: Message) -> None:
        """Take a table in and answer."""
        metadata = self.hub.metadata(message.sender) if self.hub is not None else {}
        sender = Sender(message.sender, message.hub, metadata)
        try:
            table = messages.read_table_sent(message.mtype, message.params)
            with self._fetches:
                job = self._intake.take(table, sender)
        except PhotozError as error:
            log.warning("a table of %s was refused: %s", sender.name, error)
            self._answer(message, messages.failed(error))
        except Exception as error:
            log.exception("a table of %s could not be taken", sender.name)
            self._answer(message, messages.failed(f"vo_photoz failed ({type(error).__name__})."))
        else:
            log.info("the table %s of %s (%d rows) is %s", job.name, sender.name, job.n_rows, job.state)
            self._answer(message, messages.ok())
            self._on_news(job)

    def _check_again(self, job: Job) -> None:
        try:
            self._on_news(self._intake.check(job))
        except PhotozError as error:
            log.warning("the table %s was refused: %s", job.name, error)

    def _show(self, message: Message) -> None:
        """Remember which row was clicked, for the page."""
        table_id, rows = messages.read_rows(message.params)
        job = self.store.job_of_table(table_id) if table_id else None
        if job is None:
            self._answer(message, messages.failed("vo_photoz does not have this table."))
        elif any(row >= job.n_rows for row in rows):
            self._answer(message, messages.failed(f"The table has {job.n_rows} rows, counted from 0."))
        else:
            if len(rows) == 1:  # a selection of many is no click
                self.store.shown = (job.id, rows[0])
            self._answer(message, messages.ok())

    def _answer(self, message: Message, reply: messages.Reply) -> None:
        if self.hub is not None:
            self.hub.reply(message, reply)

    def _apart(self, task: Callable[[Any], None], about: object) -> None:
        threading.Thread(target=task, args=(about,), name=f"service{task.__name__}", daemon=True).start()

    # Work

    def _work(self) -> None:
        """Work jobs off until we stop."""
        seen = -1
        while not self._stopping.is_set():
            try:
                job = self.store.claim()
                if job is None:
                    seen = self.store.wait(seen, LOOK_SECONDS)
                else:
                    self._run(job)
            except Exception:  # the disk may be full for a while
                log.exception("the queue could not be worked off")
                self._stopping.wait(LOOK_SECONDS)

    def _run(self, job: Job) -> None:
        log.info("the prediction of %s begins (%d rows)", job.name, job.n_rows)
        try:
            self._engine.run(job, _logged(job))
            if not job.result.is_file():
                raise JobError("The prediction has written no result.")
        except Stopped:
            self.store.give_back(job.id)
            return
        except PhotozError as error:
            log.warning("the prediction of %s failed: %s", job.name, error)
            ended = self.store.fail(job.id, messages.ascii_text(error))
        else:
            ended = self.store.finish(job.id)
        self._on_news(ended)

    def _look_after(self) -> None:
        """Deliver what is done and forget what is old."""
        seen, waited = -1, EXPIRY_SECONDS
        while not self._stopping.is_set():
            try:
                if self._delivery is not None:
                    self._delivery.send_all()
                if waited >= EXPIRY_SECONDS:
                    self.store.expire(self._settings.result_days)
                    waited = 0.0
            except Exception:
                log.exception("results could not be delivered")
            seen = self.store.wait(seen, LOOK_SECONDS)
            waited += LOOK_SECONDS


def _logged(job: Job) -> Progress:
    if not log.isEnabledFor(logging.DEBUG):
        return no_progress

    def progress(step: str, done: int, total: int) -> None:
        log.debug("%s: %s %d of %d", job.name, step, done, total)

    return progress
