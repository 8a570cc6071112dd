"""A hub ends in the middle of the work; clients and service meet again at the next one and go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.aladin import Aladin
from tests.clients.desktop import until
from tests.clients.expect import assert_predicted, assert_same_cells, job_of
from tests.clients.scene import Scene
from tests.clients.topcat import Topcat

pytestmark = pytest.mark.clients


@pytest.fixture(scope="class")
def topcat(scene: Scene) -> Iterator[Topcat]:
    """TOPCAT that has had an answer already."""
    scene.topcat.start(scene.sky / "sources.fits")
    assert_predicted(scene.topcat_sends())
    yield scene.topcat
    scene.topcat.stop()


@pytest.fixture
def aladin(scene: Scene) -> Iterator[Aladin]:
    """Aladin with the sources."""
    scene.aladin.start()
    scene.aladin.load(scene.sky / "sources.vot")
    yield scene.aladin
    scene.aladin.stop()


class TestTopcat:
    """TOPCAT hears of a hub that says goodbye, and of no other."""

    def test_hub_ends_and_a_second_table_is_processed(self, scene: Scene, topcat: Topcat) -> None:
        scene.hub_restarts(suddenly=False)
        topcat.comes_back()
        topcat.load(scene.sky / "sources.vot", "test:second")
        held = scene.topcat_sends()

        assert_same_cells(held, scene.service.result(job_of(held)))
        assert_predicted(held)

    def test_hub_is_killed_while_the_service_predicts(self, scene: Scene, topcat: Topcat) -> None:
        service = scene.service
        service.stop()
        service.start(scene.recorder)  # its worker has yet to load the model: there is time for the blow
        topcat.load(scene.sky / "sources.fits", "test:cut off")
        tables = topcat.n_tables()

        topcat.broadcast()
        running = service.wait_job("test:cut off", "running")
        scene.hub_restarts(suddenly=True)
        topcat.plug_in()
        held = topcat.wait_held(tables + 1)

        assert_same_cells(held, service.result(running.id))
        (done,) = [job for job in service.wait_delivered() if job.table_id == "test:cut off"]
        assert (done.id, done.attempts) == (running.id, 1)
        topcat.load(scene.sky / "sources.vot", "test:after the crash")
        assert_predicted(scene.topcat_sends())
        assert topcat.n_tables() == tables + 3


def test_aladin_is_deaf_after_its_hub_and_gets_the_answer_when_started_anew(
    scene: Scene, aladin: Aladin
) -> None:
    """Aladin 12 registers with the next hub and can send, but hears nothing until it is started anew."""
    service = scene.service
    scene.hub_restarts(suddenly=True)
    scene.recorder.wait_client(aladin.name)

    message = aladin.broadcast()  # its only plane is selected
    service.wait_job(message.params["table-id"], "done")
    aladin.kill()
    aladin.start()
    plane = until(aladin.planes, 90, "the result in the new Aladin")[0]

    job = service.wait_job(message.params["table-id"], "done")
    assert_same_cells(aladin.wait_held(plane), service.result(job.id))
    assert_predicted(aladin.wait_held(plane))
    service.wait_delivered()
    assert aladin.planes() == [plane]
