"""200,000 positions against 500,000 rows: as it is, with one request in ten failing, and killed twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest

from tests.servers import many_spectra
from tests.servers.archive_query import archive_query, sources
from tests.servers.dachs import Dachs
from tests.servers.fault_proxy import Plan, fault_proxy
from tests.servers.spectra import Spectra
from tests.servers.tap_process import count, kill_when, made
from tests.servers.test_tap_journal import RADIUS, assert_once_and_clean, astropys, kept, partners
from vo_photoz.flow import Positions
from vo_photoz.tap.crossmatch import find_pairs

pytestmark = [pytest.mark.servers, pytest.mark.soak]
ROWS = 200_000
FAULTS = ["drop", "lost", "cut", "503", "503 2", "429 1", "delay 5"]


@pytest.fixture(scope="module")
def many(dachs: Dachs) -> Spectra:
    return many_spectra.install()


@pytest.fixture(scope="module")
def positions(many: Spectra) -> Positions:
    return sources(many, ROWS, seed=20)


@pytest.fixture(scope="module")
def expected(many: Spectra, positions: Positions) -> list[tuple[int, int]]:
    return astropys(positions, many)


def tell(what: str, started: float, plan: Plan, pairs: int) -> None:
    print(
        f"{what}: {time.monotonic() - started:.1f} s, {pairs} pairs, {len(made(plan))} jobs made, "
        f"{count(plan, 'POST', '/phase')} run, {len(plan.asked)} requests, {len(plan.done)} arrived"
    )


@pytest.mark.parametrize("chunk_rows", [None, 10_007])
@pytest.mark.parametrize("share", [0.0, 0.1])
def test_two_hundred_thousand(
    dachs: Dachs,
    positions: Positions,
    expected: list[tuple[int, int]],
    share: float,
    chunk_rows: int | None,
) -> None:
    rng = random.Random(3)
    fault = lambda *request: rng.choice(FAULTS) if rng.random() < share else ""  # noqa: E731
    started = time.monotonic()
    with fault_proxy(dachs.url, fault) as (url, plan):
        pairs, _ = find_pairs(
            positions,
            archive_query(many_spectra.QUERY),
            radius_arcsec=RADIUS,
            service=url,
            seconds=1200,
            chunk_rows=chunk_rows,
        )
    tell(f"{share:.0%} faults, pieces of {chunk_rows or 'any size'}", started, plan, len(pairs))
    assert partners(pairs) == expected
    assert_once_and_clean(plan, dachs, ROWS)


def test_killed_twice_among_faults(
    dachs: Dachs, positions: Positions, expected: list[tuple[int, int]], tmp_path: Path
) -> None:
    rng = random.Random(4)
    fault = lambda *request: rng.choice(FAULTS) if rng.random() < 0.1 else ""  # noqa: E731
    places = np.array([positions.ra, positions.dec])
    started = time.monotonic()
    with fault_proxy(dachs.url, fault) as (url, plan):
        for finished in (3, 8):

            def reached(finished: int = finished) -> bool:
                return finished <= count(plan, "DELETE", "") < count(plan, "POST", "/phase")

            kill_when(url, tmp_path, places, many_spectra.QUERY, 10_007, reached)
        pairs, infos = find_pairs(
            positions,
            archive_query(many_spectra.QUERY),
            radius_arcsec=RADIUS,
            service=url,
            seconds=1200,
            chunk_rows=10_007,
        )
    tell(f"killed twice, {infos['resumed']}", started, plan, len(pairs))
    assert partners(pairs) == expected
    assert_once_and_clean(plan, dachs, ROWS)
    assert int(infos["resumed"].split()[0]) >= 8
    assert kept() == []
