"""A hub ends in the middle of the work; clients and service meet again at the next one and go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.expect import assert_predicted, assert_same_cells, job_of
from tests.clients.scene import Scene

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def full_scene(scene: Scene) -> Iterator[Scene]:
    """Both clients with a table each, and the service with its model loaded."""
    scene.topcat.start(scene.sky / "sources.fits")
    scene.aladin.start()
    scene.aladin.load(scene.sky / "sources.vot")
    assert_predicted(scene.topcat_sends())
    yield scene
    scene.topcat.stop()
    scene.aladin.stop()


def test_hub_ends_orderly_and_a_second_table_is_processed(full_scene: Scene) -> None:
    """The hub says goodbye: everybody returns by himself."""
    topcat = full_scene.topcat

    full_scene.hub_restarts(suddenly=False)
    full_scene.recorder.wait_client(topcat.name)
    full_scene.recorder.wait_client(full_scene.aladin.name)
    topcat.load(full_scene.sky / "sources.vot", "test:second")
    held = full_scene.topcat_sends()

    assert_same_cells(held, full_scene.service.result(job_of(held)))
    assert_predicted(held)


def test_hub_is_killed_while_the_service_predicts(full_scene: Scene) -> None:
    """The hub leaves without a word: the answer waits for the client; TOPCAT has to be plugged in again."""
    topcat, service = full_scene.topcat, full_scene.service
    service.stop()
    service.start(full_scene.recorder)  # its worker has yet to load the model: there is time for the blow
    topcat.load(full_scene.sky / "sources.fits", "test:cut off")
    tables = topcat.n_tables()

    topcat.broadcast()
    job = service.wait_job("test:cut off", "running")
    full_scene.hub_restarts(suddenly=True)
    topcat.plug_in()
    held = topcat.wait_held(tables + 1)

    assert_same_cells(held, service.result(job.id))
    assert topcat.n_tables() == tables + 1
    (job,) = [job for job in service.wait_delivered() if job.table_id == "test:cut off"]
    assert job.attempts == 1

    full_scene.recorder.wait_client(full_scene.aladin.name)  # it notices by itself
    assert_predicted(full_scene.aladin_sends("sources.vot"))
