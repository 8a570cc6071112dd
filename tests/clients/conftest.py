"""Fixtures of the client tests: a desktop a module, a scene a hub, pictures when a test fails."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.clients.aladin import COMMANDS as ALADIN
from tests.clients.desktop import COMMANDS as DESKTOP
from tests.clients.desktop import Desktop
from tests.clients.scene import Scene
from tests.clients.topcat import COMMANDS as TOPCAT
from tests.conftest import need_commands

HUBS = ("pyvo", "jsamp")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    """A failed test tells what the screen showed and what the programs said last."""
    report = yield
    found = getattr(item, "funcargs", {}).get("desktop")
    if report.failed and isinstance(found, Desktop):
        name = "".join(c if c.isalnum() else "-" for c in item.name)
        report.sections.append(("screenshot", str(found.shot(f"failed-{name}"))))
        for log in sorted(found.logs.glob("*.log")):
            report.sections.append((f"end of {log.name}", found.log(log.stem, 12)))
    return report


@pytest.fixture(scope="session", autouse=True)
def _ends_orderly() -> Iterator[None]:
    """SIGTERM ends the tests as Ctrl-C does, so that no window stays behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    """The desktop of a module; without the programs its tests are skipped."""
    need_commands(*DESKTOP, *TOPCAT, *ALADIN, "jsamp")
    with Desktop(tmp_path_factory.mktemp("desktop")) as opened:
        yield opened


@pytest.fixture(scope="module", params=HUBS)
def scene(request: pytest.FixtureRequest, desktop: Desktop, sandbox: Path) -> Iterator[Scene]:
    """A hub with the service and a recorder."""
    with closing(Scene(desktop, sandbox, request.param)) as opened:
        opened.service.start(opened.recorder)
        yield opened
