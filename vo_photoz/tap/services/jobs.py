"""Jobs of a service (UWS): made once, started once, waited for, deleted; found again by their address."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

from vo_photoz.errors import DeadlineExceeded, ProtocolError, ServiceError, TransientError
from vo_photoz.http.exchange import Reply, exchange
from vo_photoz.tap.journal import JobNote
from vo_photoz.tap.services.answer import error_words
from vo_photoz.tap.services.channel import Channel
from vo_photoz.tap.services.documents import JobDocument, pending_jobs
from vo_photoz.tap.services.failures import Refused, TooMuch, failure

STEP_SECONDS = 120.0
POLL_SECONDS = 60.0
BLOCK_SECONDS = 20
LOST_SECONDS = 180.0
"""A job whose server is silent for this long is given up for now; the next run finds it by its address."""
LAST_WORD_SECONDS = 10.0
SETTLE_SECONDS = 0.5
"""Time a service gets to see a request whose answer was lost."""
TRIES = 5
DOCUMENT_TRIES = 3
MOST_ORPHANS = 50
GONE = (404, 410)
FAILED = ("ERROR", "ABORTED", "ARCHIVED")


class Jobs:
    """The jobs under ``/async`` of a service.

    Parameters
    ----------
    channel : Channel
        To the service.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.url = f"{channel.url}/async"

    def create(self, form: dict[str, str], files: dict[str, Any] | None, note: JobNote) -> str:
        """Make a job that does not run yet; return its address.

        The answer may be lost although the job was made. Such an orphan is looked for and destroyed before
        the job is made again.
        """
        form = {**form, "RUNID": note.mark, "MAXREC": str(note.maxrec)}
        for number in range(1, TRIES + 1):
            try:
                reply = self.channel.ask(
                    "POST", self.url, STEP_SECONDS, data=form, files=files, follow=False, attempts=1
                )
                return self._address(reply)
            except TransientError as error:
                if number == TRIES:
                    raise
                self.channel.pause(SETTLE_SECONDS * number, error)
                self.destroy_orphans(note, form["QUERY"])
        raise AssertionError("not reached: the last try returns or raises")

    def _address(self, created: Reply) -> str:
        where = created.headers.get("Location")
        if not where:
            raise ProtocolError(f"{self.url} made no job.", advice="Is it a TAP service?", url=created.url)
        # Some services keep their jobs elsewhere than under /async: only the given address counts.
        return urljoin(created.url, where)

    def destroy_orphans(self, note: JobNote, adql: str) -> None:
        """Delete jobs that were made but never told of, as far as the service lists its jobs."""
        with suppress(ServiceError):
            newest = {"PHASE": "PENDING", "LAST": str(MOST_ORPHANS)}
            listed = self.channel.ask("GET", self.url, STEP_SECONDS, params=newest)
            for job in pending_jobs(listed.body, listed.url)[:MOST_ORPHANS]:
                with suppress(ServiceError):
                    if self._is_orphan(self.look(job), note, adql):
                        self.delete(job)

    def _is_orphan(self, document: JobDocument, note: JobNote, adql: str) -> bool:
        """Whether a job was made for this note. Some services lose the RUNID; all keep query and MAXREC."""
        if document.phase != "PENDING":
            return False
        if document.run_id:
            return document.run_id == note.mark
        same = " ".join(document.parameters.get("query", "").split()) == " ".join(adql.split())
        return same and document.parameters.get("maxrec") == str(note.maxrec)

    def start(self, job: str) -> None:
        """Start a job, by a request of its own: services ignore a PHASE in the creating one.

        The request may have arrived although its answer was lost, and a second RUN kills a job that runs (on
        DaCHS 2.7): it is only sent to a job that is seen waiting.
        """
        for number in range(1, TRIES + 1):
            try:
                run = {"PHASE": "RUN"}
                self.channel.ask("POST", f"{job}/phase", STEP_SECONDS, data=run, follow=False, attempts=1)
                return
            except DeadlineExceeded:
                raise
            except ServiceError as error:
                transient = error if isinstance(error, TransientError) else None
                self.channel.pause(SETTLE_SECONDS * number, transient)
                if self._seen(job).phase != "PENDING":
                    return
                if number == TRIES or transient is None:
                    raise

    def wait(self, job: str) -> str:
        """Address of the result of a job, as soon as there is one."""
        pause = 0.1
        while True:
            asked = time.monotonic()
            document = self._seen(job, block=True)
            if document.phase == "COMPLETED":
                return document.result_address(job)
            if document.phase in FAILED:
                raise self._failure(document, job)
            # A service that does not know WAIT answers at once.
            self.channel.pause(pause if time.monotonic() - asked < 1 else 0)
            pause = min(pause * 1.5, 10.0)

    def _seen(self, job: str, *, block: bool = False) -> JobDocument:
        """The job's document, asked for until it comes or the service has been silent for long."""
        pause, since, damaged = 0.1, time.monotonic(), 0
        while True:
            try:
                return self.look(job, block=block)
            except TransientError as error:
                if time.monotonic() - since > LOST_SECONDS:
                    raise
                self.channel.pause(pause, error)
                pause = min(pause * 1.5, 10.0)
            except ProtocolError:
                # Half a document, or a page of maintenance: the job does not know of it.
                damaged += 1
                if damaged == DOCUMENT_TRIES:
                    raise
                self.channel.pause(SETTLE_SECONDS * damaged)

    def look(self, job: str, *, block: bool = False) -> JobDocument:
        """The job's document; with ``block`` the service may wait for a change of phase."""
        seconds = int(min(BLOCK_SECONDS, max(1.0, self.channel.left)))
        params = {"WAIT": str(seconds)} if block else None
        reply = self.channel.ask("GET", job, POLL_SECONDS, params=params, attempts=2)
        return JobDocument.read(reply.body, job)

    def find(self, job: str) -> str | None:
        """Phase of a job of an earlier run; None if there is no such job any more."""
        try:
            return self.look(job).phase
        except Refused as error:
            if error.status in GONE:
                return None
            raise

    def _failure(self, document: JobDocument, job: str) -> ServiceError:
        """Why a job failed."""
        try:
            words = error_words(self.channel.ask("GET", f"{job}/error", STEP_SECONDS, attempts=2).body)
        except ServiceError:
            words = document.message
        words = words or f"the job ended in phase {document.phase}, without words"
        message = f"{self.channel.url} reports: {words}"
        if document.phase == "ABORTED":
            # Nobody here aborted it: the service does so when the time it gives to a job is over.
            return TooMuch(message, advice="Ask for fewer rows at a time.", url=job)
        return failure(message, words, job)

    def delete(self, job: str) -> bool:
        """Delete a job; False if the service cannot be reached.

        The archive's disk is not ours to fill; whether it deletes the job changes nothing for the user.
        """
        try:
            exchange("DELETE", job, seconds=LAST_WORD_SECONDS, follow=False)
        except ServiceError:
            return False
        return True
