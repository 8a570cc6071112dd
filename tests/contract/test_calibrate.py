"""``vo-photoz models calibrate``: what it learns from, and what it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vo_photoz.cli.main import app
from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.store import create_dataset, open_dataset
from vo_photoz.flow import MixturePDF, Stamps
from vo_photoz.redshift import mixture
from vo_photoz.redshift.card import FILE, read_card
from vo_photoz.redshift.model import SHIPPED, load_model
from vo_photoz.redshift.predict import predict_stamps

SKY = np.array([500, 200, 330, 540, 2000])[:, None, None]


def point_sources(folder: Path, n: int) -> Path:
    """Point sources whose colours redden with redshift, in three folds; the shipped networks are off."""
    rng = np.random.default_rng(1)
    z = rng.uniform(2.9, 4.8, n)
    offset = np.arange(28) - 13.5
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset**2) / 1.6**2)
    drop = np.clip((z[:, None] - np.array([2.6, 3.6, 4.8, 6, 7])) / 0.8, 0, 3)
    peak = 2e4 * 10 ** (-0.8 * drop) * rng.uniform(0.5, 2, (n, 1))
    pixels = (peak[:, :, None, None] * psf + SKY * rng.standard_normal((n, 5, 28, 28))).astype(np.float32)
    flags = np.zeros(n, dtype=np.int16)
    rows = Rows(
        id=np.array([f"s{one}" for one in range(n)]), ra=rng.uniform(0, 360, n),
        dec=rng.uniform(-60, 60, n), z=z, fold=np.arange(n, dtype=np.int32) % 3, flags=flags,
        mag=np.full((n, 5), np.nan),
    )  # fmt: skip
    stamps = Stamps(pixels, flags, tuple("ugriz"), 0.4, "nJy/arcsec2")
    create_dataset(folder, iter([(np.arange(n), stamps)]), rows, source={}, real=False)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return point_sources(tmp_path_factory.mktemp("calibrate") / "set", 360)


def a_copy(folder: Path, held_out_fold: int) -> Path:
    """The shipped model, as if it had left out another fold."""
    shutil.copytree(SHIPPED / "sdss-quasars", folder)
    card = json.loads((folder / FILE).read_text())
    card["training"]["held_out_fold"] = held_out_fold
    card["calibration"] = None
    (folder / FILE).write_text(json.dumps(card))
    return folder


def told(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["models", "calibrate", *(str(word) for word in words)])
    return result.exit_code, result.output


def ks(pdf: MixturePDF, z: np.ndarray) -> float:
    chance = np.sort(mixture.pit(pdf, z))
    return float(np.abs(chance - (np.arange(len(z)) + 0.5) / len(z)).max())


def test_one_model_learns_from_the_fold_of_its_stopping(dataset, tmp_path):
    folder = a_copy(tmp_path / "model", 0)
    code, output = told(folder, dataset)
    assert code == 0, output
    assert "calibrated on 120 objects of folds [1]" in output
    card = read_card(folder)
    assert card.calibration is not None
    assert (card.calibration["folds"], card.calibration["rows"]) == ([1], 120)
    data = open_dataset(dataset)
    other = np.flatnonzero(data.rows.fold == 2)
    model = load_model(folder)
    raw = predict_stamps(model, data.stamps(other), calibrated=False)
    mended = predict_stamps(model, data.stamps(other))
    assert ks(mended, data.rows.z[other]) < 0.7 * ks(raw, data.rows.z[other])
    assert mixture.crps(mended, data.rows.z[other]).mean() < mixture.crps(raw, data.rows.z[other]).mean()
    assert card.scores["model"]["n"] == 120
    again = json.dumps(card.calibration)
    assert told(folder, dataset)[0] == 0  # from the bare networks again, not on top
    card = read_card(folder)
    assert json.dumps(card.calibration) == again
    assert [one for one in card.made_by if "calibrate" in one] == ["vo-photoz models calibrate model set"]
    before = [one for one in read_card(SHIPPED / "sdss-quasars").made_by if "calibrate" not in one]
    assert [one for one in card.made_by if "calibrate" not in one] == before


def test_models_of_a_cross_validation_learn_from_each_other(tmp_path):
    dataset = point_sources(tmp_path / "set", 180)
    for fold in range(3):
        a_copy(tmp_path / "all" / f"model-{fold}", fold)
    code, output = told(tmp_path / "all", dataset, "--quiet", "--orientations", "8")
    assert code == 0, output
    for fold in range(3):
        card = read_card(tmp_path / "all" / f"model-{fold}")
        kept = card.calibration
        assert kept is not None
        assert card.orientations == kept["orientations"] == 8
        assert sorted(kept["folds"]) == [one for one in range(3) if one != fold]
        assert kept["rows"] == 120
        assert card.made_by[-1] == "vo-photoz models calibrate all set --orientations 8"


def test_the_fold_that_scores_a_model_never_calibrates_it(dataset, tmp_path):
    folder = a_copy(tmp_path / "model", 1)
    before = (folder / FILE).read_bytes()
    code, output = told(folder, dataset)
    assert (code, "held out to score" in output) == (2, True)
    code, output = told(folder, dataset, "--orientations", "3")
    assert (code, "cannot be shown in 3" in output) == (2, True)
    code, output = told(folder, dataset, "--fold", "4")
    assert (code, "No object in fold 4" in output) == (1, True)
    code, output = told(folder, a_copy(tmp_path / "same", 1), dataset)
    assert (code, "different folds" in output) == (2, True)
    assert (folder / FILE).read_bytes() == before
