"""A training for which memory runs out, under a real limit of its process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.store import create_dataset
from vo_photoz.flow import Stamps
from vo_photoz.redshift.model import load_model

N = 700
BATCH = 512
SPARE_MB = ("840", "920", "780")
"""A step of `dcmdn-1` with 512 stamps takes 0.86 GB, with 256 half of that. Where one limit proves nothing,
since threads of another machine take more or less memory, the next one is tried."""


def a_dataset(path: Path) -> Path:
    """Noise with redshifts: 600 stamps to fit, 50 to stop by, 50 held out."""
    rng = np.random.default_rng(1)
    flags = np.zeros(N, dtype=np.int16)
    rows = Rows(
        id=np.array([f"s{one}" for one in range(N)]), ra=rng.uniform(0, 360, N),
        dec=rng.uniform(-60, 60, N), z=rng.uniform(3, 5, N), flags=flags,
        fold=np.repeat(np.arange(3, dtype=np.int32), (50, 50, 600)), mag=np.full((N, 5), np.nan),
    )  # fmt: skip
    pixels = (500 * rng.standard_normal((N, 5, 28, 28))).astype(np.float32)
    stamps = Stamps(pixels, flags, tuple("ugriz"), 0.4, "nJy/arcsec2")
    create_dataset(path, iter([(np.arange(N), stamps)]), rows, source={}, real=False)
    return path


def test_a_step_that_does_not_fit_is_halved_and_the_training_ends(tmp_path: Path):
    dataset = a_dataset(tmp_path / "set")
    for spare in SPARE_MB:
        output = tmp_path / spare / "model"
        output.parent.mkdir()
        words = ["train", str(dataset), str(output), "dcmdn-1", str(BATCH), spare]
        ended = subprocess.run(
            [sys.executable, "-m", "tests.memory_limit", *words],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        lines = ended.stdout.splitlines()
        found = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        if ended.returncode != 0 or "error" in found:
            assert not output.exists()  # whatever happened, no half a model
            continue
        model = load_model(output)
        assert model.card.members == 1
        if found["batches"] == [BATCH // 2]:
            assert (
                f"not enough memory for {BATCH} stamps a step; goes on with {BATCH // 2}" in found["told"][-1]
            )
            return
    raise AssertionError(
        f"no limit made a training halve its batch and end: {ended.stdout} {ended.stderr[-500:]}"
    )
