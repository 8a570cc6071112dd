"""Evaluations: one model, several as a cross-validation, reports, bad input. Tiny networks, real chain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.commands import ok, refused
from tests.training_runs import stamps_file
from vo_photoz.datasets.store import create_dataset, open_dataset
from vo_photoz.pipeline.evaluate import evaluate
from vo_photoz.pipeline.evaluation.view import view_of

N = 400
BANDS = ("g", "r", "i")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    np.savez(folder / "stamps.npz", **stamps_file(N, side=28, faintest=0.3))
    ok("dataset", "import", folder / "stamps.npz", "-o", folder / "set", "--bands", "gri", "--size", "20")
    return folder / "set"


@pytest.fixture(scope="module")
def models(dataset: Path) -> Path:
    """A folder with two models that held out different folds."""
    folder = dataset.parent / "models"
    for held, stop in ((0, 1), (2, 1)):
        words = ("--members", "1", "--epochs", "6", "--components", "3")
        folds = ("--held-out-fold", str(held), "--stop-fold", str(stop))
        ok("train", dataset, "-o", folder / f"fold-{held}", *words, *folds)
    return folder


def test_models_of_a_cross_validation_are_scored_each_on_its_own_fold(models, dataset, tmp_path):
    told = ok("evaluate", models / "fold-0", models / "fold-2", dataset, "-o", tmp_path / "both.json")
    found = json.loads((tmp_path / "both.json").read_text())
    alone = [evaluate(models / f"fold-{fold}", dataset) for fold in (0, 2)]
    many = [one.model.n for one in alone]
    assert "Folds 0, 2" in told
    assert found["fold"] is None
    assert [one["fold"] for one in found["folds"]] == [0, 2]
    assert found["seen_in_training"] is False
    assert found["scores"]["model"]["n"] == sum(many)
    for which in ("model", "neighbours", "prior"):
        pooled = np.average([one.by_estimator[which].crps for one in alone], weights=many)
        assert found["scores"][which]["crps"] == pytest.approx(pooled)
        for part, one in zip(found["folds"], alone, strict=True):
            assert part["scores"][which]["crps"] == pytest.approx(one.by_estimator[which].crps)
    natural = found["natural_sky"]
    assert natural["classes"] == ["QSO"]
    assert 0 < natural["covered"] < 1
    for one in natural["several"]:
        assert sum(each["n"] for each in one["bins"]) == one["n"] <= sum(many)
    ratio = found["scores"]["model"]["crps"] / found["scores"]["neighbours"]["crps"]
    assert found["comparisons"]["neighbours"]["crps_ratio"] == pytest.approx(ratio)
    assert found["comparisons"]["neighbours"]["crps_ratio_error"] > 0
    assert f"{ratio:.3f} +-" in told


def test_a_folder_of_models_stands_for_all_of_them(models, dataset):
    assert evaluate(models, dataset).folds == [0, 2]


def test_one_model_on_all_folds(models, dataset):
    found = evaluate(models / "fold-0", dataset, all_folds=True)
    assert found.folds == [0, 1, 2, 3, 4]
    assert found.model.n == N
    assert found.seen


def test_the_order_of_the_objects_is_kept(models, dataset):
    found = evaluate(models, dataset)
    assert found.judged["model"].z == pytest.approx(open_dataset(dataset).rows.z[found.rows])
    assert set(open_dataset(dataset).rows.fold[found.rows].tolist()) == {0, 2}
    assert view_of(found).title == "fold-0 to fold-2 on set, 2 folds pooled"
    assert len(found.pdf) == len(found.rows)


def test_what_does_not_fit_together_is_told(models, dataset, tmp_path):
    report = ("-o", tmp_path / "r.json")
    one, other = models / "fold-0", models / "fold-2"
    assert "both hold out fold 0" in refused("evaluate", one, one, dataset, *report)
    assert "each on the fold" in refused("evaluate", one, other, dataset, *report, "--fold", "0")
    assert "exclude each other" in refused("evaluate", one, dataset, *report, "--fold", "0", "--all-folds")
    assert "no data set" in refused("evaluate", one, other, *report)
    assert "no model" in refused("evaluate", tmp_path / "nothing", dataset, *report)
    assert not (tmp_path / "r.json").exists()


@pytest.fixture(scope="module")
def sky(dataset: Path) -> Path:
    """The same stamps, half of them called stars: the blue ones, so that classes can be learned."""
    data = open_dataset(dataset)
    star = data.rows.z < 3.2
    rows = replace(data.rows, kind=np.where(star, "STAR", "QSO"), z=np.where(star, np.nan, data.rows.z))
    every = np.arange(len(data))
    folder = dataset.parent / "sky"
    create_dataset(folder, iter([(every, data.stamps(every))]), rows, source={}, real=False)
    return folder


def test_the_comparison_of_networks_and_rivals_is_one_command(sky, tmp_path):
    report = tmp_path / "compared.json"
    words = ("compare", sky, "-o", report, "--rivals", "forest", "--members", "1", "--epochs", "8")
    told = ok(*words, "--networks", "compact")
    found = json.loads(report.read_text())
    names = ["model", "forest", "neighbours", "prior"]
    assert list(found["scores"]) == names
    assert found["titles"]["model"] == "compact"
    assert len({one["n"] for one in found["scores"].values()}) == 1
    assert set(found["by_class"]) == {"STAR", "QSO"}
    stars = found["by_class"]["STAR"]
    assert sum(one["model"]["n"] for one in found["by_class"].values()) == found["scores"]["model"]["n"]
    assert stars["forest"]["crps"] < 0.5 * stars["prior"]["crps"]
    assert found["classification"]["forest"]["accuracy"] > 0.8
    assert set(found["classification"]["model"]["completeness"]) == {"STAR", "QSO"}
    assert set(found["classification"]) == {"model", "forest", "neighbours"}
    assert found["natural_sky"]["classes"] == ["STAR", "QSO"]
    ratio = found["scores"]["forest"]["crps"] / found["scores"]["neighbours"]["crps"]
    assert found["over_neighbours"]["forest"]["crps_ratio"] == pytest.approx(ratio)
    assert found["costs"]["model"]["seconds"] > 0
    assert found["costs"]["forest"]["objects"] == N - found["scores"]["model"]["n"]
    assert set(found["bins"]) == {"z_phot", "magnitude", "signal_to_noise"}
    assert "random forest" in told
    assert "taken from" in ok(*words, "--networks", "compact")
    again = json.loads(report.read_text())
    assert again["scores"]["model"] == pytest.approx(found["scores"]["model"])
    with_given = tmp_path / "given.json"
    ok("compare", sky, "-o", with_given, "--rivals", "none", "--model", tmp_path / "compared-models")
    assert json.loads(with_given.read_text())["scores"]["model"] == pytest.approx(again["scores"]["model"])


def test_comparisons_that_cannot_be_meant(sky, tmp_path):
    words = ("compare", sky, "-o", tmp_path / "r.json")
    assert "no architecture" in refused(*words, "--networks", "large")
    assert "no rival" in refused(*words, "--networks", "compact", "--rivals", "oracle")
    assert "no object in fold 7" in refused(*words, "--networks", "compact", "--folds", "7")
    assert "cannot be meant" in refused(*words, "--networks", "compact", "--folds", "1,1")
    assert list(tmp_path.iterdir()) == []


def test_densities_are_scored_with_the_prior_that_is_asked_for(models, dataset, tmp_path):
    """A selection narrower than the training: knowing it helps, and the scored fold is not asked."""
    from vo_photoz.pipeline.evaluation.prior import selection
    from vo_photoz.pipeline.evaluation.tasks import open_models, tasks_of

    data = open_dataset(dataset)
    some = np.flatnonzero((data.rows.z > 3.0) & (data.rows.z < 3.4))
    far = np.where(
        (data.rows.fold == 0) & (np.arange(N) == some[data.rows.fold[some] == 0][0]), 4.4, data.rows.z
    )
    folder = tmp_path / "narrow"
    narrow = create_dataset(folder, iter([(some, data.stamps(some))]), replace(data.rows, z=far), source={})
    ok("evaluate", models / "fold-0", folder, "-o", tmp_path / "as-trained.json")
    ok("evaluate", models / "fold-0", folder, "-o", tmp_path / "selected.json", "--prior", "selection")
    plain, selected = (
        json.loads((tmp_path / f"{one}.json").read_text()) for one in ("as-trained", "selected")
    )
    assert (plain["prior"], selected["prior"]) == ("training", "selection")
    assert selected["scores"]["model"]["crps"] < plain["scores"]["model"]["crps"]
    assert selected["scores"]["neighbours"] == plain["scores"]["neighbours"]
    (task,) = tasks_of(open_models(models / "fold-0"), narrow, None, False)
    assert selection(task, narrow).density("", [4.4])[0] == 0  # that object is in the scored fold
    assert "nothing.json" in refused(
        "evaluate", models / "fold-0", folder, "-o", tmp_path / "r.json", "--prior", tmp_path / "nothing.json"
    )


def test_rivals_need_three_folds(models, dataset, tmp_path):
    data = open_dataset(dataset)
    few = np.flatnonzero(np.isin(data.rows.fold, (0, 2)))
    create_dataset(tmp_path / "two", iter([(few, data.stamps(few))]), data.rows, source={})
    report = ("-o", tmp_path / "r.json")
    told = refused("evaluate", models / "fold-0", tmp_path / "two", *report, "--rivals", "forest")
    assert "three folds" in told
    assert "three folds" in refused("compare", tmp_path / "two", *report, "--networks", "compact")
    ok("evaluate", models / "fold-0", tmp_path / "two", *report)


def test_photometry_is_measured_once_and_only_where_it_is_asked_for(dataset):
    from vo_photoz.datasets.photometry import photometry
    from vo_photoz.pipeline.evaluation.catalogue import Catalogue

    seen = []
    data = open_dataset(dataset)
    catalogue = Catalogue(data, lambda *told: seen.append(told))
    first, second = np.array([7, 3, 11]), np.array([11, 5])
    expected = photometry(data.pixels(np.arange(20)), data.manifest.pixel_arcsec)
    assert catalogue.of(first).total == pytest.approx(expected.total[first])
    assert catalogue.of(second).total == pytest.approx(expected.total[second])
    assert catalogue.signal_to_noise(first, 1) == pytest.approx((expected.psf / expected.psf_error)[first, 1])
    assert [total for _, _, total in seen] == [3, 1]


def test_reports_as_a_folder_and_as_a_page(models, dataset, tmp_path):
    import pyarrow.parquet as pq

    told = ok("evaluate", models, dataset, "-o", tmp_path / "report")
    assert str(tmp_path / "report") in told
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {"report.html", "report.json", "objects.parquet", "pictures"}
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    objects = pq.read_table(tmp_path / "report" / "objects.parquet").to_pydict()
    assert np.mean(objects["model_crps"]) == pytest.approx(found["scores"]["model"]["crps"])
    assert np.mean(objects["neighbours_crps"]) == pytest.approx(found["scores"]["neighbours"]["crps"])
    assert set(objects["fold"]) == {0, 2}
    assert len(list((tmp_path / "report" / "pictures").glob("*.png"))) >= 7
    ok("evaluate", models / "fold-0", dataset, "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert json.loads((tmp_path / "page.json").read_text())["fold"] == 0
    assert page.count("data:image/png;base64,") >= 6
    assert not list(tmp_path.rglob(".*"))


def test_a_report_that_cannot_be_written_leaves_nothing(models, dataset, tmp_path):
    (tmp_path / "file").write_text("mine")
    one = ("evaluate", models / "fold-0", dataset, "-o")
    assert "not a folder" in refused(*one, tmp_path / "file")
    assert "cannot be written" in refused(*one, tmp_path / "file" / "report")
    assert "cannot be written" in refused(*one, tmp_path / "file" / "r.json")
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
