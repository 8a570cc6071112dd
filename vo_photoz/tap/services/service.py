"""Queries to a TAP service, synchronous or as a job, under one total deadline."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from vo_photoz.errors import DeadlineExceeded, ServiceError, TransientError
from vo_photoz.http.exchange import Reply
from vo_photoz.tap.journal import Errand, JobNote
from vo_photoz.tap.services.answer import Answer, CutShort, read_answer
from vo_photoz.tap.services.channel import Channel, Stopped
from vo_photoz.tap.services.failures import UploadTooLarge
from vo_photoz.tap.services.jobs import FAILED, Jobs
from vo_photoz.tap.services.turns import turn
from vo_photoz.tap.services.upload import MIME, TABLE

__all__ = ["TapService", "UploadTooLarge"]

SYNC_SECONDS = 300.0
TRIES = 3
ANSWER_BYTES = 64_000_000
"""Largest answer that is taken; what is larger is asked for in pieces."""
ROW_BYTES = 2_000
"""A row of an answer is hardly longer."""


class TapService:
    """One TAP service and the time that is left for it.

    Parameters
    ----------
    url : str
        Base address, without /sync or /async.
    end : float
        When all must be done, on the clock of `time.monotonic`.
    """

    def __init__(self, url: str, end: float) -> None:
        self.url = url.rstrip("/")
        self.end = end
        self.channel = Channel(self.url, end)
        self.jobs = Jobs(self.channel)

    def query(
        self,
        adql: str,
        *,
        maxrec: int,
        upload: bytes | None = None,
        job: bool = False,
        errand: Errand | None = None,
    ) -> Answer:
        """Run a query.

        Parameters
        ----------
        adql : str
            The query.
        maxrec : int
            Largest number of rows; one row more is an error, never a shorter answer.
        upload : bytes or None
            VOTable that the query knows as ``TAP_UPLOAD.positions``.
        job : bool
            Whether it runs as a job (for what takes longer than a minute) or in one request.
        errand : Errand or None
            Where the address of the job and the answer are kept. A job that it knows of is waited for
            instead of making another one; it outlives a lost connection.

        Raises
        ------
        Truncated
            Raised if there are more rows.
        UploadTooLarge, TooMuch
            Raised if the service takes smaller uploads, or smaller tasks, only.
        DeadlineExceeded
            Raised if the time is over; the job is deleted.
        TransientError, RateLimited
            Raised if the service cannot be reached or stays busy.
        ProtocolError
            Raised if the answer is not what TAP says.
        ServiceError
            Raised if the service reports an error, with its words.
        """
        form = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": adql, "MAXREC": str(maxrec)}
        files = None
        if upload is not None:
            form["UPLOAD"] = f"{TABLE},param:{TABLE}"
            files = {TABLE: ("positions.vot", upload, MIME)}
        with turn(self.url, self.end):
            if job:
                return self._run_job(form, files, maxrec, errand)
            post = partial(self.channel.ask, "POST", f"{self.url}/sync", SYNC_SECONDS, data=form, files=files)
            return self._answer(post, maxrec, errand)

    def _answer(self, ask: Callable[..., Reply], maxrec: int, errand: Errand | None) -> Answer:
        """The checked answer; one that ends in the middle is asked for again."""
        for number in range(1, TRIES + 1):
            reply = ask(max_bytes=min(ANSWER_BYTES, 4_000_000 + maxrec * ROW_BYTES))
            try:
                answer = read_answer(reply.body, reply.url, maxrec)
            except CutShort:
                if number == TRIES:
                    raise
                continue
            if errand:
                errand.keep(answer, reply.body)
            return answer
        raise AssertionError("not reached: the last try returns or raises")

    def _run_job(
        self, form: dict[str, str], files: dict[str, Any] | None, maxrec: int, errand: Errand | None
    ) -> Answer:
        found = self._found(errand, form["QUERY"])
        note, phase = found or (self._made(form, files, maxrec, errand), "PENDING")
        try:
            if phase == "PENDING":
                self.jobs.start(note.url)
            result = self.jobs.wait(note.url)
            get = partial(self.channel.ask, "GET", result, max(0.1, self.channel.left))
            answer = self._answer(get, note.maxrec, errand)
        except TransientError:
            # It may still run: whoever asks again finds it, if its address is kept.
            if not errand:
                self.jobs.delete(note.url)
            raise
        except BaseException as error:
            if not (errand and isinstance(error, Stopped) and error.keep_jobs):
                self._delete(note.url, errand)
            raise
        self._delete(note.url, errand)
        return answer

    def _made(
        self, form: dict[str, str], files: dict[str, Any] | None, maxrec: int, errand: Errand | None
    ) -> JobNote:
        """A new job; its address is on disk before it runs."""
        note = JobNote(f"vo-photoz-{secrets.token_hex(8)}", maxrec)
        if errand:
            errand.write(note)
        try:
            note = replace(note, url=self.jobs.create(form, files, note))
        except (TransientError, DeadlineExceeded):
            raise  # there may be a job that the answer did not tell of: the note leads to it
        except ServiceError:
            if errand:
                errand.forget()
            raise
        if errand:
            errand.write(note)
        return note

    def _found(self, errand: Errand | None, adql: str) -> tuple[JobNote, str] | None:
        """The job that an earlier attempt made, if it can still come to an end, and its phase."""
        note = errand.note if errand else None
        if errand is None or note is None:
            return None
        if not note.url:
            self.jobs.destroy_orphans(note, adql)
            return None
        phase = self.jobs.find(note.url)
        if phase is not None and phase not in FAILED:
            return note, phase
        self._delete(note.url, errand)
        return None

    def _delete(self, job: str, errand: Errand | None) -> None:
        if self.jobs.delete(job) and errand:
            errand.forget()
