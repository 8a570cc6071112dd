"""A genuine DaCHS that refuses, is truncated, breaks off, stalls or is down: the right error, in time."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import pytest

from tests.servers.archive_query import TEXT, archive_query, sources
from tests.servers.dachs import Dachs, end_queries
from tests.servers.fault_proxy import fault_proxy
from tests.servers.spectra import Spectra
from vo_photoz.errors import (
    DeadlineExceeded,
    ProtocolError,
    RateLimited,
    ServiceError,
    TransientError,
    Truncated,
)
from vo_photoz.flow import Positions
from vo_photoz.pipeline.crossmatch.chain import failed_match, join
from vo_photoz.tap.crossmatch import crossmatch
from vo_photoz.tap.services.service import TapService

pytestmark = pytest.mark.servers
COUNT = "SELECT COUNT(*) AS n FROM vo_photoz_tests.spectra"


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the body takes longer, whatever it raises."""
    started = time.monotonic()
    try:
        yield
    finally:
        assert time.monotonic() - started < seconds


def service(url: str, seconds: float = 30) -> TapService:
    return TapService(url, time.monotonic() + seconds)


@pytest.fixture
def nobody() -> str:
    """Address on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/tap"


def jobs(server: Dachs) -> set[str]:
    """Ids of the jobs the archive keeps."""
    return set(re.findall(r'jobref[^>]* id="([^"]+)"', httpx2.get(f"{server.url}/async").text))


@pytest.fixture(scope="module", autouse=True)
def nothing_left_behind(dachs: Dachs) -> Iterator[None]:
    """Every job that the tests of this file make is deleted, whatever went wrong with it."""
    before = jobs(dachs)
    yield
    end = time.monotonic() + 20
    while jobs(dachs) - before and time.monotonic() < end:
        time.sleep(0.5)
    assert not jobs(dachs) - before


# What the service itself says


@pytest.mark.parametrize("job", [False, True])
def test_truncation_is_an_error_that_names_the_limit(dachs: Dachs, job: bool) -> None:
    with pytest.raises(Truncated, match="MAXREC=10"):
        service(dachs.url).query("SELECT ra FROM vo_photoz_tests.spectra", maxrec=10, job=job)


def test_truncated_crossmatch_is_asked_again_in_smaller_pieces(dachs: Dachs, catalogue: Spectra) -> None:
    positions = sources(catalogue, 400)
    whole = crossmatch(positions, archive_query(), radius_arcsec=1.5, service=dachs.url, seconds=60)
    pieces = crossmatch(
        positions, archive_query(), radius_arcsec=1.5, service=dachs.url, seconds=60, maxrec=100
    )
    np.testing.assert_array_equal(whole.columns[-1].values, pieces.columns[-1].values)
    assert int(pieces.infos["pieces"]) > 4


def test_one_source_with_too_many_partners_is_an_error(dachs: Dachs) -> None:
    pole = Positions(np.array([10.0, 0.0]), np.array([45.0, 89.999]), np.array([True, True]))
    with pytest.raises(Truncated, match="MAXREC=20"):
        crossmatch(pole, archive_query(), radius_arcsec=100, service=dachs.url, seconds=60, maxrec=20)


@pytest.mark.parametrize("job", [False, True])
def test_error_of_the_service_comes_with_its_words(dachs: Dachs, job: bool) -> None:
    with pytest.raises(ServiceError, match=r"(?i)nonsuch") as caught:
        service(dachs.url).query("SELECT nonsuch FROM vo_photoz_tests.spectra", maxrec=10, job=job)
    assert not caught.value.retryable


def test_column_that_is_not_returned_is_named(dachs: Dachs, catalogue: Spectra) -> None:
    query = archive_query(TEXT.replace("returns: ra, dec", "returns: ra, dec, velocity"))
    with pytest.raises(ProtocolError, match="velocity"):
        crossmatch(sources(catalogue, 100), query, radius_arcsec=1.5, service=dachs.url, seconds=30)


def test_upload_that_is_too_large_is_halved(dachs: Dachs, catalogue: Spectra) -> None:
    positions = sources(catalogue, 800)
    seen: list[int] = []

    def fault(method: str, path: str, count: int) -> str:
        seen.append(count)
        return "413" if path.endswith("/sync") and count <= 2 else ""

    with fault_proxy(dachs.url, fault) as (url, plan):
        match = crossmatch(positions, archive_query(), radius_arcsec=1.5, service=url, seconds=60)
    assert plan.count("POST", "/sync") == 2 + 4
    assert match.infos["sent"] == "800"


def test_job_is_deleted_at_the_end(dachs: Dachs) -> None:
    with fault_proxy(dachs.url, lambda method, path, count: "") as (url, plan):
        answer = service(url).query(COUNT, maxrec=10, job=True)
    assert int(answer.column("n").values[0]) == 200_000
    (job,) = {path for method, path in plan.asked if method == "DELETE"}
    gone = httpx2.get(dachs.url.removesuffix("/tap") + job)
    assert gone.status_code == 404


# Faults on the way


def test_busy_service_is_asked_again_after_the_time_it_says(dachs: Dachs) -> None:
    busy_once = lambda method, path, count: "503 1" if count == 1 else ""  # noqa: E731
    with fault_proxy(dachs.url, busy_once) as (url, plan), within(15):
        started = time.monotonic()
        assert len(service(url).query(COUNT, maxrec=10)) == 1
        assert time.monotonic() - started >= 1
    assert plan.count("POST", "/sync") == 2


@pytest.mark.parametrize("fault", ["503 3600", "429 3600"])
def test_busy_service_beyond_the_deadline_is_an_error_at_once(dachs: Dachs, fault: str) -> None:
    with fault_proxy(dachs.url, lambda *request: fault) as (url, plan), within(3):
        with pytest.raises(RateLimited) as caught:
            service(url, seconds=20).query(COUNT, maxrec=10)
        assert caught.value.retry_after == 3600
    assert len(plan.asked) == 1


def test_busy_service_is_asked_a_few_times_only(dachs: Dachs) -> None:
    with (
        fault_proxy(dachs.url, lambda *request: "503") as (url, plan),
        within(15),
        pytest.raises(TransientError),
    ):
        service(url).query(COUNT, maxrec=10)
    assert 1 < len(plan.asked) <= 5


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("html", ProtocolError),
        ("halfdocument", ProtocolError),
        ("cut", TransientError),
        ("drop", TransientError),
    ],
)
def test_damaged_answer_is_never_a_shorter_table(dachs: Dachs, fault: str, error: type[ServiceError]) -> None:
    with fault_proxy(dachs.url, lambda *request: fault) as (url, _), within(20), pytest.raises(error):
        service(url).query(COUNT, maxrec=10)


@pytest.mark.parametrize("fault", ["stall", "trickle"])
@pytest.mark.parametrize("job", [False, True])
def test_service_that_stalls_ends_at_the_deadline(dachs: Dachs, fault: str, job: bool) -> None:
    with fault_proxy(dachs.url, lambda *request: fault) as (url, _), within(10):
        with pytest.raises((DeadlineExceeded, ProtocolError)) as caught:
            service(url, seconds=2).query(COUNT, maxrec=10, job=job)
        assert isinstance(caught.value, DeadlineExceeded)


def test_lost_connections_while_a_job_runs_do_not_lose_it(dachs: Dachs) -> None:
    def fault(method: str, path: str, count: int) -> str:
        if "/async/" not in path or method == "DELETE":
            return ""
        # Every request to the job is dropped the first time; looking at it, five times.
        looks = method == "GET" and not path.endswith("/result")
        return "drop" if count <= (5 if looks else 1) else ""

    with fault_proxy(dachs.url, fault) as (url, plan), within(40):
        answer = service(url, seconds=60).query(COUNT, maxrec=10, job=True)
    assert int(answer.column("n").values[0]) == 200_000
    assert plan.count("POST", "/async") == 1, "the job was made once"


def test_job_that_outlasts_the_deadline_is_deleted(dachs: Dachs) -> None:
    table = "vo_photoz_tests.spectra"
    slow = f"SELECT COUNT(*) AS n FROM {table} AS a JOIN {table} AS b ON a.z > b.z"
    try:
        with (
            fault_proxy(dachs.url, lambda *request: "") as (url, plan),
            within(15),
            pytest.raises(DeadlineExceeded),
        ):
            service(url, seconds=4).query(slow, maxrec=10, job=True)
    finally:
        end_queries()  # PostgreSQL works on for a job that is gone: a core for many minutes
    assert plan.count("DELETE") == 1


# A service that is down


def test_service_that_is_down_is_a_transient_error(nobody: str, catalogue: Spectra) -> None:
    with within(10), pytest.raises(TransientError):
        crossmatch(sources(catalogue, 100), archive_query(), radius_arcsec=1.5, service=nobody, seconds=30)


def test_mirror_answers_when_the_first_address_is_down(nobody: str, dachs: Dachs, catalogue: Spectra) -> None:
    query = archive_query(TEXT.replace("http://127.0.0.1:9/tap", f"{nobody} {dachs.url}"))
    match = crossmatch(sources(catalogue, 100), query, radius_arcsec=1.5, seconds=30)
    assert match.infos["service"] == dachs.url


def test_failure_of_an_archive_becomes_null_columns(nobody: str, catalogue: Spectra, tmp_path: Path) -> None:
    path = tmp_path / "spectra.adql"
    path.write_text(TEXT.replace("http://127.0.0.1:9/tap", nobody))
    positions = sources(catalogue, 100)
    with pytest.raises(TransientError) as caught:
        join(positions, path, 1.5, seconds=30)
    match = failed_match(path, caught.value, len(positions))
    assert nobody in match.failed
    assert [c.name for c in match.columns][:2] == ["spectra_ra", "spectra_dec"]
    assert all(np.ma.getmaskarray(c.values).all() and len(c.values) == 100 for c in match.columns)
