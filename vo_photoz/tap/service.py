"""Queries to a TAP service, synchronous or as a UWS job, under one total deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

from pyvo.io.uws import parse_job

from vo_photoz.errors import DeadlineExceeded, ProtocolError, ServiceError, TransientError
from vo_photoz.http.exchange import Reply, exchange
from vo_photoz.tap.answer import UNREADABLE, Answer, error_words, read_answer
from vo_photoz.tap.upload import MIME, TABLE

SYNC_SECONDS = 300.0
STEP_SECONDS = 120.0
POLL_SECONDS = 60.0
BLOCK_SECONDS = 20
LOST_SECONDS = 180.0
"""A job whose server is silent for this long is given up."""
LAST_WORD_SECONDS = 5.0
TOO_LARGE = 413


class UploadTooLarge(ServiceError):
    """The service takes smaller uploads only."""

    code = "service-upload"


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

    def query(self, adql: str, *, maxrec: int, upload: bytes | None = None, job: bool = False) -> Answer:
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

        Raises
        ------
        Truncated
            Raised if there are more rows.
        UploadTooLarge
            Raised if the service takes smaller uploads only.
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
        with _turn(self.url, self.end):
            if job:
                return self._run_job(form, files, maxrec)
            reply = self._ask("POST", f"{self.url}/sync", SYNC_SECONDS, data=form, files=files)
        return read_answer(reply.body, reply.url, maxrec)

    def _run_job(self, form: dict[str, str], files: dict[str, Any] | None, maxrec: int) -> Answer:
        created = self._ask("POST", f"{self.url}/async", STEP_SECONDS, data=form, files=files, follow=False)
        where = created.headers.get("Location")
        if not where:
            raise ProtocolError(
                f"{self.url}/async made no job.", advice="Is it a TAP service?", url=created.url
            )
        # Some services keep their jobs elsewhere than under /async: only the given address counts.
        job = urljoin(created.url, where)
        try:
            self._start(job)
            result = self._wait(job)
            reply = self._ask("GET", result, self.end - time.monotonic())
            return read_answer(reply.body, reply.url, maxrec)
        finally:
            # The archive's disk is not ours to fill; whether it deletes the job changes nothing for the user.
            with suppress(ServiceError):
                exchange("DELETE", job, seconds=LAST_WORD_SECONDS, attempts=1, follow=False)

    def _start(self, job: str) -> None:
        """Start a job, by a request of its own: services ignore a PHASE in the creating one."""
        try:
            self._ask("POST", f"{job}/phase", STEP_SECONDS, data={"PHASE": "RUN"}, follow=False)
        except DeadlineExceeded:
            raise
        except ServiceError:
            # The request may have arrived although its answer was lost; a second RUN is then refused.
            if self._look(job, block=False).phase == "PENDING":
                raise

    def _wait(self, job: str) -> str:
        """Address of the result of a job, as soon as there is one."""
        pause, last_seen = 0.1, time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                document = self._look(job, block=True)
                last_seen = time.monotonic()
            except (TransientError, DeadlineExceeded):
                if min(self.end, last_seen + LOST_SECONDS) <= time.monotonic():
                    raise
                document = None
            if document is not None and document.phase == "COMPLETED":
                return _result_address(document, job)
            if document is not None and document.phase in ("ERROR", "ABORTED", "ARCHIVED"):
                raise ServiceError(f"{self.url} reports: {self._job_words(document, job)}", url=job)
            # A service that does not know WAIT answers at once.
            if time.monotonic() - asked < 1:
                time.sleep(max(0.0, min(pause, self.end - time.monotonic())))
                pause = min(pause * 1.5, 10.0)

    def _look(self, job: str, *, block: bool) -> Any:
        """The job's document; with ``block`` the service may wait for a change of phase."""
        seconds = int(min(BLOCK_SECONDS, max(1.0, self.end - time.monotonic())))
        params = {"WAIT": str(seconds)} if block else None
        reply = self._ask("GET", job, POLL_SECONDS, params=params, attempts=2)
        try:
            return parse_job(BytesIO(reply.body))
        except (*UNREADABLE, AttributeError):
            raise ProtocolError(f"{job} is not the document of a job.", url=job) from None

    def _job_words(self, document: Any, job: str) -> str:
        """Why a job failed."""
        try:
            words = error_words(self._ask("GET", f"{job}/error", STEP_SECONDS, attempts=2).body)
        except ServiceError:
            message = getattr(document.errorsummary, "message", None)
            words = " ".join(str(getattr(message, "content", None) or "").split())
        return words or f"the job ended in phase {document.phase}, without words"

    def _ask(self, method: str, url: str, seconds: float, **request: Any) -> Reply:
        left = self.end - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(
                f"{self.url} did not finish in the time allowed.",
                advice="Give more time (the setting tap_seconds) or fewer rows.",
                url=url,
            )
        reply = exchange(method, url, seconds=min(seconds, left), **request)
        if reply.status == TOO_LARGE:
            raise UploadTooLarge(f"{url} refuses the upload as too large.", url=url)
        if reply.status >= 400:
            raise ServiceError(f"{url} answered HTTP {reply.status}: {error_words(reply.body)}", url=url)
        return reply


def _result_address(document: Any, job: str) -> str:
    """Address of the table among the results of a job."""
    results = [(str(result.id_), str(result.href)) for result in document.results or () if result.href]
    fitting = [href for _, href in results if href.endswith("results/result")]
    named = [href for name, href in results if name == "result"]
    return urljoin(f"{job}/", next(iter([*fitting, *named]), "results/result"))


_turns: dict[str, threading.Lock] = {}
_turns_lock = threading.Lock()


@contextmanager
def _turn(url: str, end: float) -> Iterator[None]:
    """One query to a host at a time: archives ban who sends many."""
    host = urlsplit(url).netloc
    with _turns_lock:
        lock = _turns.setdefault(host, threading.Lock())
    if not lock.acquire(timeout=max(0.0, end - time.monotonic())):
        raise DeadlineExceeded(f"Another query to {host} took all the time allowed.", url=url)
    try:
        yield
    finally:
        lock.release()
