"""`make demo` in a network namespace that has nothing but a loopback: the main job needs no network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import absent
from vo_photoz.cli import demo as command
from vo_photoz.errors import DeadlineExceeded
from vo_photoz.sandbox.astronomer import Astronomer
from vo_photoz.tables.read import read_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and printed text of the demo, run without a network."""
    if os.geteuid() or not shutil.which("unshare"):
        absent("a network namespace needs root and unshare")
    home = tmp_path_factory.mktemp("demo")
    output = home / "demo-output"
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    environment |= {"HOME": str(home), "SAMP_HUB": f"std-lockurl:file://{home}/samp"}
    command = f"ip link set lo up && make --directory {ROOT} demo DEMO_OUTPUT={output}"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", command],
        env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return output, done.stdout


def test_files_are_written(demo: tuple[Path, str]) -> None:
    output, text = demo
    assert (output / "sources.png").read_bytes().startswith(b"\x89PNG")
    assert str(output / "predictions.vot") in text
    assert str(output / "sources.png") in text


def test_every_row_comes_back_in_its_place(demo: tuple[Path, str]) -> None:
    output, _ = demo
    sent, back = read_table(output / "sky" / "sources.vot"), read_table(output / "predictions.vot")
    assert list(back.values("id")) == list(sent.values("id"))
    assert back.names[: len(sent.names)] == sent.names
    assert "spectra_z" in back.names


def test_the_model_beats_prior_and_neighbours(demo: tuple[Path, str]) -> None:
    _, text = demo
    rows = r"^(model|15 colour neighbours|prior) +([0-9.]+)"
    crps = {name: float(value) for name, value in re.findall(rows, text, flags=re.MULTILINE)}
    assert crps["model"] < crps["15 colour neighbours"]
    assert crps["model"] < crps["prior"]
    assert re.search(r"^300 quasars at the redshifts that the model knows best", text, flags=re.MULTILINE)
    assert "Others, not scored: 100 quasars" in text


def test_a_service_that_ends_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "TELL_SECONDS", 1)
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    process.wait()
    with pytest.raises(DeadlineExceeded, match=r"the service ended \(exit code 3\)"):
        command._answer(Astronomer(tmp_path), process, quiet=True)
