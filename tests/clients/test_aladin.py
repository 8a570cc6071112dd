"""Genuine Aladin sends a plane by its menu; it then holds what the service wrote, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.aladin import Aladin
from tests.clients.cells import differences
from tests.clients.expect import assert_crossmatched, assert_predicted, assert_same_cells, votlint
from tests.clients.scene import Scene

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def aladin(scene: Scene) -> Iterator[Aladin]:
    """Aladin with an empty stack."""
    scene.aladin.start()
    yield scene.aladin
    scene.aladin.stop()


def test_prediction_arrives_as_written(scene: Scene, aladin: Aladin) -> None:
    plane = aladin.load(scene.sky / "sources.vot")
    sent = aladin.wait_held(plane)

    held = scene.aladin_sends(plane)

    (job,) = scene.service.wait_delivered()
    written = scene.service.result(job.id)
    assert_same_cells(held, written)
    assert differences(held, sent) == [], "the user's own columns changed"
    assert_predicted(held)
    assert_crossmatched(held)
    assert votlint(scene.desktop, written) == ""
