"""A crossmatch with one service: pieces asked two at a time, each kept on disk as soon as it is there."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from vo_photoz.errors import DeadlineExceeded, ServiceError, TransientError, Truncated
from vo_photoz.sky.pairs import Pairs
from vo_photoz.tap.asking import Asking
from vo_photoz.tap.chunks import Chunks, apart, remaining
from vo_photoz.tap.journal import Errand, Journal, Piece
from vo_photoz.tap.services.answer import read_answer
from vo_photoz.tap.services.channel import Stopped
from vo_photoz.tap.services.failures import TooMuch
from vo_photoz.tap.services.jobs import LOST_SECONDS
from vo_photoz.tap.services.service import TapService
from vo_photoz.tap.services.turns import HOST_JOBS
from vo_photoz.tap.services.upload import rows_within

FIRST_ROWS = 20_011
LARGEST_ROWS = 200_011
"""Not round, so that an answer with a partner for every row does not look cut at a round number."""
CONES = 50
SYNC_ROWS = 1_000
"""Up to so many rows are asked in one request, without a job."""
LAST_SECONDS = 10.0
"""Time that threads get to delete their jobs when a run has failed."""


class Run:
    """One crossmatch with one service.

    Parameters
    ----------
    service : TapService
        Who is asked.
    asking : Asking
        What is asked.
    journal : Journal
        Where jobs and answers are kept.
    chunk_rows : int or None
        Positions sent at a time, at most; None lets the service's speed decide.
    tell : callable
        Told how many rows are done.
    """

    def __init__(
        self,
        service: TapService,
        asking: Asking,
        journal: Journal,
        chunk_rows: int | None,
        tell: Callable[[int], None],
    ) -> None:
        self.service = service
        self.asking = asking
        self.journal = journal
        self.tell = tell
        self.parts: dict[Piece, Pairs] = self._kept()
        self.resumed = len(self.parts)
        self.chunks = self._planned(chunk_rows)
        self._events: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def _kept(self) -> dict[Piece, Pairs]:
        """Answers that an earlier run left; what cannot be read is asked again."""
        found = {}
        wanted = apart(self.journal.answers(), rows=len(self.asking.rows))
        for piece in wanted:
            body = self.journal.answer(piece)
            try:
                if body is not None:
                    found[piece] = self.asking.pairs(read_answer(body, self.service.url, 0), piece)
                    continue
            except ServiceError:
                pass
            self.journal.drop(piece)
        return found

    def _planned(self, chunk_rows: int | None) -> Chunks:
        rows, limits = len(self.asking.rows), self.asking.limits
        running = apart(self.journal.notes(), self.parts, rows)
        free = remaining(rows, [*self.parts, *running])
        largest = LARGEST_ROWS if chunk_rows is None else chunk_rows
        if not self.asking.query.upload:
            return Chunks(free, running, size=CONES, largest=min(largest, CONES))
        bounds = [largest, limits.upload_rows, rows_within(limits.upload_bytes), limits.most_rows]
        largest = max(1, min(bound for bound in bounds if bound is not None))
        size = max((len(piece) for piece in self.parts), default=FIRST_ROWS)
        return Chunks(free, running, size=size, largest=largest)

    def pairs(self) -> list[Pairs]:
        """Pairs of all pieces, in the order of the rows.

        Raises
        ------
        ServiceError
            Raised if the service fails; what is finished, and jobs that may still run, stay in the journal.
        """
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self._threads())]
        for thread in threads:
            thread.start()
        try:
            self._follow(len(threads))
        except BaseException as error:
            self.chunks.fail(error)
            raise
        finally:
            if self.chunks.error is not None:
                self._stop(threads)
        if self.chunks.error is not None:
            raise self._told(self.chunks.error)
        for note in self.journal.notes().values():
            if note.url:
                self.service.jobs.delete(note.url)
        return [self.parts[piece] for piece in sorted(self.parts, key=lambda one: one.start)]

    def _threads(self) -> int:
        return HOST_JOBS if len(self.asking.rows) > min(SYNC_ROWS, self.chunks.size) else 1

    def _follow(self, running: int) -> None:
        """Tell of what is done until every thread has ended, or one has failed."""
        done = sum(len(piece) for piece in self.parts)
        if done:
            self.tell(done)
        while running and self.chunks.error is None:
            event = self._events.get()
            if event is None:
                running -= 1
            else:
                done += event
                self.tell(done)

    def _stop(self, threads: list[threading.Thread]) -> None:
        self.service.channel.stop()
        end = time.monotonic() + LAST_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _told(self, error: BaseException) -> BaseException:
        if isinstance(error, DeadlineExceeded) and self.parts and self.journal.folder is not None:
            error.advice = f"{error.advice} What is finished is kept: the same command goes on from there."
        return error

    def _work(self) -> None:
        """Ask about piece after piece, until all is done or the run has failed."""
        try:
            while (piece := self.chunks.take()) is not None:
                started = time.monotonic()
                try:
                    self.parts[piece] = self._ask(piece)
                except (Truncated, TooMuch) as error:
                    self.chunks.refused(piece, error)
                else:
                    self.chunks.done(piece, time.monotonic() - started)
                    self._events.put(len(piece))
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again where the run was started
            self.chunks.fail(error)
            # Behind a lost connection the jobs run on: the next run finds them by their addresses.
            self.service.channel.stop(keep_jobs=isinstance(error, TransientError))
        finally:
            self._events.put(None)

    def _ask(self, piece: Piece) -> Pairs:
        """Pairs of a piece; a service that has answered before is given time to come back."""
        failing, pause = 0.0, 0.5
        while True:
            try:
                return self._ask_once(piece)
            except TransientError as error:
                now = time.monotonic()
                failing = failing or now
                if self.service.channel.heard is None or now - failing > LOST_SECONDS:
                    raise
                self.service.channel.pause(pause, error)
                pause = min(pause * 2, 15.0)

    def _ask_once(self, piece: Piece) -> Pairs:
        adql, upload = self.asking.request(piece)
        answer = self.service.query(
            adql,
            maxrec=self.asking.most_rows(piece),
            upload=upload,
            job=upload is not None and len(piece) > SYNC_ROWS,
            errand=Errand(self.journal, piece, lambda answer: self.asking.pairs(answer, piece)),
        )
        return self.asking.pairs(answer, piece)
