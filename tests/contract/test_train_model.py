"""From a file of stamps to a model and its scores: commands, files, bad input. Tiny networks, real chain."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.commands import ok, refused
from tests.training_runs import stamps_file
from vo_photoz.datasets.store import open_dataset
from vo_photoz.errors import ModelError
from vo_photoz.flow import Flag, Stamps
from vo_photoz.redshift.compatibility import check_fits
from vo_photoz.redshift.model import list_models, load_model
from vo_photoz.redshift.predict import outside_domain, predict_stamps

BANDS = ("g", "r", "i")
N = 260


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stamps") / "stamps.npz"
    np.savez(path, **stamps_file(N, side=40))
    return path


@pytest.fixture(scope="module")
def dataset(npz: Path) -> Path:
    folder = npz.parent / "set"
    words = ("--bands", "gri", "--size", "20", "--citation", "nobody", "--licence", "CC0", "--simulated")
    ok("dataset", "import", npz, "-o", folder, *words)
    return folder


@pytest.fixture(scope="module")
def model(dataset: Path) -> Path:
    folder = dataset.parent / "tiny"
    ok(
        "train",
        dataset,
        "-o",
        folder,
        "--members",
        "2",
        "--epochs",
        "8",
        "--title",
        "a test",
        "--batch",
        "16",
    )
    return folder


def test_imported_stamps_hold_the_flux_of_the_file(dataset, npz):
    data = open_dataset(dataset)
    assert len(data) == N
    held, original = np.load(npz), np.array([int(name) for name in data.rows.id])
    assert data.manifest.unit == "nJy/arcsec2"
    assert not data.manifest.real
    assert np.allclose(data.rows.z, held["z"][original])
    offset = np.arange(20) - 9.5
    near = np.hypot(offset[:, None], offset[None, :]) <= 8
    flux = (data.pixels(np.arange(N))[..., near] * 0.4**2).sum(-1) / 3631
    offset = np.arange(40) - 19.5
    near = np.hypot(offset[:, None], offset[None, :]) <= 8
    expected = held["images"][original][..., near].sum(-1)
    assert np.median(flux / expected, axis=0) == pytest.approx(np.ones(3), abs=0.01)


def test_dataset_show_tells_what_it_holds(dataset):
    told = ok("dataset", "show", dataset, "--check")
    for word in (str(N), "g r i", "nJy/arcsec2", "simulated", "nobody", "unchanged"):
        assert word in told


def test_the_model_learned_and_says_how_well(model):
    card = json.loads((model / "card.json").read_text())
    assert card["scores"]["model"]["crps"] < 0.6 * card["scores"]["prior"]["crps"]
    assert card["components"] == 10
    assert card["members"] == 2
    assert card["bands"] == list(BANDS)
    assert card["training"]["rows"] + card["scores"]["model"]["n"] == N
    assert sum(card["training"]["histogram_counts"]) == card["training"]["rows"]
    assert card["training"]["real"] is False
    assert (card["licence"], card["citation"], card["title"]) == ("CC0", "nobody", "a test")
    assert [line.split()[1] for line in card["made_by"]] == ["dataset", "train"]
    log = [json.loads(line) for line in (model / "training.jsonl").read_text().splitlines()]
    assert len(log) == 16
    assert {"member", "epoch", "loss", "stop_crps", "learning_rate", "seconds", "waited"} == set(log[0])
    assert log[7]["loss"] < log[0]["loss"]


def test_evaluate_writes_the_scores_of_the_card_again(model, dataset, tmp_path):
    told = ok("evaluate", model, dataset, "-o", tmp_path / "report.json")
    found = json.loads((tmp_path / "report.json").read_text())
    card = json.loads((model / "card.json").read_text())
    for which in ("model", "neighbours", "prior"):
        assert found["scores"][which]["crps"] == pytest.approx(card["scores"][which]["crps"], abs=1e-4)
    assert "15 neighbours" in told
    assert found["seen_in_training"] is False
    assert "have seen these objects" in ok(
        "evaluate", model, dataset, "-o", tmp_path / "r.json", "--fold", "2"
    )


def test_the_same_seed_gives_the_same_networks(model, dataset, tmp_path):
    """With the same data on the same machine; the last digits may differ where threads add up."""
    folder = tmp_path / "again"
    ok("train", dataset, "-o", folder, "--members", "1", "--epochs", "8", "--batch", "16", "--quiet")
    data = open_dataset(dataset)
    stamps = data.stamps(np.arange(40))
    one, two = load_model(model), load_model(folder)
    first = predict_stamps(one, stamps).mean[:, :5]
    assert predict_stamps(two, stamps).mean == pytest.approx(first, abs=2e-3)


def test_predictions_do_not_hang_on_the_batch(model, dataset):
    data = open_dataset(dataset)
    network = load_model(model)
    whole = predict_stamps(network, data.stamps(np.arange(N)))
    assert whole.weight.shape == (N, 10)
    assert whole.weight.sum(1) == pytest.approx(np.ones(N), abs=1e-5)
    for rows in ([3], [0, 100, 259], list(range(17))):
        part = predict_stamps(network, data.stamps(np.array(rows)))
        assert part.mean == pytest.approx(whole.mean[rows], abs=1e-4)
    assert predict_stamps(network, data.stamps(np.array([], dtype=int))).weight.shape == (0, 10)


def test_the_order_of_the_bands_does_not_matter(model, dataset):
    stamps = open_dataset(dataset).stamps(np.arange(5))
    network = load_model(model)
    turned = Stamps(stamps.pixels[:, ::-1], stamps.flags, BANDS[::-1], stamps.pixel_arcsec, stamps.unit)
    expected = predict_stamps(network, stamps).mean
    assert predict_stamps(network, turned).mean == pytest.approx(expected, abs=1e-5)


def test_unusable_stamps_are_nan_and_holes_at_the_edge_are_sky(model, dataset):
    stamps = open_dataset(dataset).stamps(np.arange(5))
    network = load_model(model)
    before = predict_stamps(network, stamps)
    stamps.pixels[0, 1] = np.nan
    stamps.pixels[1, 2, 10, 10] = np.nan
    stamps.pixels[2, 0, :2] = np.nan
    stamps.flags[3] = Flag.BAND_MISSING
    found = predict_stamps(network, stamps)
    assert list(np.isnan(found.weight).all(1)) == [True, True, False, True, False]
    assert found.mean[4] == pytest.approx(before.mean[4], abs=1e-5)
    assert found.mean[2] == pytest.approx(before.mean[2], abs=0.2)


def test_sources_of_strange_colours_are_outside_the_domain(model, dataset):
    data = open_dataset(dataset)
    network = load_model(model)
    stamps = data.stamps(np.arange(N))
    assert outside_domain(network, stamps).mean() < 0.05
    strange = stamps.pixels.copy()
    strange[:, 1] *= 30
    strange[5] = np.nan
    changed = Stamps(strange, stamps.flags, stamps.bands, stamps.pixel_arcsec, stamps.unit)
    assert outside_domain(network, changed).mean() > 0.9
    assert outside_domain(network, changed)[5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bands": ("u", "g", "r")}, "has no i"),
        ({"pixel_arcsec": 0.8}, "pixels of 0.4 arcsec"),
        ({"unit": "nanomaggy"}, "are in nanomaggy"),
    ],
)
def test_stamps_that_do_not_fit_are_refused(model, dataset, change, message):
    stamps = open_dataset(dataset).stamps(np.arange(2))
    with pytest.raises(ModelError, match=message):
        predict_stamps(load_model(model), Stamps(**{**vars(stamps), **change}))


def test_a_survey_needs_the_bands_of_the_model(model):
    card = load_model(model).card
    check_fits(card, ["u", "i", "r", "g", "z"])
    with pytest.raises(ModelError, match=r"needs the bands g, r, i, but the survey has no r, i \(it has g\)"):
        check_fits(card, ["g"])


def test_models_show_and_check(model):
    assert "a test" in ok("models", "show", model)
    assert "2 networks" in ok("models", "check", model)
    assert ok("models", "list").splitlines() is not None
    assert "no model named 'nothing'" in refused("models", "show", "nothing")


def test_a_users_own_model_has_a_name(model, private_home, monkeypatch):
    from vo_photoz import settings

    settings.defaults.cache_clear()
    own = settings.defaults().data_dir / "models" / "mine"
    shutil.copytree(model, own)
    assert "mine" in list_models()
    assert load_model("mine").folder == own
    shutil.rmtree(own)
    settings.defaults.cache_clear()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "weights" / "member-1.keras").unlink(), "missing"),
        (lambda f: (f / "weights" / "member-1.keras").write_bytes(b"PK"), "changed or cut off"),
        (lambda f: (f / "domain.npz").write_bytes(b"PK"), "changed or cut off"),
        (lambda f: (f / "card.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "card.json").write_text("[]"), "not the card"),
        (lambda f: (f / "card.json").unlink(), "no model"),
        (lambda f: edit(f, version=99), "from the future"),
        (lambda f: edit(f, bands=[]), "wrong at bands"),
        (lambda f: edit(f, weights={"../../secret": "0"}), "outside its folder"),
    ],
)
def test_a_damaged_model_is_told_in_one_sentence(model, tmp_path, harm, message):
    shutil.copytree(model, tmp_path / "copy")
    harm(tmp_path / "copy")
    assert message in refused("models", "check", tmp_path / "copy")


def edit(folder: Path, **change: object) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **change}))


def test_weights_that_are_no_network_are_told(model, tmp_path):
    from vo_photoz.redshift.model import file_hash

    shutil.copytree(model, tmp_path / "copy")
    file = tmp_path / "copy" / "weights" / "member-0.keras"
    file.write_bytes(b"PK not a network")
    edit(tmp_path / "copy", weights={"weights/member-0.keras": file_hash(file)})
    assert "cannot be loaded" in refused("models", "check", tmp_path / "copy")


def saved(path: Path, **change: np.ndarray | None) -> Path:
    held = {**stamps_file(12, side=40), **change}
    np.savez(path / "bad.npz", **{name: array for name, array in held.items() if array is not None})
    return path / "bad.npz"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": None}, "no array named z"),
        ({"images": None}, "no array named images"),
        ({"ra": np.zeros(3)}, "ra has 3"),
        ({"ra": np.full(12, np.nan)}, "without a position"),
        ({"dec": np.full(12, 91.0)}, "without a position"),
        ({"images": np.zeros((12, 5, 40, 40), np.float32)}, "3 bands are named"),
        ({"images": np.zeros((12, 3, 10, 10), np.float32)}, "do not fit"),
        (
            {
                "images": np.zeros((0, 3, 40, 40), np.float32),
                "ra": np.zeros(0),
                "dec": np.zeros(0),
                "z": np.zeros(0),
            },
            "nothing",
        ),
    ],
)
def test_a_bad_file_of_stamps_leaves_nothing(tmp_path, change, message):
    told = refused("dataset", "import", saved(tmp_path, **change), "-o", tmp_path / "set", "--bands", "gri")
    assert message in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.npz"]


def test_bad_options_of_an_import_are_told(npz, tmp_path):
    assert "does not exist" in refused("dataset", "import", tmp_path / "none.npz", "-o", tmp_path / "s")
    assert "unit" in refused(
        "dataset", "import", npz, "-o", tmp_path / "s", "--bands", "gri", "--unit", "adu"
    )
    (tmp_path / "text.npz").write_text("no zip")
    assert "cannot be read" in refused("dataset", "import", tmp_path / "text.npz", "-o", tmp_path / "s")
    assert "exists already" in refused("dataset", "import", npz, "-o", tmp_path)


def relabelled(dataset: Path, folder: Path, rows: int, z: float | None) -> Path:
    """A data set of the first objects of another, with other redshifts."""
    from vo_photoz.datasets.rows import Rows
    from vo_photoz.datasets.store import create_dataset

    data = open_dataset(dataset)
    some = data.rows.take(np.arange(rows))
    changed = some if z is None else Rows(**{**vars(some), "z": np.full(rows, z)})
    parts = iter([(np.arange(rows), data.stamps(np.arange(rows)))])
    create_dataset(folder, parts, changed, source={})
    return folder


def test_training_needs_labels_and_objects(dataset, tmp_path):
    unlabelled = relabelled(dataset, tmp_path / "unlabelled", 50, np.nan)
    assert "no object" in refused("train", unlabelled, "-o", tmp_path / "m").lower()
    one = relabelled(dataset, tmp_path / "one", 1, None)
    assert "too small" in refused("train", one, "-o", tmp_path / "m")
    assert "no data set" in refused("train", tmp_path, "-o", tmp_path / "m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "unlabelled"]


def test_an_existing_model_is_never_replaced(model, dataset):
    before = (model / "card.json").read_bytes()
    assert "exists already" in refused("train", dataset, "-o", model, "--epochs", "1", "--members", "1")
    assert (model / "card.json").read_bytes() == before


def test_evaluation_needs_fitting_data(model, dataset, tmp_path):
    report = tmp_path / "r.json"
    assert "no object in fold 9" in refused("evaluate", model, dataset, "-o", report, "--fold", "9")
    unlabelled = relabelled(dataset, tmp_path / "unlabelled", 200, np.nan)
    assert "redshift" in refused("evaluate", model, unlabelled, "-o", report)
    assert not report.exists()


def test_the_networks_eat_numbers_only_on_demand():
    """Listing and showing models must not wait for keras."""
    import subprocess
    import sys

    code = (
        "import sys; from vo_photoz.redshift.model import list_models, load_model;"
        "[load_model(name) for name in list_models()];"
        "import vo_photoz.redshift.predict, vo_photoz.pipeline.training.train;"
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
