"""Fixtures of the service as another SAMP program sees it: genuine hubs, a stand-in for the prediction."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.samp.sent import ROWS, document
from tests.contract.samp.serving import PARTS
from tests.contract.service_parts.hub import HubProcess
from tests.contract.service_parts.peer import Peer
from vo_photoz.cli.serve import running
from vo_photoz.samp.service import Service
from vo_photoz.settings import load


@pytest.fixture
def lockfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "samp-lockfile"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{path}")
    monkeypatch.setenv("PYTHONPATH", str(PARTS))
    return path


@pytest.fixture
def hub(lockfile: Path) -> Iterator[HubProcess]:
    one = HubProcess(lockfile)
    yield one
    one.stop(signal.SIGKILL)


@pytest.fixture
def start(tmp_path: Path, lockfile: Path) -> Iterator[Callable[..., Service]]:
    """Start services, each in a data folder of its own, within this process."""
    with ExitStack() as stack:

        def one(name: str = "a", **given: object) -> Service:
            folder = tmp_path / name
            settings = load(data_dir=folder / "data", log_dir=folder / "log", **given)
            service, _ = stack.enter_context(running(settings, predictor="stand_in:run", quiet=True))
            return service

        yield one


@pytest.fixture
def peer(hub: HubProcess) -> Iterator[Peer]:
    one = Peer("topcat")
    yield one
    one.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sources.vot"
    document(ROWS).write(path, format="votable")
    return path
