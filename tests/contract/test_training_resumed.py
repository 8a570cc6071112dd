"""A training that is stopped or killed at any moment goes on as if nothing had been."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.training_runs import command, curve, lines, small_set, started_and_stopped, weights
from vo_photoz.cli.main import app
from vo_photoz.errors import ModelError
from vo_photoz.redshift.model import load_model
from vo_photoz.redshift.training.checkpoints import State, read_state, write_state


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_set(tmp_path_factory.mktemp("resumed") / "set").folder


@pytest.fixture(scope="module")
def whole(dataset: Path) -> Path:
    """A training that nobody disturbed."""
    output = dataset.parent / "whole"
    done = subprocess.run(command(dataset, output), capture_output=True, text=True, check=True)
    assert done.stderr == "", "and nobody is bothered with the talk of the backend"
    assert "Trains on the processor" in done.stdout
    return output


def test_killed_and_stopped_and_resumed_is_the_same_to_the_byte(dataset: Path, whole: Path, tmp_path: Path):
    output, work = tmp_path / "model", tmp_path / "model.training"
    words = command(dataset, output, "--resume")
    code, _ = started_and_stopped(words, output, 2, 0.03, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not output.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model.training"], "its state is in plain sight"
    before = lines(work)
    assert before >= 2

    code, told = started_and_stopped(words, output, 6, 0.0, signal.SIGTERM)
    assert code == 1
    assert "--resume goes on with it" in told
    assert "goes on after epoch" in told
    assert "Traceback" not in told
    assert not output.exists()

    refused = CliRunner().invoke(app, [*words[3:-1], "--quiet"])
    assert refused.exit_code == 2
    assert "--resume" in refused.output
    other = CliRunner().invoke(app, [*words[3:], "--learning-rate", "0.1"])
    assert other.exit_code == 2
    assert "its learning_rate is 0.002, not 0.1" in other.output

    subprocess.run(words, capture_output=True, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "nothing is left behind"
    assert curve(output) == curve(whole)
    assert weights(output) == weights(whole)
    mine, its = load_model(output).card, load_model(whole).card
    assert mine.scores == its.scores
    assert mine.training.options == its.training.options


def test_nothing_lies_about_before_the_first_state(dataset: Path, tmp_path: Path):
    output = tmp_path / "model"
    told = CliRunner().invoke(app, [*command(dataset, output)[3:], "--devices", "3000"])
    assert told.exit_code == 2
    assert "--devices 3000" in told.output
    assert not list(tmp_path.iterdir())


def test_a_state_is_read_as_it_was_written_or_refused(tmp_path: Path):
    state = State(
        1, 16, epoch=3, loss_sum=0.1 + 0.2, network=[np.float32([1, 2]), np.uint32([3])], best=[np.eye(2)]
    )
    file = tmp_path / "member-1.npz"
    write_state(state, file)
    again = read_state(file)
    assert vars(again).keys() == vars(state).keys()
    assert (again.epoch, again.batch, again.loss_sum, again.best_score) == (3, 16, 0.1 + 0.2, np.inf)
    assert [one.dtype for one in again.network] == [np.float32, np.uint32]
    assert np.array_equal(again.best[0], np.eye(2))
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ModelError, match=r"cannot be read.*Remove the file"):
        read_state(file)
    file.write_bytes(b"no archive")
    with pytest.raises(ModelError, match="cannot be read"):
        read_state(file)
    assert [path.name for path in tmp_path.iterdir()] == ["member-1.npz"]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_moments(dataset: Path, whole: Path, tmp_path: Path, seed: int):
    rng = np.random.default_rng(seed)
    output = tmp_path / "model"
    words = command(dataset, output, "--resume")
    kills = 0
    while kills < 6:
        done = lines(tmp_path / "model.training")
        started_and_stopped(
            words, output, done + int(rng.integers(0, 3)), rng.exponential(0.3), signal.SIGKILL
        )
        if output.exists():
            break
        kills += 1
    if not output.exists():
        subprocess.run(words, capture_output=True, check=True)
    assert kills >= 2
    assert curve(output) == curve(whole)
    assert weights(output) == weights(whole)
