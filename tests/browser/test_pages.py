"""The local page in a genuine browser."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests.browser.webdriver import COMMANDS, Browser
from tests.conftest import need_commands
from tests.job_folder import NO_PREDICTION_ROW, MemoryJob, MemoryStore, make_job_folder
from vo_photoz.web.app import create_app
from vo_photoz.web.server import serve_in_thread


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    need_commands(*COMMANDS)
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def store(tmp_path: Path) -> MemoryStore:
    store = MemoryStore()
    store.add(MemoryJob("done", "done", "quasars.xml", 230, make_job_folder(tmp_path / "job", 230)))
    store.add(MemoryJob("large", "waiting", "a large table", 50_000, tmp_path))
    store.add(MemoryJob("bad", "failed", "no positions", 7, tmp_path, error="The table has no positions."))
    return store


@pytest.fixture
def home(store: MemoryStore) -> Iterator[str]:
    token = secrets.token_urlsafe(24)
    server = serve_in_thread(create_app(store, token))
    yield f"{server.url}/{token}"
    server.stop()


def soon(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what a click brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the click had no effect"
        time.sleep(0.05)


def test_from_the_list_to_a_row_by_clicking(browser: Browser, home: str, tmp_path: Path):
    browser.open(f"{home}/")
    browser.picture(tmp_path / "jobs.png")
    browser.click("a[href$='/jobs/done']")
    browser.picture(tmp_path / "job.png")
    browser.click("a[href$='/rows/4']")
    loaded = browser.run(
        "const i = document.querySelector('img'); return [i.complete, i.naturalWidth, i.width]"
    )
    assert loaded == [True, 900, 900]
    assert "Row 5 of 230" in browser.run("return document.body.innerText")
    assert browser.run("return getComputedStyle(document.querySelector('dl')).display") == "grid"
    pixels = imread(browser.picture(tmp_path / "row.png"))
    colourful = (pixels[:, :, :3].max(2) - pixels[:, :, :3].min(2) > 0.3).mean()
    assert colourful > 0.005  # the density and the colour picture are there
    assert browser.complaints() == []


def test_a_row_without_prediction(browser: Browser, home: str, tmp_path: Path):
    browser.open(f"{home}/jobs/done/rows/{NO_PREDICTION_ROW}")
    pixels = imread(browser.picture(tmp_path / "none.png"))
    assert np.ptp(pixels[:, :, :3]) > 0.5  # something is drawn
    assert "no data in at least one band" in browser.run("return document.body.innerText")
    assert browser.complaints() == []


def test_the_button_confirms_a_waiting_job(browser: Browser, home: str, store: MemoryStore):
    browser.open(f"{home}/")
    browser.click("form button")
    soon(lambda: store.get("large").state == "queued")
    soon(lambda: browser.run("return location.href") == f"{home}/")
    told = browser.run("return document.body.innerText")
    assert "queued" in told
    assert "Predict 50,000 rows" not in told, "the button is gone"
    assert browser.complaints() == []


def test_another_site_cannot_confirm_even_with_the_token(browser: Browser, home: str, store: MemoryStore):
    form = f"<form method=post action={home}/jobs/large/confirm><button>win</button></form>"
    browser.open(f"data:text/html,{form}")
    browser.click("button")
    soon(lambda: "Only a page of vo_photoz itself" in browser.run("return document.body.innerText"))
    assert store.get("large").state == "waiting"


def test_the_page_fits_a_narrow_window(browser: Browser, home: str, tmp_path: Path):
    browser.open(f"{home}/jobs/done/rows/0")
    browser.resize(520, 900)
    browser.picture(tmp_path / "narrow.png")
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    browser.resize(1100, 1000)
