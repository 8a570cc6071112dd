"""Lost connections and killed processes: the same pairs, no job run twice, nothing left behind."""

from __future__ import annotations

import random
from pathlib import Path

import httpx2
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky

import vo_photoz.tap.run
import vo_photoz.tap.services.jobs
from tests.servers.archive_query import TEXT, archive_query, sources
from tests.servers.dachs import Dachs
from tests.servers.fault_proxy import Plan, fault_proxy
from tests.servers.spectra import Spectra
from tests.servers.tap_process import count, kill_when, made, rows_run, runs
from vo_photoz.errors import ServiceError, TransientError
from vo_photoz.flow import Positions
from vo_photoz.settings import defaults
from vo_photoz.sky.pairs import Pairs
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.journal import Journals

pytestmark = pytest.mark.servers
RADIUS = 1.5
CHUNK = 1_250


def partners(pairs: Pairs) -> list[tuple[int, int]]:
    """Row and specobjid of all pairs, sorted."""
    ids = next(column.values for column in pairs.columns if column.name == "specobjid")
    return sorted(zip(pairs.rows.tolist(), ids.tolist(), strict=True))


def astropys(positions: Positions, table: Spectra) -> list[tuple[int, int]]:
    """The same from astropy."""
    ours, theirs = (SkyCoord(one.ra, one.dec, unit="deg") for one in (positions, table))
    first, second, *_ = search_around_sky(ours, theirs, RADIUS * u.arcsec)
    return sorted(zip(first.tolist(), table.specobjid[second].tolist(), strict=True))


def assert_once_and_clean(plan: Plan, dachs: Dachs, rows: int) -> None:
    """Each row in one job that ran, each job run once, no job left in the archive."""
    assert set(runs(plan).values()) == {1}
    assert sorted(rows_run(plan).items()) == [(row, 1) for row in range(rows)]
    assert not left(plan, dachs)
    assert not any(b"PHASE" in d.sent for d in plan.done if d.path.endswith("/async")), "made, then run"


def left(plan: Plan, dachs: Dachs) -> set[str]:
    """Jobs that are still in the archive."""
    return {job for job in made(plan) if httpx2.get(dachs.url.removesuffix("/tap") + job).status_code != 404}


def kept() -> list[Path]:
    """What lies in the folder of the journals."""
    return list((defaults().data_dir / "tap").glob("*"))


def test_every_request_of_a_job_may_be_lost(dachs: Dachs, catalogue: Spectra) -> None:
    def fault(method: str, path: str, times: int) -> str:
        if path.endswith("/async") and method == "POST":
            return "lost" if times <= 2 else ""
        kinds = {"/phase": "lost", "/result": "cut"}
        kind = next((kind for ending, kind in kinds.items() if path.endswith(ending)), "lost")
        return kind if times == 1 and "/async/" in path else ""

    positions = sources(catalogue, 2_400, seed=7)
    with fault_proxy(dachs.url, fault) as (url, plan):
        pairs, infos = find_pairs(
            positions, archive_query(), radius_arcsec=RADIUS, service=url, seconds=60, chunk_rows=CHUNK
        )
    assert partners(pairs) == astropys(positions, catalogue)
    assert len(made(plan)) == 4, "two of them orphans"
    assert_once_and_clean(plan, dachs, len(positions))
    assert "20000000 bytes" in infos["limits"]
    assert kept() == []


def test_one_request_in_five_fails(dachs: Dachs, catalogue: Spectra) -> None:
    rng = random.Random(1)
    faults = ["drop", "lost", "cut", "503", "503 1", "429 1", "delay 1"]
    positions = sources(catalogue, 5_000, seed=8)
    with fault_proxy(dachs.url, lambda *request: rng.choice(faults) if rng.random() < 0.2 else "") as (
        url,
        plan,
    ):
        pairs, _ = find_pairs(
            positions, archive_query(), radius_arcsec=RADIUS, service=url, seconds=120, chunk_rows=CHUNK
        )
    assert partners(pairs) == astropys(positions, catalogue)
    assert_once_and_clean(plan, dachs, len(positions))


def test_lost_connection_is_taken_up_by_the_next_run(
    dachs: Dachs, catalogue: Spectra, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (vo_photoz.tap.services.jobs, vo_photoz.tap.run):
        monkeypatch.setattr(module, "LOST_SECONDS", 2.0)
    lost = True

    def fault(method: str, path: str, times: int) -> str:
        return "drop" if lost and method == "GET" and "/async/" in path else ""

    positions = sources(catalogue, 2_400, seed=13)
    asked = {"radius_arcsec": RADIUS, "seconds": 60, "chunk_rows": CHUNK}
    with fault_proxy(dachs.url, fault) as (url, plan):
        with pytest.raises(TransientError):
            find_pairs(positions, archive_query(), service=url, **asked)
        assert len(made(plan)) == 2
        assert count(plan, "DELETE", "") == 0
        lost = False
        pairs, _ = find_pairs(positions, archive_query(), service=url, **asked)
    assert partners(pairs) == astropys(positions, catalogue)
    assert len(made(plan)) == 2, "both jobs were found again"
    assert_once_and_clean(plan, dachs, len(positions))


def test_query_that_fails_leaves_no_job(dachs: Dachs, catalogue: Spectra) -> None:
    wrong = archive_query(TEXT.replace("db.z_err", "db.nonsuch AS z_err"))
    positions = sources(catalogue, 2_400)
    with fault_proxy(dachs.url, lambda *request: "") as (url, plan):
        with pytest.raises(ServiceError, match=r"(?i)nonsuch"):
            find_pairs(positions, wrong, radius_arcsec=RADIUS, service=url, seconds=60, chunk_rows=CHUNK)
        assert made(plan)
    assert not left(plan, dachs)
    assert kept() == []


def test_killed_run_goes_on_where_it_was(dachs: Dachs, catalogue: Spectra, tmp_path: Path) -> None:
    positions = sources(catalogue, 5_000, seed=9)
    places = np.array([positions.ra, positions.dec])
    with fault_proxy(dachs.url, lambda *request: "") as (url, plan):
        kill_when(
            url, tmp_path, places, TEXT, CHUNK,
            lambda: 1 <= count(plan, "DELETE", "") < count(plan, "POST", "/phase"),
        )  # fmt: skip
        assert kept(), "the journal is on disk"
        finished = {done.path for done in plan.done if done.method == "DELETE"}
        before = len(plan.done)
        pairs, infos = find_pairs(
            positions, archive_query(), radius_arcsec=RADIUS, service=url, seconds=60, chunk_rows=CHUNK
        )
    assert partners(pairs) == astropys(positions, catalogue)
    assert_once_and_clean(plan, dachs, len(positions))
    assert int(infos["resumed"].split()[0]) >= len(finished)
    assert not [
        d for d in plan.done[before:] if d.path.endswith("/result") and d.path.startswith(tuple(finished))
    ]
    assert kept() == []


def test_orphan_of_a_killed_run_is_destroyed(dachs: Dachs, catalogue: Spectra, tmp_path: Path) -> None:
    def fault(method: str, path: str, times: int) -> str:
        return "lost 20" if method == "POST" and path.endswith("/async") and times <= 2 else ""

    positions = sources(catalogue, 2_400, seed=10)
    places = np.array([positions.ra, positions.dec])
    with fault_proxy(dachs.url, fault) as (url, plan):
        kill_when(url, tmp_path, places, TEXT, CHUNK, lambda: len(made(plan)) == 2)
        pairs, _ = find_pairs(
            positions, archive_query(), radius_arcsec=RADIUS, service=url, seconds=60, chunk_rows=CHUNK
        )
    assert partners(pairs) == astropys(positions, catalogue)
    assert len(made(plan)) == 4
    assert_once_and_clean(plan, dachs, len(positions))


def test_caller_decides_how_long_answers_are_kept(dachs: Dachs, catalogue: Spectra, tmp_path: Path) -> None:
    positions = sources(catalogue, 2_400, seed=11)
    with fault_proxy(dachs.url, lambda *request: "") as (url, plan):
        for times in (1, 2):
            journals = Journals(tmp_path)
            pairs, infos = find_pairs(
                positions, archive_query(), radius_arcsec=RADIUS, service=url, seconds=60, journals=journals
            )
            assert partners(pairs) == astropys(positions, catalogue)
            assert count(plan, "POST", "/phase") == 1, "the second time the answer is on disk"
            assert ("resumed" in infos) == (times == 2)
            journals.release() if times == 1 else journals.discard()
    assert list(tmp_path.iterdir()) == []
