"""What a model can be trained on: several data sets, simulated skies, another model's networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training_runs import SIDE, curve, point_sources, small_set
from vo_photoz.datasets.augment import STILL, Variation, varied
from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import ModelError, PhotozError, TableError, UsageError
from vo_photoz.pipeline.training import skies
from vo_photoz.pipeline.training.train import train
from vo_photoz.redshift.model import Model
from vo_photoz.redshift.options import TrainingOptions
from vo_photoz.redshift.training import simulated
from vo_photoz.redshift.training.mixing import Mixture, made_ahead
from vo_photoz.redshift.training.simulated import SkySource
from vo_photoz.redshift.training.sources import DatasetSource
from vo_photoz.simulation.sky import SimulatedSky

QUICK = TrainingOptions(members=1, epochs=3, batch=16, components=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_set(tmp_path_factory.mktemp("sources") / "set")


@pytest.fixture(scope="module")
def model(data: Dataset) -> Model:
    return train(data, data.folder.parent / "first", options=TrainingOptions(members=2, epochs=8, batch=8))


def source(data: Dataset) -> DatasetSource:
    return DatasetSource(data, np.arange(0, 100), np.arange(100, 120), data.manifest.bands)


def test_a_stream_is_the_same_however_it_is_cut(data: Dataset):
    stream = source(data)
    whole = stream.stamps((1, 2), 0, 350)
    cut = [stream.stamps((1, 2), start, 70) for start in range(0, 350, 70)]
    assert np.array_equal(np.concatenate([one.pixels for one in cut]), whole.pixels)
    z = whole.labels[:, 0]
    passes = [np.sort(z[start : start + 100]) for start in (0, 100, 200)]
    assert np.array_equal(passes[0], np.sort(data.rows.z[:100].astype(np.float32))), "every object once"
    assert np.array_equal(passes[1], passes[0])
    assert not np.array_equal(z[:100], z[100:200]), "in another order"
    assert not np.array_equal(stream.stamps((1, 3), 0, 100).labels, whole.labels[:100])


def test_large_data_sets_are_read_in_blocks_with_the_same_result(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
):
    held = source(data).stamps((1, 2), 30, 200)
    monkeypatch.setattr("vo_photoz.redshift.training.sources.IN_MEMORY_BYTES", 0)
    read = source(data)
    assert np.array_equal(read.stamps((1, 2), 30, 200).pixels, held.pixels)
    assert read._held is None


def test_shares_are_kept_in_every_stretch(data: Dataset, tmp_path: Path):
    other = small_set(tmp_path / "other", 60, z=np.full(60, 7.0))
    mixture = Mixture([source(data), DatasetSource(other, np.arange(60), np.arange(0), "gri")], [0.7, 0.3])
    assert mixture.epoch_objects == 143
    z = mixture.stamps((1,), 0, 1000).labels[:, 0]
    assert (z == 7).sum() == 300
    assert 0 < (z[:50] == 7).sum() < 50, "mixed, not one after the other"
    cut = [mixture.stamps((1,), start, 125).labels[:, 0] for start in range(0, 1000, 125)]
    assert [int((one == 7).sum()) for one in cut] == [37, 38] * 4
    assert np.array_equal(np.sort(np.concatenate(cut)), np.sort(z))


def test_stamps_are_made_ahead_in_order():
    made = []

    def make(number: int) -> int:
        made.append(number)
        return number * number

    stream = made_ahead(make, range(100), 3)
    assert [next(stream) for _ in range(5)] == [0, 1, 4, 9, 16]
    stream.close()
    assert len(made) < 15, "and no further than needed"


def test_training_on_a_model_keeps_its_scaling_and_does_not_forget(
    data: Dataset, model: Model, tmp_path: Path
):
    fainter = small_set(tmp_path / "fainter", pixels=point_sources(150)[0] * np.float32(0.6))
    tuned = train(
        fainter, tmp_path / "tuned", start=model, others=[(data, 0.4)],
        options=replace(QUICK, members=3, learning_rate=3e-4, components=9, architecture="dcmdn-1"),
    )  # fmt: skip
    assert tuned.card.network == model.card.network, "also architecture and components are the model's"
    assert tuned.card.input_scaling == model.card.input_scaling
    first, second = (one.networks[0].get_layer("aperture_scaling").get_weights() for one in (model, tuned))
    assert all(one == pytest.approx(two, rel=1e-5) for one, two in zip(first, second, strict=True))
    assert [one["share"] for one in tuned.card.training.sources] == [0.6, 0.4]
    assert tuned.card.training.name == "fainter + set"
    assert tuned.card.members == 3
    log = curve(tuned.folder)
    assert log[0]["loss"] < 0.7 * curve(model.folder)[0]["loss"], "it does not begin anew"
    assert set(log[0]["stop_crps_by_source"]) == {"fainter", "set"}
    blend = 0.6 * log[0]["stop_crps_by_source"]["fainter"] + 0.4 * log[0]["stop_crps_by_source"]["set"]
    assert log[0]["stop_crps"] == pytest.approx(blend)


def test_the_dense_layers_and_the_dropout_of_the_options_are_built(data: Dataset, tmp_path: Path):
    wide = train(data, tmp_path / "wide", options=replace(QUICK, members=1, epochs=1, dense=(24, 12)))
    assert [wide.networks[0].get_layer(f"dense_{one}").units for one in (1, 2)] == [24, 12]
    assert wide.card.network["dropout"] is None
    tuned = train(
        data, tmp_path / "tuned", start=wide, options=replace(QUICK, members=1, epochs=1, dropout=0.3)
    )
    assert tuned.card.network["dense"] == [24, 12]
    assert tuned.networks[0].get_layer("dropout_1").rate == 0.3


def test_bands_in_another_order_are_put_in_order(data: Dataset, model: Model, tmp_path: Path):
    turned = small_set(tmp_path / "turned", pixels=point_sources(150)[0][:, ::-1], bands=("i", "r", "g"))
    straight = train(data, tmp_path / "one", start=model, options=QUICK)
    crooked = train(turned, tmp_path / "two", start=model, options=QUICK)
    assert crooked.card.bands == ["g", "r", "i"]
    assert curve(crooked.folder)[-1]["loss"] == pytest.approx(curve(straight.folder)[-1]["loss"], rel=1e-3)


@pytest.mark.parametrize(
    ("options", "change", "kind", "message"),
    [
        ({}, {"bands": ("u", "g", "r")}, UsageError, "bands are g i r and g r u"),
        ({"shares": 1.0}, {}, UsageError, "leave nothing for the main"),
        ({"shares": -0.1}, {}, UsageError, "leave nothing for the main"),
        ({"start": True}, {"bands": ("u", "g", "r"), "main": True}, ModelError, "has no i"),
        ({"start": "none"}, {}, ModelError, "no model named 'none'"),
    ],
)
def test_what_does_not_fit_is_told(data, model, tmp_path, options, change, kind, message):
    main = change.pop("main", False)
    other = small_set(tmp_path / "other", 60, **change)
    start = model if options.get("start") is True else options.get("start")
    with pytest.raises(kind, match=message):
        train(
            other if main else data, tmp_path / "model", options=QUICK, start=start,
            others=[] if main else [(other, options.get("shares", 0.5))],
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": np.full((60, 3, SIDE, SIDE), np.nan, np.float32)}, "usable stamp"),
        ({"pixels": np.full((60, 3, SIDE, SIDE), 7, np.float32)}, "usable stamp"),
        ({"z": np.full(60, np.nan)}, "No object of .* has a redshift"),
        ({"z": np.full(60, -9999.0)}, "No object of .* has a redshift"),
        ({"n": 1}, "too small"),
        ({"n": 3}, "too small"),
    ],
)
def test_data_that_nothing_can_be_learned_from_leave_nothing(tmp_path: Path, change, message):
    other = small_set(tmp_path / "other", **{"n": 60, **change})
    with pytest.raises(TableError, match=message):
        train(other, tmp_path / "model", options=QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_single_bad_objects_are_left_out_and_counted(tmp_path: Path):
    pixels, z = point_sources(150)
    pixels[10:14, 1, 9, 9] = np.nan
    pixels[20:23, 2] = 5.0
    pixels[30, 0, 0, 0] = np.nan
    z[[40, 41]] = np.nan, 99.0
    told: list[str] = []
    made = train(
        small_set(tmp_path / "set", pixels=pixels, z=z), tmp_path / "model", options=QUICK, tell=told.append
    )
    expected = {
        "without a redshift": 2,
        "with missing pixels in the middle": 4,
        "with a band that is the same everywhere": 3,
    }
    assert made.card.training.sources[0]["left_out"] == expected
    assert "set: 4 objects with missing pixels in the middle are left out." in told


def test_a_simulated_sky_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(skies, "SAMPLE", 600)
    monkeypatch.setattr(skies, "HELD_OUT_STAMPS", 600)
    monkeypatch.setattr(simulated, "STOP_STAMPS", 300)
    options = TrainingOptions(members=1, epochs=2, batch=64, components=2, epoch_objects=700)
    made = train("all-classes", tmp_path / "model", options=options)
    assert made.card.classes == ["STAR", "GALAXY", "QSO"]
    assert made.card.component_classes == ["STAR", "GALAXY", "GALAXY", "QSO", "QSO"]
    assert not made.card.training.real
    assert made.card.training.sources[0]["title"].startswith("Simulated quasars")
    assert made.card.scores["model"]["n"] > 50
    assert made.card.prior is not None
    assert made.card.prior.share("STAR") == pytest.approx(1 / 3, abs=0.1)
    assert curve(made.folder)[1]["stop_cross_entropy"] < np.log(3)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    stream = SkySource(SimulatedSky("all-classes"), "sky", tuple("ugriz"), ("STAR", "GALAXY", "QSO"))
    whole, part = stream.stamps((1, 2), 500, 600), stream.stamps((1, 2), 1000, 50)
    assert np.array_equal(whole.pixels[500:550], part.pixels)
    assert set(np.unique(whole.labels[:, 1])) == {0, 1, 2}
    assert len(stream.stamps((1, 2), 0, 0)) == 0
    with pytest.raises(PhotozError, match="no description of a sky"):
        train(tmp_path / "none.toml", tmp_path / "other")


def test_stars_need_no_redshift_and_unknown_classes_no_class(tmp_path: Path):
    kind = np.array(["STAR", "QSO", "", "QSO"] * 38)[:150]
    z = np.where(kind == "STAR", np.nan, point_sources(150)[1])
    made = train(small_set(tmp_path / "set", z=z, kind=kind), tmp_path / "model", options=QUICK)
    assert made.card.classes == ["STAR", "QSO"]
    assert made.card.training.sources[0]["left_out"] == {}
    assert made.card.z_min == 0
    with pytest.raises(UsageError, match="class STAR"):
        train(
            small_set(tmp_path / "again", z=z, kind=kind),
            tmp_path / "other",
            options=TrainingOptions(classes=("GALAXY", "QSO")),
        )


def test_variations_do_what_they_say():
    rng = np.random.default_rng(1)
    pixels, _ = point_sources(400)
    untouched = pixels.copy()
    dim = varied(pixels, Variation(replace(STILL, dim_mag=1), (), np.array([100.0] * 3)), rng)
    core = np.s_[..., 8:12, 8:12]
    ratio = dim[core].sum((2, 3)) / pixels[core].sum((2, 3))
    assert 0.35 < np.quantile(ratio, 0.05) < 0.5
    assert np.quantile(ratio, 0.95) > 0.99, "half of them not at all"
    edge = np.s_[..., :3, :]
    assert dim[edge].std() == pytest.approx(pixels[edge].std(), rel=0.03), "the sky keeps its noise"

    red = varied(pixels, Variation(replace(STILL, ebv=0.1), (3.0, 2.0, 1.0)), rng)
    magnitude = -2.5 * np.log10(red[core].sum((2, 3)) / pixels[core].sum((2, 3)))
    assert magnitude.std(0) == pytest.approx([0.3, 0.2, 0.1], rel=0.15)
    assert np.corrcoef(magnitude.T)[0, 2] > 0.99, "all bands by the same dust"

    bright = pixels * 100
    wide = varied(bright, Variation(replace(STILL, blur_pixels=0.8)), rng)
    radius = np.hypot(*(np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2))
    size = [(one[:, 1] * radius**2).sum((1, 2)) / one[:, 1].sum((1, 2)) for one in (bright, wide)]
    assert wide.sum() == pytest.approx(bright.sum(), rel=1e-3), "no light is lost"
    grown = np.sort(size[1] - size[0])
    assert np.median(np.abs(grown[:150])) < 0.1, "half of the nights are as good as before"
    assert 0.4 < grown[-20] < 2 * 0.8**2
    gone = varied(pixels, Variation(replace(STILL, lost=0.25)), rng)
    empty = gone[core].sum((1, 2, 3)) < 0.1 * pixels[core].sum((1, 2, 3))
    assert 0.15 < empty.mean() < 0.35, "the sky alone, in all bands, where the source should be"
    assert gone.sum() == pytest.approx(pixels.sum(), rel=1e-4)

    assert np.array_equal(pixels, untouched)
    assert np.array_equal(varied(pixels, Variation(STILL), rng).sum((2, 3)).shape, (400, 3))
