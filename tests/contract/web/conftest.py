"""A page with a finished, a waiting, a running and a failed job."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.contract.web.pages import EVIL, ORIGIN, TOKEN
from tests.job_folder import MemoryJob, MemoryStore, make_job_folder
from vo_photoz.web.app import create_app


@pytest.fixture(scope="session")
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
