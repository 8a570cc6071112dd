"""How simulated stamps compare with real ones: noise, seeing, offsets, neighbours. No times.

``python benchmarks/simulated_imaging.py FILE.npz`` takes SDSS stamps of 48 x 48 pixels in nanomaggies with
ra, dec and mag.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import stamp_statistics as measure  # noqa: E402
from tests.conftest import SHARED  # noqa: E402

BANDS = "ugriz"


def main(file: Path) -> None:
    """Print a table for Markdown: real and simulated."""
    real, magnitudes = measure.real_stamps(file)
    both = real, measure.simulated_stamps(magnitudes)
    print(f"{len(magnitudes)} stamps each; real, simulated\n")
    print("| |" + "|".join(f" {band} " for band in BANDS) + "|\n|---|" + "---|" * 5)
    row("noise of the sky, nanomaggy", lambda some, b: np.median(some.noise[:, b]), both, "{:.4f}")
    row("its spread, dex", lambda some, b: measure.half_width(np.log10(some.noise[:, b])), both, "{:.3f}")
    row("noise of a 3-px aperture, nanomaggy", measure.aperture_noise, both, "{:.3f}")
    ratio = "light within 2 px over 4 px"
    row(ratio, lambda some, b: np.median(widths(some, b, magnitudes)), both, "{:.3f}")
    row("its spread", lambda some, b: measure.half_width(widths(some, b, magnitudes)), both, "{:.3f}")
    row("offset from the middle, px", lambda some, b: offset(some, b, magnitudes), both, "{:.2f}")
    row("stamps with a neighbour", measure.neighbours, both, "{:.3f}")


def rows_of(band: int, magnitudes: np.ndarray) -> np.ndarray:
    """Bright point sources; there are too few in u."""
    limit = (0, 19.8, 19.8, 19.8, 19.2)[band]
    return np.flatnonzero(magnitudes[:, band] < limit)


def widths(some: measure.Seen, band: int, magnitudes: np.ndarray) -> np.ndarray:
    rows = rows_of(band, magnitudes)
    return measure.concentration(some, band, rows) if len(rows) else np.array([np.nan])


def offset(some: measure.Seen, band: int, magnitudes: np.ndarray) -> float:
    rows = rows_of(band, magnitudes)
    return float(np.median(np.abs(measure.centres(some, band, rows)))) if len(rows) else np.nan


def row(name: str, figure, both: tuple[measure.Seen, measure.Seen], form: str) -> None:
    figures = [[figure(some, band) for some in both] for band in range(5)]
    cells = [
        ", ".join(form.format(one) for one in pair) if np.isfinite(pair).all() else "" for pair in figures
    ]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(Path(sys.argv[1]))
    else:
        known = SHARED / "data" / "quasars" / "sdss_quasars_ugriz.npz"
        main(known) if known.is_file() else print("no file of real stamps given")
