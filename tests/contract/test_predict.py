"""The main chain on the sandbox sky: what is added, what stays, what a failed archive costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from scipy.stats import norm
from typer.testing import CliRunner

from vo_photoz.cli.main import app
from vo_photoz.flow import NOT_PREDICTED, Flag, Positions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.pipeline.prediction.predict import PredictionResult, predict
from vo_photoz.redshift.model import load_model
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable

OURS = [
    "z_phot", "z_phot_lo", "z_phot_hi", "z_phot_peak", "z_phot_sigma", "pz_weight", "pz_mean", "pz_sigma",
    "p_high_z", "photoz_flag", "photoz_note",
]  # fmt: skip
UNREACHABLE = """-- title: an archive that is not there
-- service: http://127.0.0.1:9/tap
-- upload: yes
-- parameters: radius = 1.5 arcsec
-- returns: ra, dec, z_spec
-- positions: ICRS, epoch 2000.0
-- verified: never
-- cite: nobody
SELECT up.id, db.ra, db.dec, db.z AS z_spec FROM t AS db JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.ra, db.dec), CIRCLE('ICRS', up.ra, up.dec, {radius}))
"""


@pytest.fixture(scope="module")
def result(sandbox: Path, tmp_path_factory: pytest.TempPathFactory) -> PredictionResult:
    folder = tmp_path_factory.mktemp("predict")
    return predict(
        sandbox / "sources.vot",
        output=folder / "out.vot",
        survey=sandbox / "survey.toml",
        crossmatch=[sandbox / "spectra.vot"],
        grid=50,
        folder=folder / "job",
    )


@pytest.fixture(scope="module")
def table(result: PredictionResult) -> UserTable:
    return read_table(result.path)


def test_user_columns_are_untouched(sandbox: Path, table: UserTable) -> None:
    sent = read_table(sandbox / "sources.vot")
    assert table.names[: len(sent.names)] == sent.names
    for before, after in zip(sent.columns, table.columns, strict=False):
        assert (before.name, before.unit, before.ucd, before.datatype) == (
            after.name, after.unit, after.ucd, after.datatype,
        )  # fmt: skip
        assert np.array_equal(
            np.ma.filled(sent.values(before.name), 0), np.ma.filled(table.values(after.name), 0),
            equal_nan=before.datatype in ("float", "double"),
        )  # fmt: skip


def test_columns_of_the_contract(table: UserTable) -> None:
    assert [name for name in table.names if name in OURS] == OURS
    info = {column.name: column for column in table.columns}
    assert info["z_phot"].ucd == "src.redshift.phot;stat.median;meta.main"
    assert info["photoz_flag"].ucd == "meta.code.qual"
    assert info["photoz_flag"].datatype == "short"
    for name in [*OURS, "pz"]:
        assert info[name].description, name
        assert info[name].ucd, name
    assert {"spectra_z", "spectra_separation", "spectra_nmatch"} <= set(table.names)


def test_the_densities_are_consistent(table: UserTable) -> None:
    flags = np.asarray(table.values("photoz_flag"))
    good = flags & NOT_PREDICTED == 0
    assert good.sum() > 50
    z = {name: np.ma.filled(table.values(name), np.nan) for name in OURS if name.startswith("z_")}
    for values in z.values():
        assert np.isfinite(values[good]).all()
        assert np.isnan(values[~good]).all()
    assert (z["z_phot_lo"][good] < z["z_phot"][good]).all()
    assert (z["z_phot"][good] < z["z_phot_hi"][good]).all()
    weight = np.ma.filled(table.values("pz_weight"), np.nan)
    assert weight.shape[1] == load_model("sdss-quasars").card.components
    np.testing.assert_allclose(weight[good].sum(axis=1), 1, atol=1e-5)


def test_the_grid_holds_the_density_of_the_columns(table: UserTable) -> None:
    good = np.asarray(table.values("photoz_flag")) & NOT_PREDICTED == 0
    weight, mean, sigma = (
        np.ma.filled(table.values(f"pz_{name}"), np.nan)[good, :, None].astype("f8")
        for name in ("weight", "mean", "sigma")
    )
    grid = np.linspace(0, load_model("sdss-quasars").card.z_max, 50)
    assert np.array(table.params["pz_grid"].split(), "f8") == pytest.approx(grid)
    expected = (weight * norm.pdf(grid, mean, sigma)).sum(axis=1)
    np.testing.assert_allclose(table.values("pz")[good], expected, rtol=1e-3, atol=1e-5)


def test_quasars_that_a_model_knows_lie_inside_its_range(sandbox: Path, table: UserTable) -> None:
    """All of the density of each of them, and not of most of all sources.

    Nothing can be asked of stars, of galaxies and of quasars beyond the training set: a model without such
    sources may put their density anywhere, also beyond its range.
    """
    card, truth = load_model("sdss-quasars").card, Table.read(sandbox / "truth.fits")
    truth.convert_bytestring_to_unicode()
    z = {row["id"]: row["z"] for row in truth if row["class"] == "QSO"}
    # Density of a redshift near the end rightly reaches beyond it.
    margin = 0.3
    known = [
        number
        for number, name in enumerate(map(str, table.values("id")))
        if card.z_min <= z.get(name, -1) <= card.z_max - margin
    ]
    flags = np.asarray(table.values("photoz_flag"))[known]
    assert len(known) >= 25
    inside = np.array(known)[flags & (NOT_PREDICTED | Flag.OUTSIDE_DOMAIN) == 0]
    assert len(inside) >= 0.9 * len(known)
    weight, mean, sigma = (
        np.asarray(table.values(f"pz_{n}"), "f8")[inside] for n in ("weight", "mean", "sigma")
    )
    mass = (weight * (norm.cdf(card.z_max, mean, sigma) - norm.cdf(0, mean, sigma))).sum(axis=1)
    assert mass.min() > 0.95
    assert mass.max() < 1 + 1e-5


def test_rows_without_a_prediction_say_why(table: UserTable) -> None:
    row = {str(name): number for number, name in enumerate(table.values("id"))}
    flags, notes = table.values("photoz_flag"), table.values("photoz_note")
    assert flags[row["NOPOS"]] == Flag.NO_POSITION
    assert flags[row["OUT1"]] == Flag.OUTSIDE_COVERAGE
    assert flags[row["AGAIN"]] & Flag.DUPLICATE_POSITION
    assert "outside the coverage" in notes[row["OUT1"]]
    assert notes[row["NOPOS"]] == "no position"
    assert all(bool(note) == bool(flag) for note, flag in zip(notes, flags, strict=True))


def test_the_ledger_adds_up(result: PredictionResult) -> None:
    ledger = dict(result.ledger())
    assert ledger["predicted"] == result.n_predicted
    assert (
        result.n_predicted + ledger["no position"] + ledger["outside the coverage of the survey"]
        == result.n_rows
    )


def test_origin_is_told(table: UserTable) -> None:
    assert table.job
    infos = table.infos
    assert "sdss-quasars" in infos["vo_photoz.model"]
    assert infos["vo_photoz.survey"] == "sandbox"
    assert "vo_photoz" in infos["server_software"]


def test_a_failed_archive_does_not_cost_the_predictions(sandbox: Path, tmp_path: Path) -> None:
    (tmp_path / "gone.adql").write_text(UNREACHABLE)
    result = predict(
        sandbox / "sources.vot",
        output=tmp_path / "out.vot",
        survey=sandbox / "survey.toml",
        crossmatch=[tmp_path / "gone.adql"],
    )
    table = read_table(tmp_path / "out.vot")
    assert result.n_predicted > 50
    assert (np.asarray(table.values("photoz_flag")) & Flag.CROSSMATCH_FAILED).all()
    assert np.ma.getmaskarray(np.ma.masked_invalid(table.values("gone_z_spec"))).all()
    assert "127.0.0.1:9" in result.matches[0].failed
    assert any("127.0.0.1:9" in value for name, value in table.infos.items() if "query" in name)


@pytest.mark.parametrize(("format", "name"), [("fits", "out.fits"), ("parquet", "out.parquet")])
def test_other_formats(format: str, name: str, sandbox: Path, table: UserTable, tmp_path: Path) -> None:
    predict(sandbox / "sources.fits", output=tmp_path / name, survey=sandbox / "survey.toml", format=format)
    back = read_table(tmp_path / name)
    assert back.n_rows == table.n_rows
    np.testing.assert_array_equal(
        np.ma.filled(back.values("z_phot"), np.nan), np.ma.filled(table.values("z_phot"), np.nan)
    )
    assert back.job


def test_predicting_a_result_again_replaces_our_columns(
    result: PredictionResult, sandbox: Path, tmp_path: Path, table: UserTable
) -> None:
    predict(result.path, output=tmp_path / "again.vot", survey=sandbox / "survey.toml")
    again = read_table(tmp_path / "again.vot")
    assert len(again.names) == len(set(again.names))
    assert not [name for name in again.names if name.endswith("_vopz")]
    np.testing.assert_array_equal(
        np.ma.filled(again.values("z_phot"), np.nan), np.ma.filled(table.values("z_phot"), np.nan)
    )


def test_a_killed_run_goes_on_where_it_was(
    sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: UserTable
) -> None:
    """The process is ended in the middle as by kill -9: nothing of ours runs any more."""
    code = f"""
import os
import vo_photoz.pipeline.prediction.densities as chain
from vo_photoz.pipeline.prediction.predict import predict
cut = chain.cut_stamps
def few(*arguments, **options):
    for number, batch in enumerate(cut(*arguments, batch=10, **options)):
        if number == 3:
            os.kill(os.getpid(), 9)
        yield batch
chain.cut_stamps = few
predict({str(sandbox / "sources.vot")!r}, output={str(tmp_path / "out.vot")!r},
        survey={str(sandbox / "survey.toml")!r}, resume=True)
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert killed.returncode == -9
    assert not (tmp_path / "out.vot").exists()

    cut_again: list[int] = []

    def counted(survey: Any, positions: Positions, **options: Any) -> Any:
        cut_again.append(len(positions))
        return cut_stamps(survey, positions, **options)

    monkeypatch.setattr("vo_photoz.pipeline.prediction.densities.cut_stamps", counted)
    survey = sandbox / "survey.toml"
    result = predict(sandbox / "sources.vot", output=tmp_path / "out.vot", survey=survey, resume=True)
    assert cut_again == [result.n_predicted - 30]
    back = read_table(tmp_path / "out.vot")
    for name in OURS:
        np.testing.assert_array_equal(
            np.ma.filled(back.values(name), 0), np.ma.filled(table.values(name), 0), err_msg=name
        )
    assert [path.name for path in tmp_path.iterdir()] == ["out.vot"]


def test_the_prior_changes_what_is_asked_for(sandbox, table, tmp_path):
    """By default ``p_high_z`` alone is seen with the prior of the sky."""
    survey = sandbox / "survey.toml"
    rows = tmp_path / "prior.csv"
    rows.write_text("class,z_low,z_high,n\nQSO,0,3,1000\nQSO,3,7,1\n")
    columns = {}
    for prior in ("training", "sky", rows):
        out = tmp_path / "out.vot"
        result = predict(sandbox / "sources.vot", output=out, survey=survey, prior=prior)
        columns[str(prior)] = {
            name: np.array(read_table(out).values(name), "f8") for name in ("z_phot", "p_high_z")
        }
        assert result.predictions.n_modes is not None
    here, sky, near = columns.values()
    given = {name: np.array(table.values(name), "f8") for name in here}
    good = np.isfinite(given["z_phot"])
    assert given["z_phot"][good] == pytest.approx(here["z_phot"][good], abs=1e-4)
    assert given["p_high_z"][good] == pytest.approx(sky["p_high_z"][good], abs=1e-4)
    assert np.abs(here["p_high_z"] - sky["p_high_z"])[good].max() > 0.02
    assert (near["p_high_z"] <= here["p_high_z"] + 1e-4)[good].all()
    assert near["z_phot"][good].mean() < here["z_phot"][good].mean()


def test_a_prior_or_orientation_that_cannot_be_meant_is_refused(sandbox, tmp_path):
    for words, message in (
        (("--prior", str(tmp_path / "no.csv")), "cannot be read"),
        (("--orientations", "3"), "cannot be shown in 3"),
    ):
        command = ["predict", str(sandbox / "sources.vot"), "-o", str(tmp_path / "o.vot")]
        told = CliRunner().invoke(app, [*command, "--survey", str(sandbox / "survey.toml"), *words])
        assert told.exit_code == 2
        assert message in " ".join(told.output.split())
        assert not (tmp_path / "o.vot").exists()
