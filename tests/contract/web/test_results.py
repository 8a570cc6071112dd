"""The local page: results as files, and what it says when there are none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from astropy.io.votable import parse_single_table
from fastapi.testclient import TestClient

from tests.contract.web.pages import at
from tests.job_folder import MemoryJob, MemoryStore


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
