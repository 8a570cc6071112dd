"""Pieces of what is sent: smaller where the archive finds them too large, larger as long as it is quick."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from vo_photoz.errors import ServiceError, Truncated
from vo_photoz.tap.journal import Piece
from vo_photoz.tap.services.answer import Overflow
from vo_photoz.tap.services.failures import TooMuch, UploadTooLarge

QUICK_SECONDS = 30.0
FAST, CAREFUL = 2.0, 1.25
"""Growth after a quick answer, before and after the first piece that was too large."""
SMALLEST = 100
"""An archive that fails at so few rows does not fail because of their number."""


@dataclass(frozen=True)
class _Free:
    """Rows that nobody asks about yet, at most ``cap`` of them at a time."""

    piece: Piece
    cap: int


class Chunks:
    """Hands out pieces to several threads until every row is done.

    Parameters
    ----------
    free : iterable of Piece
        What has to be asked.
    first : iterable of Piece
        What is handed out as it is, before all else: pieces whose jobs run already.
    size : int
        Rows of a piece, to begin with.
    largest : int
        Rows of a piece at most.
    """

    def __init__(self, free: Iterable[Piece], first: Iterable[Piece], *, size: int, largest: int) -> None:
        self.largest = max(1, largest)
        self.size = max(1, min(size, largest))
        self._growth = FAST
        self._first = list(first)
        self._free = [_Free(piece, self.largest) for piece in free if len(piece)]
        self._caps: dict[Piece, int] = {}
        self._news = threading.Condition()
        self._error: BaseException | None = None

    def take(self) -> Piece | None:
        """Next piece; None when all is done or the run has failed. Waits while a piece may still be split."""
        with self._news:
            while self._error is None:
                piece, cap = self._cut()
                if piece is not None:
                    self._caps[piece] = cap
                    return piece
                if not self._caps:
                    return None
                self._news.wait()
            return None

    def _cut(self) -> tuple[Piece | None, int]:
        if self._first:
            return self._first.pop(0), self.largest
        if not self._free:
            return None, 0
        piece, cap = self._free[0].piece, self._free[0].cap
        stop = min(piece.stop, piece.start + min(self.size, cap))
        self._free.pop(0)
        if stop < piece.stop:
            self._free.insert(0, _Free(Piece(stop, piece.stop), cap))
        return Piece(piece.start, stop), cap

    def done(self, piece: Piece, seconds: float) -> None:
        """The answer is here; a quick one makes the next pieces larger."""
        with self._news:
            del self._caps[piece]
            if seconds < QUICK_SECONDS and len(piece) >= self.size:
                self.size = min(self.largest, int(self.size * self._growth) + 1)
            self._news.notify_all()

    def refused(self, piece: Piece, error: ServiceError) -> None:
        """The piece was too large: it is asked again in smaller ones, or the run fails.

        Raises
        ------
        ServiceError
            Raised if it cannot be smaller.
        """
        with self._news:
            smaller = _smaller(len(piece), error)
            if smaller is None:
                raise error
            del self._caps[piece]
            self._free.insert(0, _Free(piece, smaller))
            self.size, self._growth = min(self.size, smaller), CAREFUL
            if isinstance(error, TooMuch):
                # The limit is that of the service, not one of this part of the sky.
                self.largest = min(self.largest, smaller)
                self._free = [_Free(one.piece, min(one.cap, smaller)) for one in self._free]
            self._news.notify_all()

    def fail(self, error: BaseException) -> None:
        """The run is over."""
        with self._news:
            self._error = self._error or error
            self._news.notify_all()

    @property
    def error(self) -> BaseException | None:
        """Why the run failed."""
        return self._error


def _smaller(rows: int, error: ServiceError) -> int | None:
    """Rows of the next pieces after one of ``rows`` was too large; None where it cannot be smaller."""
    least = 1 if isinstance(error, (Truncated, UploadTooLarge)) else SMALLEST
    if rows <= least:
        return None
    # Halves of a round number are round again, and round numbers of rows look like the limit of a server.
    half = rows // 2 + (7 if rows > SMALLEST else 0)
    if isinstance(error, Overflow):
        # So many rows came and were not all; most sources have one partner.
        half = min(half, max(1, error.rows)) if error.rows else max(1, rows // 8)
    return max(least, half)


def remaining(rows: int, known: Iterable[Piece]) -> list[Piece]:
    """Parts of ``rows`` rows that no known piece covers."""
    found, at = [], 0
    for piece in sorted(known, key=lambda one: one.start):
        if piece.start > at:
            found.append(Piece(at, piece.start))
        at = max(at, piece.stop)
    if at < rows:
        found.append(Piece(at, rows))
    return found


def apart(pieces: Iterable[Piece], taken: Iterable[Piece] = (), rows: int | None = None) -> list[Piece]:
    """Those of the pieces that overlap neither each other nor what is taken, and lie within the rows."""
    kept: list[Piece] = []
    taken = list(taken)
    for piece in sorted(pieces, key=lambda one: (one.start, one.stop)):
        clear = all(piece.stop <= one.start or piece.start >= one.stop for one in (*taken, *kept))
        if clear and len(piece) > 0 and (rows is None or piece.stop <= rows):
            kept.append(piece)
    return kept
