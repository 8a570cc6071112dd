"""Genuine TOPCAT sends a table by its keyboard; it then holds what the service wrote, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.cells import differences
from tests.clients.expect import assert_crossmatched, assert_predicted, assert_same_cells, job_of, votlint
from tests.clients.recorder import LOAD
from tests.clients.scene import Scene
from tests.clients.service import NAME
from tests.clients.topcat import Topcat

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def topcat(scene: Scene) -> Iterator[Topcat]:
    """TOPCAT without a table."""
    scene.topcat.start()
    yield scene.topcat
    scene.topcat.stop()


@pytest.mark.parametrize("name", ["sources.fits", "sources.vot"])
def test_prediction_arrives_as_written(scene: Scene, topcat: Topcat, name: str) -> None:
    topcat.load(scene.sky / name, f"test:{name}")
    sent = topcat.wait_held(topcat.n_tables())

    held = scene.topcat_sends()

    written = scene.service.result(job_of(held))
    assert_same_cells(held, written)
    assert written.with_name("result-binary2.vot").is_file(), "TOPCAT loads BINARY2"
    assert differences(held, sent) == [], "the user's own columns changed"
    for column in sent.columns.values():
        assert (held.columns[column.name].unit, held.columns[column.name].ucd) == (column.unit, column.ucd)
    assert_predicted(held)
    assert_crossmatched(held)
    assert votlint(scene.desktop, written) == ""


def test_our_own_result_is_not_predicted_again(scene: Scene, topcat: Topcat) -> None:
    """TOPCAT's current table is now a result; broadcast, it must not come back once more."""
    jobs, tables = scene.service.wait_delivered(), topcat.n_tables()

    message = topcat.broadcast()
    topcat.load(scene.sky / "sources.vot", "test:afterwards")
    topcat.broadcast()
    scene.service.wait_job("test:afterwards", "done")
    scene.service.wait_delivered()

    assert message.params["table-id"] not in [job.table_id for job in scene.service.jobs()]
    assert len(scene.service.jobs()) == len(jobs) + 1
    assert topcat.n_tables() == tables + 2


def test_killed_while_it_predicts_the_answers_come_once(scene: Scene, topcat: Topcat) -> None:
    recorder, service = scene.recorder, scene.service
    service.stop()
    service.start(recorder)  # its worker has yet to load the model: there is time for the blow
    topcat.load(scene.sky / "sources.fits", "test:killed")
    tables, seen = topcat.n_tables(), len(recorder.messages)

    topcat.broadcast()
    service.wait_job("test:killed", "running")
    reply = recorder.send_table(recorder.wait_client(NAME), scene.sky / "sources.vot", "test:waiting")
    service.kill()

    assert reply["samp.status"] == "samp.ok"
    assert {job.table_id: job.state for job in service.jobs()[-2:]} == {
        "test:killed": "running",
        "test:waiting": "queued",
    }
    assert (topcat.n_tables(), recorder.received(LOAD, after=seen)[1:]) == (tables, [])

    service.start(recorder)
    jobs = {job.table_id: job for job in service.wait_delivered()}
    held = topcat.wait_held(tables + 1)
    assert_same_cells(held, service.result(jobs["test:killed"].id))
    assert_predicted(held)
    assert jobs["test:killed"].attempts == 2

    # Once, also when the service starts again and looks for what is not delivered.
    service.stop()
    service.start(recorder)
    service.wait_delivered()
    answers = [m for m in recorder.received(LOAD, after=seen) if m.sender != topcat.public_id]
    assert len(answers) == 1
    assert topcat.n_tables() == tables + 1

    topcat.load(scene.sky / "sources.vot", "test:next")  # the hub still lists the one that was killed
    assert_predicted(scene.topcat_sends())
