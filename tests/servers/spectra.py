"""The rows behind the test archive: generated, the same every time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROWS = 200_000


@dataclass(frozen=True)
class Spectra:
    """Columns of the table ``vo_photoz_tests.spectra``; degrees, ICRS."""

    specobjid: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    z: np.ndarray
    z_err: np.ndarray
    kind: np.ndarray
    zwarning: np.ndarray


def spectra(rows: int = ROWS) -> Spectra:
    """All over the sky; one in ten has a close companion, some thousand crowd at the poles and at 0 h."""
    rng = np.random.default_rng(20261122)
    ra = rng.uniform(0, 360, rows)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, rows)))
    dec[:2000] = 90 - rng.uniform(0, 0.05, 2000)
    dec[2000:4000] = -90 + rng.uniform(0, 0.05, 2000)
    ra[4000:6000] = rng.normal(0, 0.01, 2000) % 360
    dec[4000:6000] = rng.normal(0, 0.05, 2000)
    companion, of = np.arange(rows - rows // 10, rows), np.arange(rows // 10)
    dec[companion] = np.clip(dec[of] + rng.normal(0, 0.5, len(of)) / 3600, -90, 90)
    ra[companion] = ra[of]
    quasar = rng.random(rows) < 0.3
    z = np.where(quasar, rng.gamma(4, 0.5, rows), rng.gamma(2, 0.1, rows))
    # A redshift that is not known stays null, as in real archives.
    z[rng.random(rows) < 0.01] = np.nan
    return Spectra(
        10**15 + np.arange(rows), ra, dec, z, rng.uniform(1e-5, 1e-3, rows).astype(np.float32),
        np.where(quasar, "QSO", "GALAXY"), 4 * (rng.random(rows) < 0.05).astype(int),
    )  # fmt: skip


def write_csv(table: Spectra, path: Path) -> None:
    """Write for PostgreSQL's COPY; numbers keep every bit."""
    columns = [getattr(table, name).tolist() for name in Spectra.__dataclass_fields__]
    with path.open("w", encoding="ascii") as file:
        for row in zip(*columns, strict=True):
            file.write(",".join("" if str(value) == "nan" else str(value) for value in row) + "\n")
