"""A finished job on disk, computed from a made-up sky, and a store in memory to serve it from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from astropy.table import Table

from vo_photoz.errors import JobError
from vo_photoz.flow import Flag, MixturePDF, Positions, Predictions
from vo_photoz.pipeline.prediction.artefacts import JobFolder
from vo_photoz.redshift import mixture

CARD = SimpleNamespace(bands=list("ugriz"), stamp_pixels=16, pixel_arcsec=0.396, z_max=6.0)
NO_PREDICTION_ROW = 3


def make_job_folder(path: Path, n: int = 12) -> Path:
    """Stamps of blobs that redden with redshift, their densities, a result table; row 3 has no prediction."""
    rng = np.random.default_rng(11)
    z = rng.uniform(2.8, 4.9, n)
    positions = Positions(rng.uniform(0, 360, n), rng.uniform(-20, 60, n), np.ones(n, bool))
    folder = JobFolder(path)
    stamps = folder.stamps(n, CARD)
    stamps[:] = _blobs(z, rng)
    stamps[NO_PREDICTION_ROW, 0] = np.nan
    stamps.flush()
    predictions = _predictions(z, rng)
    known = np.where(np.arange(n) % 2 == 0, z, np.nan).astype(np.float32)
    folder.keep_densities(predictions, positions, CARD, known)
    table = Table({"ra": positions.ra, "dec": positions.dec, "z_phot": predictions.median})
    table.write(path / "result.vot", format="votable", overwrite=True)
    return path


def _blobs(z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Point sources whose bluest bands vanish with redshift, with noise, nJy/arcsec2."""
    y, x = np.mgrid[:16, :16] - 7.5
    blob = np.exp(-(x**2 + y**2) / (2 * 1.6**2))
    break_band = (z - 2.5) * 1.1
    seen = 1 / (1 + np.exp(-4 * (np.arange(5)[None] - break_band[:, None])))
    noise = np.array([1000, 400, 650, 1100, 4200])[None, :, None, None] * rng.normal(size=(len(z), 5, 16, 16))
    return (14_000 * seen[:, :, None, None] * blob + noise).astype(np.float32)


def _predictions(z: np.ndarray, rng: np.random.Generator) -> Predictions:
    n = len(z)
    mean = z[:, None] + np.array([0.02, -0.35, 0.3]) + rng.normal(0, 0.03, (n, 3))
    pdf = MixturePDF(np.tile([0.7, 0.2, 0.1], (n, 1)), mean, np.tile([0.06, 0.1, 0.25], (n, 1)))
    for column in (pdf.weight, pdf.mean, pdf.sigma):
        column[NO_PREDICTION_ROW] = np.nan
    flags = np.zeros(n, np.int16)
    flags[NO_PREDICTION_ROW] = Flag.BAND_MISSING | Flag.NEIGHBOUR
    low, median, high = (mixture.quantile(pdf, q).astype(np.float32) for q in (0.16, 0.5, 0.84))
    width, best = mixture.sigma(pdf).astype(np.float32), mixture.peak(pdf).astype(np.float32)
    above = mixture.prob_above(pdf, 3.0).astype(np.float32)
    return Predictions(pdf, median, low, high, best, width, above, flags, [""] * n, 3.0)


@dataclass(frozen=True)
class MemoryJob:
    id: str
    state: str
    name: str
    n_rows: int
    folder: Path
    error: str = ""
    created: datetime = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)

    @property
    def result(self) -> Path:
        return self.folder / "result.vot"


@dataclass
class MemoryStore:
    """Jobs in a dict."""

    jobs: dict[str, MemoryJob] = field(default_factory=dict)
    shown: tuple[str, int] | None = None

    def add(self, job: MemoryJob) -> None:
        self.jobs[job.id] = job

    def get(self, job_id: str) -> MemoryJob:
        if job_id not in self.jobs:
            raise JobError(f"There is no job {job_id}.")
        return self.jobs[job_id]

    def list(self, limit: int) -> list[MemoryJob]:
        return list(self.jobs.values())[::-1][:limit]

    def confirm(self, job_id: str) -> None:
        self.jobs[job_id] = replace(self.get(job_id), state="queued")
