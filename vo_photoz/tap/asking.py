"""What is asked about some rows, and the pairs that the answer tells of."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, replace

import numpy as np

from vo_photoz.errors import ProtocolError
from vo_photoz.flow import FloatArray, Positions
from vo_photoz.sky.pairs import IntArray, Pairs, separation_arcsec, within
from vo_photoz.tap.journal import Piece
from vo_photoz.tap.queries.query import Query
from vo_photoz.tap.services.answer import Answer, Overflow
from vo_photoz.tap.services.capabilities import Limits
from vo_photoz.tap.services.upload import positions_votable

RIM_ARCSEC = 1e-3
"""Archives round at the rim: pgSphere takes 2e-4 arcsec more than the radius as within. What lies so little
beyond is left out; what lies farther out was meant by the query, for example at another epoch."""

ROUND = 1_000
"""Limits of servers are round numbers."""
FEWEST_ROWS = 100_000
"""MAXREC is so large at least: one source in a crowd, with a large radius, has many partners."""
MARKS = 1_000
"""MAXREC is a little larger than needed, by chance: a job can be told from those of others by it."""


@dataclass(frozen=True)
class Asking:
    """What stays the same from piece to piece of one crossmatch.

    Parameters
    ----------
    positions : Positions
        ICRS.
    rows : int64 array, shape (n,)
        Rows of the positions that are sent, in this order.
    query : Query
        What is asked.
    radius_arcsec : float
        Largest separation.
    maxrec : int or None
        Largest number of rows in one answer; None takes ten for each position, and 100,000 at least.
    limits : Limits
        Of the service.
    """

    positions: Positions
    rows: IntArray
    query: Query
    radius_arcsec: float
    maxrec: int | None
    limits: Limits

    def key(self, service: str) -> str:
        """Tells this crossmatch from all others."""
        told = [
            1,
            service,
            self.query.render(radius=self.radius_arcsec / 3600),
            self.query.returns,
            self.maxrec,
        ]
        digest = hashlib.sha256(json.dumps(told).encode())
        for array in (self.rows, self.positions.ra[self.rows], self.positions.dec[self.rows]):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:40]

    def request(self, piece: Piece) -> tuple[str, bytes | None]:
        """Query about a piece, and the upload that goes with it."""
        chunk = self.rows[piece.start : piece.stop]
        ra, dec = self.positions.ra[chunk] % 360, self.positions.dec[chunk]
        radius = self.radius_arcsec / 3600
        if self.query.upload:
            return self.query.render(radius=radius), positions_votable(chunk, ra, dec)
        return self.query.render(tuple(zip(ra.tolist(), dec.tolist(), strict=True)), radius=radius), None

    def most_rows(self, piece: Piece) -> int:
        """MAXREC for a piece: what the service would cut anyway is not asked for."""
        if self.maxrec is not None:
            return self.maxrec
        wanted, most = max(10 * len(piece), FEWEST_ROWS), self.limits.most_rows
        if most is not None and most <= 10 * MARKS:
            return min(wanted, most)
        wanted = wanted if most is None else min(wanted, most - MARKS)
        return wanted + secrets.randbelow(MARKS)

    def pairs(self, answer: Answer, piece: Piece) -> Pairs:
        """Pairs of an answer, separations computed here.

        Raises
        ------
        Overflow
            Raised if the answer has as many rows as a server's limit, whatever the server says.
        ProtocolError
            Raised if columns are missing or not what they should be.
        """
        chunk = self.rows[piece.start : piece.stop]
        self._check_number(answer, len(chunk))
        if self.query.upload:
            rows, found = _ids(answer, chunk), np.arange(len(answer))
        else:
            rows, found = self._near(answer, chunk)
        lon, lat = _degrees(answer, "ra")[found], _degrees(answer, "dec")[found]
        separation = separation_arcsec(self.positions.ra[rows], self.positions.dec[rows], lon, lat)
        beyond = separation - self.radius_arcsec
        kept = ~((beyond > 0) & (beyond <= RIM_ARCSEC))
        columns = [
            replace(column, values=column.values[found[kept]])
            for column in (self.query.described(name, answer.column(name)) for name in self.query.returns)
        ]
        return Pairs(rows[kept], separation[kept], columns)

    def _check_number(self, answer: Answer, sent: int) -> None:
        """Rows cut at a limit without a word: a number that could be one is asked again in other pieces."""
        n = len(answer)
        told = n > 0 and n in (self.limits.default_rows, self.limits.most_rows)
        if told or (n > 0 and n % ROUND == 0 and sent > 1):
            raise Overflow(
                f"{answer.url} returned exactly {n} rows, which looks like a limit of the service.",
                rows=n,
                advice="Ask for a smaller radius.",
                url=answer.url,
            )

    def _near(self, answer: Answer, chunk: IntArray) -> tuple[IntArray, IntArray]:
        """Which rows of an answer to cones belong to which position."""
        ra, dec = _degrees(answer, "ra"), _degrees(answer, "dec")
        known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        here = self.positions.take(chunk)
        first, second, _ = within(here.ra, here.dec, ra[known], dec[known], self.radius_arcsec)
        return chunk[first], known[second].astype(np.int64)


def _degrees(answer: Answer, name: str) -> FloatArray:
    """Coordinate of the partners; NaN where it is null."""
    try:
        return np.ma.filled(answer.column(name).values.astype(np.float64), np.nan)
    except ValueError:
        raise ProtocolError(
            f"{answer.url} returned a column {name} that is not in degrees.",
            advice="Select the numeric position of the table AS ra and AS dec.",
            url=answer.url,
        ) from None


def _ids(answer: Answer, chunk: IntArray) -> IntArray:
    """Rows of the user's table that an answer speaks of."""
    values = answer.column("id").values
    try:
        ids = np.ma.filled(values, -1).astype(np.int64)
    except (TypeError, ValueError):
        ids = np.full(len(values), -1, dtype=np.int64)
    if not np.isin(ids, chunk).all():
        raise ProtocolError(
            f"{answer.url} returned ids that were not sent.",
            advice="The query must return up.id of TAP_UPLOAD.positions AS up.",
            url=answer.url,
        )
    return ids
