"""Predictions of real quasars from HiPS of their stamps, and scores of tables of predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from vo_photoz.analysis.metrics import scores
from vo_photoz.cli.main import app
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import MixturePDF
from vo_photoz.hips.stamps.survey import write_stamp_survey
from vo_photoz.pipeline.datasets.import_stamps import import_dataset
from vo_photoz.pipeline.prediction.predict import predict
from vo_photoz.pipeline.score import known_column, score
from vo_photoz.redshift.model import load_model
from vo_photoz.redshift.predict import predict_stamps
from vo_photoz.tables.read import read_table

MODEL = "sdss-quasars"
OBJECTS = 40


def said(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def quasars(shared: Path) -> dict[str, np.ndarray]:
    """Stamps and truth of some objects that the model has not seen."""
    with np.load(shared / "data/quasars/sdss_quasars_ugriz.npz") as held:
        rows = np.flatnonzero(held["fold"] == load_model(MODEL).card.training.held_out_fold)[:OBJECTS]
        return {name: held[name][rows] for name in ("images", "ra", "dec", "z", "fold")}


def through_hips(quasars: dict[str, np.ndarray], folder: Path, **options: object) -> Path:
    """The whole chain on a HiPS of the stamps, with the published positions."""
    survey = write_stamp_survey(
        folder, quasars["images"], quasars["ra"], quasars["dec"], bands="ugriz", pixel_arcsec=0.396,
        unit="nanomaggy", **options,
    )  # fmt: skip
    Table({name: quasars[name] for name in ("ra", "dec", "z")}).write(folder / "quasars.fits")
    predict(folder / "quasars.fits", output=folder / "out.vot", survey=survey, model=MODEL)
    return folder / "out.vot"


@pytest.mark.shared
def test_the_way_through_hips_gives_the_scores_of_the_stamps(quasars, tmp_path):
    np.savez(tmp_path / "stamps.npz", **quasars)
    data = import_dataset(tmp_path / "stamps.npz", tmp_path / "data")
    straight = predict_stamps(load_model(MODEL), data.stamps(np.arange(OBJECTS)))
    direct = scores(straight, data.rows.z)
    for width in (64, 512):
        rows = quasars if width == 64 else {name: values[:12] for name, values in quasars.items()}
        found = score(through_hips(rows, tmp_path / str(width), tile_width=width))
        assert found.scores["all"].n == len(rows["z"])
        if width == 64:
            assert found.scores["all"].crps == pytest.approx(direct.crps, rel=0.03)
            assert found.scores["all"].nmad == pytest.approx(direct.nmad, abs=0.005)
    wide, narrow = (read_table(tmp_path / name / "out.vot") for name in ("512", "64"))
    np.testing.assert_allclose(wide.values("z_phot"), narrow.values("z_phot")[:12], atol=1e-4)


@pytest.fixture(scope="module")
def predicted(sandbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prediction of the sandbox with the known redshifts beside it."""
    folder = tmp_path_factory.mktemp("score")
    predict(
        sandbox / "sources.vot", output=folder / "out.vot", survey=sandbox / "survey.toml",
        crossmatch=[sandbox / "spectra.vot"],
    )  # fmt: skip
    return folder / "out.vot"


def test_scores_are_those_of_the_columns(predicted, tmp_path):
    found = score(predicted, edges=(-1, 3, 7))  # stars approach us
    table = read_table(predicted)
    parts = (np.ma.filled(table.values(f"pz_{name}"), np.nan) for name in ("weight", "mean", "sigma"))
    z = np.ma.filled(table.values("spectra_z").astype(float), np.nan)
    by_hand = scores(MixturePDF(*parts), z)
    assert found.table.column == "spectra_z"
    assert found.scores["all"].as_dict() == by_hand.as_dict()
    assert found.scores["z -1 to 3"].n + found.scores["z 3 to 7"].n == by_hand.n
    assert dict(found.table.ledger())["scored"] == by_hand.n


def test_the_command_writes_what_it_says(predicted, tmp_path):
    code, told = said(
        "score", predicted, "--edges", "0,3,7", "--against", predicted, "-o", tmp_path / "s.json"
    )
    assert code == 0, told
    assert "column spectra_z" in told
    written = json.loads((tmp_path / "s.json").read_text())
    assert written["against"]["all"]["crps_ratio"] == 1
    assert set(written["scores"]) >= {"all", "z 0 to 3", "z 3 to 7"}


def test_what_cannot_be_scored_is_told(predicted, sandbox, tmp_path):
    with pytest.raises(TableError, match="holds no predictions: it has no column pz_weight"):
        score(sandbox / "sources.vot")
    with pytest.raises(TableError, match="no column 'nothing'"):
        score(predicted, z="nothing")
    with pytest.raises(UsageError, match="make no ranges"):
        score(predicted, edges=(5, 4))
    plain = predict(sandbox / "sources.vot", output=tmp_path / "o.vot", survey=sandbox / "survey.toml")
    with pytest.raises(TableError, match="no column of redshifts"):
        score(plain.path)
    table = read_table(predicted)
    assert known_column(table) == "spectra_z"
