"""Fixtures for all tests: the shared data folder, parts that must be there, a private home."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

try:
    from xdist.scheduler import LoadFileScheduling
except ImportError:  # one test after the other
    LoadFileScheduling = object

from vo_photoz import settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("VO_PHOTOZ_SHARED", ROOT.parent / "shared"))
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def absent(reason: str) -> None:
    """Skip where a Debian part is missing; fail with CI=true, where everything must be there."""
    if CI:
        pytest.fail(f"missing with CI=true: {reason}")
    pytest.skip(reason)


def need_commands(*names: str) -> None:
    """Skip (or fail with CI=true) unless these programs are installed."""
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        absent(f"not installed: {', '.join(missing)}")


class FilesAndOneArchive(LoadFileScheduling):
    """A file of tests stays with one worker, and so do all that ask the one DaCHS of this machine."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "DaCHS" if asks_dachs(file) else file


def asks_dachs(file: str) -> bool:
    """Whether these tests need the archive."""
    return Path(file).name.startswith(("test_dachs_", "test_tap_")) and "servers" in Path(file).parts


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesAndOneArchive:
    """Who runs what, where several workers run tests."""
    return FilesAndOneArchive(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that wait longest come first, so that no worker is alone with them at the end."""
    for item in items:
        if "dachs" in getattr(item, "fixturenames", ()) and not asks_dachs(item.nodeid.partition("::")[0]):
            raise pytest.UsageError(f"{item.nodeid} asks DaCHS: name its file servers/test_dachs_*.py")
    items.sort(key=lambda item: not asks_dachs(item.nodeid.partition("::")[0]))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; the test skips without it."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared data folder is absent")
    return SHARED


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated survey with its catalogues; VO_PHOTOZ_SANDBOX keeps it from run to run."""
    from vo_photoz.sandbox.world import SMALL, ensure

    kept = os.environ.get("VO_PHOTOZ_SANDBOX")
    return ensure(kept or tmp_path_factory.mktemp("world") / "sandbox", SMALL)


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the settings, results or cache of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    settings.defaults.cache_clear()
    return home
