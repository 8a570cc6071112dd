"""Trainings that are stopped at random moments and go on: a small data set, programs to start and to kill."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz.datasets.rows import Rows
from vo_photoz.datasets.store import Dataset, create_dataset
from vo_photoz.flow import Stamps

BANDS = ("g", "r", "i")
SIDE = 20


def point_sources(n: int, seed: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Stamps of point sources whose colours tell their redshift, nJy/arcsec2, and the redshifts."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(2.5, 4.5, n)
    offset = np.arange(SIDE) - (SIDE - 1) / 2
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.6**2)
    flux = 3e3 * 10 ** (0.35 * (z[:, None] - 3.5) * (np.arange(3) - 1)) * rng.uniform(0.7, 1.4, (n, 1))
    noise = rng.normal(0, 100, (n, 3, SIDE, SIDE))
    return (flux[:, :, None, None] * psf + noise).astype(np.float32), z


def stamps_file(n: int, *, side: int, faintest: float = 0.7) -> dict[str, np.ndarray]:
    """What a file of stamps holds: colours tell the redshift, nanomaggies, over the whole sky."""
    rng = np.random.default_rng(8)
    z = rng.uniform(2.5, 4.5, n)
    offset = np.arange(side) - (side - 1) / 2
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.6**2) / (2 * np.pi * 1.6**2)
    flux = 8 * 10 ** (0.35 * (z[:, None] - 3.5) * (np.arange(3) - 1)) * rng.uniform(faintest, 1.4, (n, 1))
    images = flux[:, :, None, None] * psf + rng.normal(0, 0.02, (n, 3, side, side))
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-0.9, 0.9, n)))
    return {"images": images.astype(np.float32), "ra": ra, "dec": dec, "z": z}


def small_set(
    folder: Path,
    n: int = 150,
    *,
    pixels: np.ndarray | None = None,
    z: np.ndarray | None = None,
    kind: np.ndarray | None = None,
    bands: tuple[str, ...] = BANDS,
    seed: int = 8,
    real: bool = True,
) -> Dataset:
    """A data set of point sources, folds in turn; parts of it may be given."""
    made, redshift = point_sources(n, seed)
    pixels = made if pixels is None else pixels
    row = np.arange(n)
    rows = Rows(
        id=row.astype(str),
        ra=row * 360.0 / n,
        dec=row * 120.0 / n - 60,
        z=redshift if z is None else z,
        fold=(row % 5).astype(np.int32),
        flags=np.zeros(n, np.int16),
        mag=np.full((n, len(bands)), np.nan),
        kind=kind,
    )
    parts = iter([(row, Stamps(pixels, np.zeros(n, np.int16), bands, 0.4, "nJy/arcsec2"))])
    return create_dataset(folder, parts, rows, source={"made_by": "vo-photoz dataset import"}, real=real)


def command(dataset: Path, output: Path, *words: str) -> list[str]:
    """A training that keeps its state after every block."""
    usual = [
        "--members",
        "2",
        "--epochs",
        "5",
        "--batch",
        "8",
        "--deterministic",
        "--checkpoint-seconds",
        "0",
    ]
    return [sys.executable, "-m", "vo_photoz", "train", str(dataset), "-o", str(output), *usual, *words]


def lines(work: Path) -> int:
    """Epochs in the log."""
    log = work / "training.jsonl"
    return len(log.read_text().splitlines()) if log.exists() else 0


def started_and_stopped(
    words: list[str], output: Path, epochs: int, wait: float, signal_number: int
) -> tuple[int, str]:
    """Start a training, stop it some seconds after its log has so many lines; return code and words."""
    work = output.with_name(f"{output.name}.training")
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while running.poll() is None and lines(work) < epochs:
        time.sleep(0.005)
    time.sleep(wait)
    running.send_signal(signal_number)
    told, _ = running.communicate(timeout=300)
    return running.returncode, told


def curve(model: Path) -> list[dict[str, Any]]:
    """The log without times."""
    log = [json.loads(line) for line in (model / "training.jsonl").read_text().splitlines()]
    return [{key: value for key, value in one.items() if key not in ("seconds", "waited")} for one in log]


def weights(model: Path) -> list[bytes]:
    """Weights of all networks, byte by byte."""
    files = sorted((model / "weights").glob("*.keras"))
    return [zipfile.ZipFile(file).read("model.weights.h5") for file in files]
