"""A service that gives up on large uploads is asked in smaller ones, and everything is asked."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from tests.unit.tap_stub import says, serving
from tests.unit.test_tap_hostile import NO_ROWS, QUERY, votable
from vo_photoz.errors import ServiceError
from vo_photoz.flow import Positions
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.queries import parse_query
from vo_photoz.tap.services.failures import TooMuch

ROWS = 900


def ask(url: str) -> dict[str, str]:
    positions = Positions(np.linspace(0, 300, ROWS), np.zeros(ROWS), np.ones(ROWS, dtype=bool))
    query = parse_query(QUERY, "stub", "stub.adql")
    return find_pairs(positions, query, radius_arcsec=1.5, service=url, seconds=30)[1]


class Stub:
    """Answers uploads of up to ``most`` rows; remembers how many it was sent."""

    def __init__(self, most: int, words: str) -> None:
        self.most = most
        self.words = words
        self.sent: list[int] = []
        self.answered: list[int] = []

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":
            says(b"<html>Nothing here</html>", 404)(handler)
            return
        rows = int(re.search(rb'nrows="(\d+)"', handler.sent)[1])  # type: ignore[index,attr-defined]
        self.sent.append(rows)
        if rows > self.most:
            says(votable("", "ERROR", words=self.words))(handler)
            return
        self.answered.append(rows)
        says(votable(NO_ROWS))(handler)


@pytest.mark.parametrize("words", ["Query timed out", "out of memory", "Upload limit exceeded"])
def test_smaller_pieces_until_it_answers(words: str) -> None:
    stub = Stub(250, words)
    with serving(stub) as url:
        infos = ask(url)
    assert stub.sent[:3] == [900, 457, 235]
    assert sum(stub.answered) == ROWS
    assert max(stub.sent[2:]) <= 250, "what failed is not tried again"
    assert infos["limits"].startswith("not known: http")
    assert "HTTP 404" in infos["limits"]


def test_service_that_always_runs_out_of_time_is_an_error() -> None:
    stub = Stub(10, "Query timed out")
    with serving(stub) as url, pytest.raises(TooMuch, match="Query timed out"):
        ask(url)
    assert min(stub.sent) == 100
    assert len(stub.sent) < 8


def test_other_errors_are_not_repeated() -> None:
    stub = Stub(10, "No such column")
    with serving(stub) as url, pytest.raises(ServiceError, match="No such column"):
        ask(url)
    assert stub.sent == [900]
