"""No hub of its own standing: the one that our service brings, and the one inside TOPCAT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.clients.desktop import Desktop
from tests.clients.expect import assert_predicted, assert_same_cells, job_of
from tests.clients.scene import Scene
from tests.clients.service import NAME

pytestmark = pytest.mark.clients


@pytest.fixture
def ours(desktop: Desktop, sandbox: Path) -> Iterator[Scene]:
    """The service alone, with its hub."""
    with closing(Scene(desktop, sandbox, "ours")) as opened:
        opened.recorder.wait_client(NAME)
        yield opened


@pytest.fixture
def inside_topcat(desktop: Desktop, sandbox: Path) -> Iterator[Scene]:
    """TOPCAT with its hub, and the service."""
    with closing(Scene(desktop, sandbox, "topcat")) as opened:
        opened.topcat.wait_ready(0)
        opened.service.start(opened.recorder)
        yield opened


def test_service_with_its_hub_is_killed_and_the_answer_comes_once(ours: Scene) -> None:
    topcat, service = ours.topcat, ours.service
    topcat.start(ours.sky / "sources.fits")
    sent = topcat.broadcast()
    service.wait_job(sent.params["table-id"], "running")
    service.kill()  # and the hub with it

    service.launch()
    ours.recorder.join()
    topcat.plug_in()
    held = topcat.wait_held(2)

    assert_predicted(held)
    (job,) = service.wait_delivered()
    assert job.attempts == 2
    assert_same_cells(held, service.result(job.id))
    assert topcat.n_tables() == 2


@pytest.mark.soak
def test_hub_inside_topcat(inside_topcat: Scene) -> None:
    """Both wait for each other in one program; on a busy machine its menu at times misses all its keys."""
    topcat = inside_topcat.topcat
    topcat.load(inside_topcat.sky / "sources.fits", "test:inside")

    held = inside_topcat.topcat_sends()

    assert_predicted(held)
    assert_same_cells(held, inside_topcat.service.result(job_of(held)))


@pytest.mark.soak
def test_service_is_killed_at_the_hub_inside_topcat(inside_topcat: Scene) -> None:
    """Its registration stays behind, and TOPCAT breaks off a broadcast at a client that is dead."""
    topcat, service = inside_topcat.topcat, inside_topcat.service
    service.kill()
    service.start(inside_topcat.recorder)
    topcat.load(inside_topcat.sky / "sources.vot", "test:after the death")

    assert_predicted(inside_topcat.topcat_sends())
