"""What a training tells, and what it does where memory or devices are not as wished."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training_runs import curve, small_set
from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import ModelError, UsageError
from vo_photoz.pipeline.calibrate import calibrate
from vo_photoz.pipeline.training.train import train
from vo_photoz.redshift.options import TrainingOptions
from vo_photoz.redshift.training.memory import is_exhausted, with_less_memory

QUICK = TrainingOptions(members=1, epochs=3, batch=32, components=2)
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_set(tmp_path_factory.mktemp("watched") / "set")


def test_event_files_hold_the_curve(data: Dataset, tmp_path: Path):
    import tensorflow as tf

    made = train(data, tmp_path / "model", options=QUICK, tensorboard=tmp_path / "events")
    (file,) = (tmp_path / "events" / "network-1").iterdir()
    found: dict[str, dict[int, float]] = {}
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    log = curve(made.folder)
    assert [found["loss"][one["epoch"]] for one in log] == pytest.approx([one["loss"] for one in log])
    assert set(found) >= {"loss", "stop_crps", "learning_rate", "seconds", "waited"}


def test_a_network_stops_when_nothing_is_gained(data: Dataset, tmp_path: Path):
    options = replace(QUICK, epochs=40, patience=2, learning_rate=1e-12, schedule="constant", averaging=0.0)
    made = train(data, tmp_path / "model", options=options)
    assert 3 <= len(curve(made.folder)) < 12
    best = made.card.training.options["best_epochs"][0]
    assert len(curve(made.folder)) == best + 2


def test_without_a_fold_to_stop_by_all_but_the_held_out_are_fitted(data: Dataset, tmp_path: Path):
    made = train(data, tmp_path / "model", options=QUICK, stop_fold=None)
    (told,) = made.card.training.sources
    assert (told["fitted"], told["stopped_by"]) == (120, 0)
    assert made.card.training.options["best_epochs"] == [3]
    with pytest.raises(UsageError, match="nothing is left to calibrate"):
        calibrate(made, data)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "exponential", "constant"])
def test_step_sizes_rise_and_fall(schedule: str):
    from vo_photoz.redshift.training.optimiser import StepSize

    size = StepSize(0.1, schedule, 10, 110)
    found = np.array([float(np.asarray(size(step))) for step in range(0, 111, 5)])
    assert found[0] == pytest.approx(0.001, rel=1e-3)
    assert found[2] == pytest.approx(0.1, rel=1e-3)
    assert (np.diff(found[2:]) <= 1e-9).all()
    assert found[-1] == pytest.approx(0.1 if schedule == "constant" else 0.001, rel=1e-3)
    middle = {"cosine": 0.0505, "linear": 0.0505, "exponential": 0.01, "constant": 0.1}[schedule]
    assert float(np.asarray(size(60))) == pytest.approx(middle, rel=1e-3)


def test_gradients_are_clipped_all_together(data: Dataset):
    import keras

    from vo_photoz.redshift.training.optimiser import optimiser

    plain = {"optimiser": "sgd", "weight_decay": 0, "schedule": "constant", "warm_up_epochs": 0}
    made = optimiser(replace(QUICK, clip_norm=0.5, learning_rate=1.0, **plain), 1)
    one, two = keras.Variable([0.0]), keras.Variable([0.0])
    made.build([one, two])
    made.apply([np.float32([30.0]), np.float32([40.0])], [one, two])
    assert np.hypot(float(one[0]), float(two[0])) == pytest.approx(0.5, rel=1e-4)
    assert float(two[0]) / float(one[0]) == pytest.approx(4 / 3, rel=1e-4)


def test_a_batch_that_does_not_fit_is_halved(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import keras
    import tensorflow as tf

    real, batches = keras.Model.fit, []

    def fit(self, *words, batch_size, **more):
        batches.append(batch_size)
        if batch_size > 10 and len(batches) > 2:  # in the third block: the state of two epochs is kept
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[32,64]")
        return real(self, *words, batch_size=batch_size, **more)

    monkeypatch.setattr(keras.Model, "fit", fit)
    told: list[str] = []
    made = train(data, tmp_path / "model", options=QUICK, tell=told.append, keep_seconds=0)
    assert batches[:5] == [32, 32, 32, 16, 8], "goes on from the last state that was kept"
    assert set(batches[5:]) <= {8}
    assert "Network 1: not enough memory for 32 stamps a step; goes on with 16." in told
    assert [one["epoch"] for one in curve(made.folder)] == [1, 2, 3]
    assert made.card.training.options["batches"] == [8]
    assert curve(made.folder)[2]["learning_rate"] == pytest.approx(2e-5, rel=0.01), "the schedule goes on"


def test_not_even_one_stamp_fits():
    def attempt(batch: int) -> None:
        raise MemoryError

    with pytest.raises(ModelError, match="even with one stamp a step: MemoryError"):
        with_less_memory(attempt, 4, 0, lambda sentence: None)
    assert not is_exhausted(ValueError("something else"))
    with pytest.raises(ValueError, match="else"):
        with_less_memory(lambda batch: int("else"), 4, 0, lambda sentence: None)


def test_a_loss_that_is_no_number_is_told_and_what_was_trained_is_kept(data: Dataset, tmp_path: Path):
    with pytest.raises(ModelError, match="broke down"):
        train(data, tmp_path / "model", options=replace(QUICK, learning_rate=1e30, clip_norm=0))
    assert not (tmp_path / "model").exists()


def test_two_devices_have_the_loss_of_one(data: Dataset, tmp_path: Path):
    """Virtual processors; a process of its own, for they are made before TensorFlow starts."""
    script = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from vo_photoz.pipeline.calibrate import calibrate
from vo_photoz.pipeline.training.train import train
from vo_photoz.redshift.options import TrainingOptions
for n in (1, 2):
    options = TrainingOptions(members=1, epochs=3, batch=32, components=2, dropout=0.0, devices=str(n))
    train(sys.argv[1], f"{sys.argv[2]}/of-{n}", options=options, tell=print)
"""
    words = [sys.executable, "-c", script, str(data.folder), str(tmp_path)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Trains on 2 devices of the processor" in done.stdout
    one, two = (curve(tmp_path / f"of-{n}") for n in (1, 2))
    for key in ("loss", "stop_crps"):
        assert [line[key] for line in two] == pytest.approx([line[key] for line in one], rel=2e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "zigzag"}, "--schedule zigzag is not known"),
        ({"learning_rate": float("nan")}, "--learning-rate nan"),
        ({"dropout": 1.0}, "--dropout 1.0"),
        ({"batch": 0}, "--batch 0"),
        ({"dense": (64, 0)}, "--dense 64,0"),
        ({"averaging": 1.0}, "--averaging"),
    ],
)
def test_options_that_cannot_be_meant_are_told(change, message):
    with pytest.raises(UsageError, match=message):
        TrainingOptions(**change)


def test_what_the_command_cannot_mean_is_told_and_the_card_has_the_command(data: Dataset, tmp_path: Path):
    from typer.testing import CliRunner

    from vo_photoz.cli.main import app

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["train", str(data.folder), "-o", str(tmp_path / "model"), *words])
        assert result.exit_code == (2 if words[0] != "--members" else 0), result.output
        assert "Traceback" not in result.output
        return result.output

    (tmp_path / "file").write_text("")
    assert "names no share" in run("--with", str(data.folder))
    assert "--classes FOO,QSO cannot be meant" in run("--classes", "FOO,QSO")
    assert "--learning-rate 0.0" in run("--learning-rate", "0")
    assert "--dense wide cannot be meant" in run("--dense", "wide")
    assert "Not a directory" in run("--tensorboard", str(tmp_path / "file" / "events"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    run("--members", "1", "--epochs", "1", "--with", f"{data.folder}:0.25", "--title", "one, two", "--resume")
    words = (tmp_path / "model" / "card.json").read_text()
    assert (
        "vo-photoz train set --output model --title 'one, two' --with set:0.25 --architecture compact"
        in words
    )
    assert "--members 1 --epochs 1" in words
    assert "--resume" not in words
