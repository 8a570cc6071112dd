"""The local page: who sees what, and what every address answers."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import httpx2
import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from fastapi.testclient import TestClient
from matplotlib.image import imread

from tests.job_folder import NO_PREDICTION_ROW, MemoryJob, MemoryStore, make_job_folder
from vo_photoz.errors import UsageError
from vo_photoz.pipeline.service.job import Offer
from vo_photoz.pipeline.service.store import JobStore
from vo_photoz.web.app import create_app
from vo_photoz.web.job_files import open_files
from vo_photoz.web.server import serve_in_thread

TOKEN = secrets.token_urlsafe(24)
ORIGIN = "http://127.0.0.1:4711"
EVIL = '<script>alert("x")</script>&'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_job_folder(tmp_path_factory.mktemp("job"), 230)


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> MemoryStore:
    store = MemoryStore()
    store.add(MemoryJob("d1", "done", "quasars.xml", 230, folder))
    store.add(MemoryJob("w1", "waiting", "a large table", 50_000, tmp_path))
    store.add(MemoryJob("r1", "running", EVIL, 7, folder))
    store.add(MemoryJob("f1", "failed", "no positions", 7, tmp_path, error=f"No column {EVIL} was found."))
    return store


@pytest.fixture
def client(store: MemoryStore) -> TestClient:
    return TestClient(create_app(store, TOKEN), base_url=ORIGIN, raise_server_exceptions=False)


def at(path: str) -> str:
    return f"/{TOKEN}/{path}"


# --- who sees what -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/wrong/",
        "/wrong/jobs/d1",
        "/wrong/jobs/d1/result.vot",
        "/favicon.ico",
        "/docs",
        "/openapi.json",
        f"/{TOKEN[:-1]}/",
        f"/{TOKEN}x/",
        "/%C3%A9%00/",
    ],
)
def test_without_the_token_there_is_nothing(client: TestClient, path: str):
    answer = client.get(path)
    assert answer.status_code == 404
    assert TOKEN not in answer.text
    assert "There is no such page." in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:4711", 200),
        ("localhost:4711", 200),
        ("127.0.0.1", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example:4711", 400),
    ],
)
def test_only_this_machines_names_are_answered(client: TestClient, host: str, status: int):
    assert client.get(at(""), headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    "path", [at(""), at("jobs/none"), "/wrong", at("jobs/d1/rows/0.png"), at("style.css")]
)
def test_every_answer_has_the_security_headers(client: TestClient, path: str):
    headers = client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_pages_need_no_script_and_nothing_from_elsewhere(client: TestClient):
    for path in ("", "jobs/d1", "jobs/d1/rows/0", "jobs/none"):
        text = client.get(at(path)).text
        assert "<script" not in text
        assert "http://" not in text
        assert "https://" not in text
        assert "style=" not in text


def test_texts_of_others_are_escaped(client: TestClient):
    for path in ("", "jobs/r1", "jobs/f1", "jobs/%3Cscript%3E"):
        text = client.get(at(path)).text
        assert "<script>" not in text
        assert "&lt;script&gt;" in text


# --- jobs ----------------------------------------------------------------------------------------------
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


# --- results -------------------------------------------------------------------------------------------
def test_the_result_is_the_whole_file_with_its_length(client: TestClient, folder: Path):
    answer = client.get(at("jobs/d1/result.vot"))
    assert answer.content == (folder / "result.vot").read_bytes()
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-type"].startswith("application/x-votable+xml")
    assert parse_single_table(io.BytesIO(answer.content)).nrows == 230


def test_the_compact_result_holds_the_same(client: TestClient, folder: Path):
    answer = client.get(at("jobs/d1/result-binary2.vot"))
    assert answer.headers["content-type"].startswith("application/x-votable+xml")
    assert b"<BINARY2>" in answer.content
    compact = parse_single_table(io.BytesIO(answer.content))
    whole = parse_single_table(folder / "result.vot")
    assert [field.name for field in compact.fields] == [field.name for field in whole.fields]
    for name in whole.array.dtype.names:
        assert repr(compact.array[name].tolist()) == repr(whole.array[name].tolist())


def test_head_of_a_result_has_the_length_and_no_body(client: TestClient, folder: Path):
    answer = client.head(at("jobs/d1/result.vot"))
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == (folder / "result.vot").stat().st_size
    assert answer.content == b""


@pytest.mark.parametrize("job", ["w1", "r1", "f1"])
@pytest.mark.parametrize("path", ["result.vot", "result-binary2.vot", "rows/0", "rows/0.png", "pz?row=0"])
def test_nothing_is_given_of_a_job_that_is_not_done(client: TestClient, job: str, path: str):
    answer = client.get(at(f"jobs/{job}/{path}"))
    assert answer.status_code == 409
    assert "no result yet" in answer.text


def test_a_result_that_was_removed_is_a_404(client: TestClient, store: MemoryStore, tmp_path: Path):
    store.add(MemoryJob("old", "done", "old", 3, tmp_path))
    assert client.get(at("jobs/old/result.vot")).status_code == 404
    assert "kept no stamps" in client.get(at("jobs/old/rows/0")).text


def test_damaged_files_are_one_sentence(client: TestClient, store: MemoryStore, tmp_path: Path):
    for name in ("stamps.npy", "pdf.npz"):
        (tmp_path / name).write_bytes(b"no array at all")
    store.add(MemoryJob("bad", "done", "bad", 3, tmp_path))
    answer = client.get(at("jobs/bad/rows/0"))
    assert answer.status_code == 404
    assert "cannot be read" in answer.text
    assert "Traceback" not in answer.text


def test_a_defect_of_ours_is_one_sentence_too(
    client: TestClient, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
):
    def fail(job_id: str) -> MemoryJob:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(store, "get", fail)
    answer = client.get(at("jobs/d1"))
    assert answer.status_code == 500
    assert "The page failed (RuntimeError)" in answer.text
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


# --- rows ----------------------------------------------------------------------------------------------
def test_several_modes_of_a_density_are_shown_as_modes(client: TestClient, folder: Path):
    files = open_files(folder)
    several, single = (
        next(row for row in range(230) if (len(files.modes(row)) > 1) == many and row != NO_PREDICTION_ROW)
        for many in (True, False)
    )
    found = files.modes(several)
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)
    assert 0.8 < sum(one.probability for one in found) < 1 + 1e-6
    page = client.get(at(f"jobs/d1/rows/{several}")).text
    for one in found:
        assert one.low < one.z < one.high
        assert f"z = {one.z:.3f}" in page
        assert f"{one.low:.3f} to {one.high:.3f}" in page
        assert f"{100 * one.probability:.0f} %" in page
    for row in (single, NO_PREDICTION_ROW):
        assert "Where it may be" not in client.get(at(f"jobs/d1/rows/{row}")).text
    assert files.modes(NO_PREDICTION_ROW) == []
    assert "style=" not in page  # the browser is told to refuse it


def test_a_row_shows_its_numbers_and_its_picture(client: TestClient, folder: Path):
    row = open_files(folder).row(4)
    text = client.get(at("jobs/d1/rows/4")).text
    for part in ("Row 5 of 230", f"{row.median:.3f}", f"{row.low:.3f}", f"{row.z_spec:.3f}", f"{row.ra:.6f}"):
        assert part in text
    assert f'src="{at("jobs/d1/rows/4.png")}"' in text


def test_the_clicked_row_is_shown_and_followed(client: TestClient, store: MemoryStore):
    refresh = '<meta http-equiv="refresh" content="1">'
    before = client.get(at("clicked")).text
    assert refresh in before
    assert "Send row index" in before
    store.shown = ("d1", 4)
    shown = client.get(at("clicked")).text
    assert refresh in shown
    assert "Row 5 of 230" in shown
    store.shown = ("r1", 4)
    assert client.get(at("clicked")).status_code == 409
    assert refresh not in client.get(at("jobs/d1/rows/4")).text


def test_a_row_without_prediction_says_why(client: TestClient):
    text = client.get(at(f"jobs/d1/rows/{NO_PREDICTION_ROW}")).text
    assert "no prediction" in text
    assert "<li>no data in at least one band</li>" in text
    assert "nan" not in text.lower()
    assert client.get(at(f"jobs/d1/rows/{NO_PREDICTION_ROW}.png")).status_code == 200


def test_pictures_of_different_rows_differ_and_are_900_pixels_wide(client: TestClient):
    one, two = (client.get(at(f"jobs/d1/rows/{row}.png")) for row in (0, 1))
    assert one.headers["content-type"] == "image/png"
    assert one.content != two.content
    picture = imread(io.BytesIO(one.content))
    assert picture.shape[1] == 900
    assert np.ptp(picture[:, :, 0]) > 0.9


@pytest.mark.parametrize("row", ["230", "99999999999999999999", "-1", "x", "1.5"])
def test_a_row_that_is_not_there_is_a_clear_404(client: TestClient, row: str):
    for path in (f"jobs/d1/rows/{row}", f"jobs/d1/rows/{row}.png"):
        answer = client.get(at(path))
        assert answer.status_code == 404
        assert "There is no" in answer.text


def test_the_density_service_gives_a_picture_or_a_page(client: TestClient):
    picture = client.get(at("jobs/d1/pz?row=4"))
    assert picture.headers["content-type"] == "image/png"
    assert picture.content == client.get(at("jobs/d1/rows/4.png")).content
    assert client.get(at("jobs/d1/pz?ROW=4&FORMAT=PNG")).content == picture.content
    assert "Row 5 of 230" in client.get(at("jobs/d1/pz?row=4&format=html")).text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?row=", 400),
        ("?row=x", 400),
        ("?row=-1", 400),
        ("?row=230", 404),
        ("?row=" + "9" * 400, 400),
    ],
)
def test_the_density_service_refuses_what_is_no_row(client: TestClient, query: str, status: int):
    answer = client.get(at(f"jobs/d1/pz{query}"))
    assert answer.status_code == status
    assert "row" in answer.text


def test_the_kept_files_are_read_anew_when_they_change(
    client: TestClient, store: MemoryStore, tmp_path: Path
):
    store.add(MemoryJob("new", "done", "new", 3, make_job_folder(tmp_path / "job", 5)))
    assert "of 5" in client.get(at("jobs/new/rows/0")).text
    make_job_folder(tmp_path / "job", 6)
    assert "of 6" in client.get(at("jobs/new/rows/0")).text


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


# --- the server ----------------------------------------------------------------------------------------
def test_the_server_answers_clicks_and_frees_its_port(store: MemoryStore):
    server = serve_in_thread(create_app(store, TOKEN))
    try:
        for row in range(3):
            picture = httpx2.get(f"{server.url}{at(f'jobs/d1/rows/{row}.png')}").raise_for_status()
            assert picture.content.startswith(b"\x89PNG")
    finally:
        server.stop()
    again = serve_in_thread(create_app(store, TOKEN), server.port)
    assert again.port == server.port
    again.stop()


def test_a_taken_port_is_a_clear_error(store: MemoryStore):
    server = serve_in_thread(create_app(store, TOKEN))
    try:
        with pytest.raises(UsageError, match=f"Port {server.port} .* is taken by another program"):
            serve_in_thread(create_app(store, TOKEN), server.port)
        with pytest.raises(UsageError, match="cannot be used"):
            serve_in_thread(create_app(store, TOKEN), 70_000)
    finally:
        server.stop()
