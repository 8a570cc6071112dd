"""Which spoiled stamps of real quasars are told: flag 16 (outside the domain), 128 and 256 (stamp checks).

    python benchmarks/domain.py [DATASET]

DATASET is a data set in ugriz with folds, as `vo-photoz dataset import` makes it of the SDSS quasars. Without
it their file is looked for in $VO_PHOTOZ_SHARED or ../shared, and imported. The domain is learned from folds
1 to 4; stamps of fold 0 are spoiled. Real ones of fold 0 come first: false alarms.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vo_photoz.analysis.stamp_checks import check_stamps
from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.flow import Flag, Float32Array, Stamps
from vo_photoz.pipeline.datasets.import_stamps import import_dataset
from vo_photoz.redshift.domain import domain_of

HELD_OUT = 0
SATURATION = 0.25
"""Of the highest pixel, where the light of a saturated source is cut off."""


def spoiled(stamps: Float32Array, sky: np.ndarray, bands: list[str]) -> Iterator[tuple[str, Float32Array]]:
    """Stamps (n, band, y, x) spoiled in many ways, with what was done to them."""
    rng = np.random.default_rng(1)
    yield "as they are", stamps
    yield "sky of their corners alone", corners(stamps)
    yield "Gaussian noise alone", rng.normal(size=stamps.shape) * sky[:, None, None]
    yield "one value everywhere", np.full_like(stamps, 1e3)
    yield "in other units (nanomaggies)", stamps * 0.16 / 3631
    bright = stamps * (10 ** rng.uniform(2.5, 3.5, len(stamps)))[:, None, None, None]
    yield "saturated", np.minimum(bright, SATURATION * bright.max((2, 3), keepdims=True))
    for factor in (2, 3, 10):
        for band, name in enumerate(bands):
            scale = np.where(np.arange(len(bands)) == band, factor, 1)[:, None, None]
            yield f"band {name} times {factor}", stamps * scale
    yield "all bands times 2", stamps * 2
    for band in range(len(bands) - 1):
        order = np.arange(len(bands))
        order[[band, band + 1]] = order[[band + 1, band]]
        yield f"bands {bands[band]} and {bands[band + 1]} swapped", stamps[:, order]
    for pixels in (3, 5, 8):
        yield f"{0.4 * pixels:.1f} arcsec off centre", moved(stamps, pixels)
    for ratio in (0.3, 1.0):
        for pixels in (3, 4, 6):
            yield (
                f"neighbour {0.4 * pixels:.1f} arcsec away, light x {ratio}",
                paired(stamps, ratio, pixels, rng),
            )


def corners(stamps: Float32Array) -> Float32Array:
    """Stamps put together from their four corners: sky without the source."""
    top, bottom = stamps[:, :, :10], stamps[:, :, -10:]
    rows = [np.concatenate([one[..., :10], one[..., -10:]], axis=3) for one in (top, bottom)]
    return np.pad(np.concatenate(rows, axis=2), ((0, 0), (0, 0), (4, 4), (4, 4)), mode="reflect")


def moved(stamps: Float32Array, pixels: int) -> Float32Array:
    """Stamps moved along x; the edge is filled with mirrored pixels."""
    wide = np.pad(stamps, ((0, 0), (0, 0), (0, 0), (pixels, pixels)), mode="reflect")
    return wide[..., : stamps.shape[-1]]


def paired(stamps: Float32Array, ratio: float, pixels: int, rng: np.random.Generator) -> Float32Array:
    """Each stamp with the source of another beside its own, scaled to a ratio of their light in r."""
    offset = np.arange(stamps.shape[-1]) - (stamps.shape[-1] - 1) / 2
    radius = np.hypot(offset[:, None], offset)
    others = stamps[rng.permutation(len(stamps))]
    here, there = (one[:, 2][:, radius < 5].sum(1) for one in (stamps, others))
    scale = np.clip(ratio * here / np.maximum(there, 1), 0, 50)[:, None, None, None]
    return stamps + moved(others * np.exp(-0.5 * (radius / 5) ** 6) * scale, pixels)


def main() -> None:
    """Find the stamps and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        data = open_dataset(sys.argv[1]) if sys.argv[1:] else imported(Path(folder))
        if data is not None:
            told(data)


def imported(folder: Path) -> Dataset | None:
    """The quasars as a data set; None where their file is absent."""
    shared = Path(os.environ.get("VO_PHOTOZ_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    file = shared / "data" / "quasars" / "sdss_quasars_ugriz.npz"
    if not file.is_file():
        print(f"no {file}: nothing is measured")
        return None
    return import_dataset(file, folder / "quasars")


def told(data: Dataset) -> None:
    """Print the table of one data set."""
    stamps = data.stamps(np.arange(len(data)))
    fold = data.rows.fold
    domain = domain_of(stamps.pixels[fold != HELD_OUT])
    mine = stamps.pixels[fold == HELD_OUT]
    print(f"{'':44s}{'flag 16':>9s}{'128, 256':>10s}")
    for what, pixels in spoiled(mine, domain.softening, list(stamps.bands)):
        shown = Stamps(
            pixels.astype(np.float32),
            np.zeros(len(mine), np.int16),
            stamps.bands,
            stamps.pixel_arcsec,
            stamps.unit,
        )
        checks = check_stamps(shown) & int(Flag.NEIGHBOUR | Flag.OFF_CENTRE)
        print(f"{what:44s}{domain.outside(shown.pixels).mean():9.3f}{(checks != 0).mean():10.3f}")
    start = time.perf_counter()
    domain.outside(mine)
    print(f"{1e3 * (time.perf_counter() - start) / len(mine):.3f} ms a stamp")


if __name__ == "__main__":
    main()
