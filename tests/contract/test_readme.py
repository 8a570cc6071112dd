"""Every command of the README runs as it is typed there."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[str]:
    """Lines of the README's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def user_folder(tmp_path: Path, sandbox: Path) -> Path:
    """A folder that looks like a clone after `make demo`."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    (tmp_path / "demo-output").mkdir()
    (tmp_path / "demo-output" / "sky").symlink_to(sandbox, target_is_directory=True)
    return tmp_path


def test_make_targets_exist() -> None:
    targets = [shlex.split(line)[1] for line in commands() if line.startswith("make ")]
    assert targets[:2] == ["demo", "test"]
    for target in targets:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_vo_photoz_commands_run(user_folder: Path) -> None:
    lines = [line for line in commands() if "vo-photoz" in line]
    assert len(lines) >= 3
    for line in lines:
        if " serve" in line:
            continue
        done = subprocess.run(
            line, shell=True, cwd=user_folder, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        written = re.search(r"-o (\S+)", line)
        assert written is None or (user_folder / written[1]).exists()


def test_serve_runs_until_it_is_stopped(user_folder: Path) -> None:
    line = next(line for line in commands() if " serve" in line)
    environment = {**os.environ, "SAMP_HUB": f"std-lockurl:file://{user_folder}/samp"}
    service = subprocess.Popen(shlex.split(line), cwd=user_folder, env=environment)
    try:
        for _ in range(300):
            if (user_folder / "samp").exists() or service.poll() is not None:
                break
            time.sleep(0.1)
        assert (user_folder / "samp").exists(), "the service wrote no hub lockfile"
        assert service.poll() is None
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
    finally:
        service.kill()
