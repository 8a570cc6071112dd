"""The local page: the list of jobs, and jobs from waiting to their pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.contract.web.pages import EVIL, ORIGIN, at
from tests.job_folder import MemoryStore, make_job_folder
from vo_photoz.pipeline.service.job import Offer
from vo_photoz.pipeline.service.store import JobStore
from vo_photoz.web.app import create_app


def test_the_list_names_every_job_and_asks_about_large_ones(client: TestClient):
    text = client.get(at("")).text
    for part in ("quasars.xml", "50,000", "waiting", "running", "failed", "2026-11-22 09:05 UTC"):
        assert part in text
    assert text.count("<form") == 1
    assert f'action="{at("jobs/w1/confirm")}"' in text
    assert 'http-equiv="refresh"' in text


def test_a_list_without_active_jobs_does_not_reload(client: TestClient, store: MemoryStore):
    del store.jobs["r1"]
    assert "refresh" not in client.get(at("")).text


def test_an_empty_list_says_what_to_do(store: MemoryStore, client: TestClient):
    store.jobs.clear()
    assert "TOPCAT" in client.get(at("")).text


def test_our_own_form_confirms(client: TestClient, store: MemoryStore):
    answer = client.post(at("jobs/w1/confirm"), headers={"origin": ORIGIN}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == at("")
    assert store.get("w1").state == "queued"


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1:9", "https://127.0.0.1:4711"]
)
def test_other_sites_cannot_confirm(client: TestClient, store: MemoryStore, origin: str | None):
    headers = {} if origin is None else {"origin": origin}
    assert client.post(at("jobs/w1/confirm"), headers=headers).status_code == 403
    assert store.get("w1").state == "waiting"


def test_reading_never_confirms(client: TestClient, store: MemoryStore):
    answer = client.get(at("jobs/w1/confirm"), headers={"origin": ORIGIN})
    assert answer.status_code == 405
    assert "cannot be used that way" in answer.text
    assert store.get("w1").state == "waiting"


def test_a_job_is_shown_a_page_of_rows_at_a_time(client: TestClient):
    first, last = client.get(at("jobs/d1")).text, client.get(at("jobs/d1?page=3")).text
    assert first.count(f'href="{at("jobs/d1/rows/")}') == 100
    assert last.count(f'href="{at("jobs/d1/rows/")}') == 30
    assert "page 3 of 3" in last
    assert "no data in at least one band, a neighbour in the core of the stamp" in first
    for odd in ("0", "-1", "x", "99999", "1e9", "9" * 5000):
        assert client.get(at(f"jobs/d1?page={odd}")).status_code == 200


def test_a_job_that_is_not_done_shows_its_state(client: TestClient):
    assert "was found" in client.get(at("jobs/f1")).text
    assert "<button" in client.get(at("jobs/w1")).text


@pytest.mark.parametrize(
    "path",
    [
        "jobs/none",
        "jobs/none/result.vot",
        "jobs/none/rows/1",
        "jobs/none/rows/1.png",
        "jobs/none/pz?row=1",
        "jobs/..%2F..%2Fetc",
        "nonsense",
    ],
)
def test_an_unknown_job_is_a_clear_404(client: TestClient, path: str):
    answer = client.get(at(path))
    assert answer.status_code == 404
    assert "There is no" in answer.text


def test_a_job_of_the_real_store_from_waiting_to_its_pictures(tmp_path: Path):
    store = JobStore(tmp_path)
    incoming = store.incoming()
    make_job_folder(incoming, 4)
    job, _ = store.add(Offer(name=EVIL, sender="topcat"), incoming)
    store.accept(job.id, n_rows=4, wait=True)
    client = TestClient(create_app(store, store.token), base_url=ORIGIN)
    here = f"/{store.token}/jobs/{job.id}"
    assert "Predict 4 rows" in client.get(f"/{store.token}/").text
    assert client.get(f"{here}/result.vot").status_code == 409
    assert "queued" in client.post(f"{here}/confirm", headers={"origin": ORIGIN}).text
    claimed = store.claim()
    assert claimed is not None
    assert client.get(f"{here}/rows/0.png").status_code == 409
    store.finish(claimed.id)
    assert client.get(f"{here}/result.vot").content == claimed.result.read_bytes()
    assert client.get(f"{here}/rows/0.png").headers["content-type"] == "image/png"
    assert "Row 2 of 4" in client.get(f"{here}/rows/1").text
    store.close()
