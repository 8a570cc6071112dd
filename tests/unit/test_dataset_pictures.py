"""Pictures of training sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.figure import Figure
from PIL import Image

from vo_photoz.analysis.dataset_plots import PICTURES, draw_redshifts, save_pictures
from vo_photoz.analysis.dataset_view import DatasetView, view_of
from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.split import sky_folds
from vo_photoz.datasets.store import create_dataset
from vo_photoz.errors import UsageError
from vo_photoz.flow import Stamps

N = 60


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> DatasetView:
    rng = np.random.default_rng(1)
    ra, dec = 34 + rng.uniform(0, 3, N), -5 + rng.uniform(0, 3, N)
    offset = np.arange(16) - 7.5
    source = np.exp(-0.5 * (offset[:, None] ** 2 + offset**2) / 2)
    flux = 10 ** rng.uniform(2, 4, (N, 3, 1, 1))
    pixels = (flux * source + rng.normal(0, 5, (N, 3, 16, 16))).astype(np.float32)
    more = pa.table({"sample": ["a", "b"] * (N // 2)})
    nothing = np.zeros(N, np.int16)
    rows = Rows(
        np.arange(N).astype(str), ra, dec, rng.uniform(0, 5, N), sky_folds(ra, dec, order=7), nothing,
        np.full((N, 3), np.nan), more,
    )  # fmt: skip
    parts = iter([(np.arange(N), Stamps(pixels, nothing, ("g", "r", "i"), 0.4, "nJy/arcsec2"))])
    folder = tmp_path_factory.mktemp("pictures") / "set"
    return view_of(create_dataset(folder, parts, rows, source={"title": "Some objects"}))


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def test_magnitudes_are_measured_where_there_is_no_catalogue(view: DatasetView) -> None:
    assert view.measured
    assert np.isfinite(view.magnitude).mean() > 0.9
    assert (np.diff(view.z[view.shown]) >= 0).all()
    assert set(view.group) == {"a", "b"}


def test_classes_are_told_apart_where_there_are_several(tmp_path: Path) -> None:
    kind = np.array(["STAR", "QSO", "", "QSO"])
    zero = np.zeros(4)
    rows = Rows(
        np.arange(4).astype(str), zero, zero, np.array([-1e-4, 3, np.nan, 4]), np.zeros(4, np.int32),
        np.zeros(4, np.int16), np.full((4, 1), 20.0), kind=kind,
    )  # fmt: skip
    stamps = Stamps(np.ones((4, 1, 16, 16), np.float32), rows.flags, ("r",), 0.4, "nJy/arcsec2")
    view = view_of(create_dataset(tmp_path / "set", iter([(np.arange(4), stamps)]), rows, source={}))
    assert sorted(view.group) == ["QSO", "QSO", "STAR", "unknown"]
    axes = Figure().subplots()
    draw_redshifts(axes, view)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["QSO", "STAR", "unknown"]


@pytest.mark.filterwarnings("error")
def test_a_page_and_a_folder(view: DatasetView, tmp_path: Path) -> None:
    (page,) = save_pictures(view, tmp_path / "page.png")
    assert min(grey(page).shape) > 1000
    pictures = save_pictures(view, tmp_path / "folder")
    assert {path.stem for path in pictures} == set(PICTURES)
    for path in pictures:
        assert grey(path).std() > 5, "something is drawn"
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.filterwarnings("error")
def test_the_whole_sky_one_band_and_a_lonely_object(view: DatasetView, tmp_path: Path) -> None:
    far = replace(view, ra=np.linspace(0, 359, N), dec=np.linspace(-85, 85, N))
    band = replace(view, bands=("g",), magnitude=view.magnitude[:, :1], stamps=view.stamps[:, :1])
    one = {
        name: getattr(view, name)[:1] for name in ("ra", "dec", "z", "fold", "group", "magnitude", "stamps")
    }
    alone = replace(view, **{**one, "z": np.array([np.nan]), "shown": np.array([0])})
    for name, odd in (("far", far), ("band", band), ("alone", alone)):
        assert save_pictures(odd, tmp_path / f"{name}.png")[0].stat().st_size > 10_000


def test_a_place_that_cannot_be_written(view: DatasetView, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        save_pictures(view, tmp_path / "file" / "page.png")
