"""The local page: rows, their pictures, and the density service."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from matplotlib.image import imread

from tests.contract.web.pages import at
from tests.job_folder import NO_PREDICTION_ROW, MemoryJob, MemoryStore, make_job_folder
from vo_photoz.web.job_files import open_files


def test_several_modes_of_a_density_are_shown_as_modes(client: TestClient, folder: Path):
    files = open_files(folder)
    several, single = (
        next(row for row in range(230) if (len(files.modes(row)) > 1) == many and row != NO_PREDICTION_ROW)
        for many in (True, False)
    )
    found = files.modes(several)
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)
    assert 0.8 < sum(one.probability for one in found) < 1 + 1e-6
    page = client.get(at(f"jobs/d1/rows/{several}")).text
    for one in found:
        assert one.low < one.z < one.high
        assert f"z = {one.z:.3f}" in page
        assert f"{one.low:.3f} to {one.high:.3f}" in page
        assert f"{100 * one.probability:.0f} %" in page
    for row in (single, NO_PREDICTION_ROW):
        assert "Where it may be" not in client.get(at(f"jobs/d1/rows/{row}")).text
    assert files.modes(NO_PREDICTION_ROW) == []
    assert "style=" not in page  # the browser is told to refuse it


def test_a_row_shows_its_numbers_and_its_picture(client: TestClient, folder: Path):
    row = open_files(folder).row(4)
    text = client.get(at("jobs/d1/rows/4")).text
    for part in ("Row 5 of 230", f"{row.median:.3f}", f"{row.low:.3f}", f"{row.z_spec:.3f}", f"{row.ra:.6f}"):
        assert part in text
    assert f'src="{at("jobs/d1/rows/4.png")}"' in text


def test_the_clicked_row_is_shown_and_followed(client: TestClient, store: MemoryStore):
    refresh = '<meta http-equiv="refresh" content="1">'
    before = client.get(at("clicked")).text
    assert refresh in before
    assert "Send row index" in before
    store.shown = ("d1", 4)
    shown = client.get(at("clicked")).text
    assert refresh in shown
    assert "Row 5 of 230" in shown
    store.shown = ("r1", 4)
    assert client.get(at("clicked")).status_code == 409
    assert refresh not in client.get(at("jobs/d1/rows/4")).text


def test_a_row_without_prediction_says_why(client: TestClient):
    text = client.get(at(f"jobs/d1/rows/{NO_PREDICTION_ROW}")).text
    assert "no prediction" in text
    assert "<li>no data in at least one band</li>" in text
    assert "nan" not in text.lower()
    assert client.get(at(f"jobs/d1/rows/{NO_PREDICTION_ROW}.png")).status_code == 200


def test_pictures_of_different_rows_differ_and_are_900_pixels_wide(client: TestClient):
    one, two = (client.get(at(f"jobs/d1/rows/{row}.png")) for row in (0, 1))
    assert one.headers["content-type"] == "image/png"
    assert one.content != two.content
    picture = imread(io.BytesIO(one.content))
    assert picture.shape[1] == 900
    assert np.ptp(picture[:, :, 0]) > 0.9


@pytest.mark.parametrize("row", ["230", "99999999999999999999", "-1", "x", "1.5"])
def test_a_row_that_is_not_there_is_a_clear_404(client: TestClient, row: str):
    for path in (f"jobs/d1/rows/{row}", f"jobs/d1/rows/{row}.png"):
        answer = client.get(at(path))
        assert answer.status_code == 404
        assert "There is no" in answer.text


def test_the_density_service_gives_a_picture_or_a_page(client: TestClient):
    picture = client.get(at("jobs/d1/pz?row=4"))
    assert picture.headers["content-type"] == "image/png"
    assert picture.content == client.get(at("jobs/d1/rows/4.png")).content
    assert client.get(at("jobs/d1/pz?ROW=4&FORMAT=PNG")).content == picture.content
    assert "Row 5 of 230" in client.get(at("jobs/d1/pz?row=4&format=html")).text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?row=", 400),
        ("?row=x", 400),
        ("?row=-1", 400),
        ("?row=230", 404),
        ("?row=" + "9" * 400, 400),
    ],
)
def test_the_density_service_refuses_what_is_no_row(client: TestClient, query: str, status: int):
    answer = client.get(at(f"jobs/d1/pz{query}"))
    assert answer.status_code == status
    assert "row" in answer.text


def test_the_kept_files_are_read_anew_when_they_change(
    client: TestClient, store: MemoryStore, tmp_path: Path
):
    store.add(MemoryJob("new", "done", "new", 3, make_job_folder(tmp_path / "job", 5)))
    assert "of 5" in client.get(at("jobs/new/rows/0")).text
    make_job_folder(tmp_path / "job", 6)
    assert "of 6" in client.get(at("jobs/new/rows/0")).text
