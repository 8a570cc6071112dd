"""Requests to one service under one total deadline, and what its answers mean."""

from __future__ import annotations

import threading
import time
from typing import Any

from vo_photoz.errors import DeadlineExceeded, ProtocolError, RateLimited, TransientError
from vo_photoz.http.exchange import Reply, exchange
from vo_photoz.http.fetch import BodyTooLarge
from vo_photoz.tap.services.answer import Overflow, error_words
from vo_photoz.tap.services.documents import DOCUMENT_BYTES
from vo_photoz.tap.services.failures import Refused, TooMuch, UploadTooLarge, failure

TOO_LARGE = 413


class Stopped(Exception):
    """The run was given up elsewhere; nobody waits for an answer.

    Parameters
    ----------
    keep_jobs : bool
        Whether another run will come back to the jobs.
    """

    def __init__(self, keep_jobs: bool) -> None:
        super().__init__()
        self.keep_jobs = keep_jobs


class Channel:
    """One service and the time that is left for it; shared by the threads that ask it.

    Parameters
    ----------
    url : str
        Base address of the service.
    end : float
        When all must be done, on the clock of `time.monotonic`.
    """

    def __init__(self, url: str, end: float) -> None:
        self.url = url
        self.end = end
        self.heard: float | None = None
        """When the service last answered."""
        self._stop = threading.Event()
        self._keep_jobs = False

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self.end - time.monotonic()

    def stop(self, *, keep_jobs: bool = False) -> None:
        """End what the threads wait for."""
        if not self._stop.is_set():
            self._keep_jobs = keep_jobs
        self._stop.set()

    def pause(self, seconds: float, reason: TransientError | None = None) -> None:
        """Wait, at least as long as the service asked for.

        Raises
        ------
        Stopped
            Raised if the run is given up.
        TransientError
            Raised if the service asks for more time than there is.
        """
        if isinstance(reason, RateLimited):
            seconds = max(seconds, reason.retry_after)
        if reason is not None and seconds >= self.left:
            raise reason
        if self._stop.wait(max(0.0, min(seconds, self.left))):
            raise Stopped(self._keep_jobs)

    def ask(
        self, method: str, url: str, seconds: float, *, max_bytes: int = DOCUMENT_BYTES, **request: Any
    ) -> Reply:
        """Send a request; arguments as of `vo_photoz.http.exchange.exchange`.

        Raises
        ------
        DeadlineExceeded
            Raised if the time of the whole run is over.
        TransientError, RateLimited
            Raised if the service cannot be reached, is silent for ``seconds``, or stays busy.
        UploadTooLarge
            Raised for HTTP 413.
        Overflow
            Raised if the answer is larger than ``max_bytes``.
        ProtocolError
            Raised if it does not speak HTTP, or a document is larger than any should be.
        TooMuch
            Raised if the words of an error say that less may pass.
        Refused, ServiceError
            Raised for any other status of 400 and above.
        """
        if self._stop.is_set():
            raise Stopped(self._keep_jobs)
        if self.left <= 0:
            raise self.over(url)
        try:
            reply = exchange(method, url, seconds=min(seconds, self.left), max_bytes=max_bytes, **request)
        except DeadlineExceeded as error:
            if self.left <= 0.05:
                raise self.over(url) from None
            raise TransientError(error.message, url=url) from None
        except BodyTooLarge as error:
            if max_bytes <= DOCUMENT_BYTES:
                raise ProtocolError(error.message, advice="Is it a TAP service?", url=url) from None
            # No row of it counts.
            raise Overflow(error.message, rows=0, advice="Ask for fewer rows at a time.", url=url) from None
        self.heard = time.monotonic()
        if reply.status == TOO_LARGE:
            raise UploadTooLarge(f"{url} refuses the upload as too large.", url=url)
        if reply.status >= 400:
            words = error_words(reply.body)
            message = f"{url} answered HTTP {reply.status}: {words}"
            known = failure(message, words, url)
            raise known if isinstance(known, TooMuch) else Refused(message, status=reply.status, url=url)
        return reply

    def over(self, url: str) -> DeadlineExceeded:
        """The error of a run whose time is over."""
        return DeadlineExceeded(
            f"{self.url} did not finish in the time allowed.",
            advice="Give more time (the setting tap_seconds) or fewer rows.",
            url=url,
        )
