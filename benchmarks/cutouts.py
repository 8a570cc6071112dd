"""Stamps of 64 x 64 pixels, bilinear, from local tiles of 512 float32 pixels: against `reproject_interp`.

Noise in five bands, made here; the tiles are in the page cache. Two peers: `reproject_interp` of every tile
that a stamp needs, tiles decoded once and kept, with their WCS; and, easier, of one image that lies in memory
whole. The pixels are compared first, so that nobody is fast and wrong. Processor time stands beside the
clock: a busy machine changes it less.

    python benchmarks/cutouts.py [ROUNDS] [STAMPS] [--million]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np
from alternate import alternate, report
from astropy.coordinates import ICRS
from astropy.io import fits
from astropy.wcs import WCS
from reproject import reproject_interp
from reproject.hips._utils import tile_header_2d

from vo_photoz.flow import Positions
from vo_photoz.hips.access.tiles import tile_path
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import Survey, load_survey
from vo_photoz.hips.write import TanImage, write_hips
from vo_photoz.sky.frames import unit_vectors
from vo_photoz.sky.pixels import cells_of

SIZE, PIXEL_ARCSEC, ORDER = 64, 0.8, 9
RA, DEC, SIDE = 150.0, 2.2, 4000
BANDS = "ugriz"
PEER_STAMPS = 24
MEMORY = """
import sys
import numpy as np
from pathlib import Path
from vo_photoz.hips.survey import load_survey
survey, n = load_survey(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(1)
places = np.stack([150 + rng.uniform(-0.35, 0.35, n), 2.2 + rng.uniform(-0.35, 0.35, n)], axis=1)
seen = 0
for rows, stamps in survey.extract_many(places, 64, 0.8 / 3600, threads=1):
    seen += len(rows)
assert seen == n
status = Path("/proc/self/status").read_text()
print(next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")))
"""


def main(rounds: int = 5, stamps: int = 10_000, *, million: bool = False) -> None:
    """Print rates, ratios and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pixels = make_sky(folder)
        survey, positions = load_survey(folder / "survey.toml"), places(stamps)
        few = positions.take(slice(0, PEER_STAMPS))
        tiles = Tiles(folder / BANDS[0])
        compare(survey, few, tiles)
        timed = Timed()
        seconds = alternate(
            {
                "1 band, 1 thread": timed("one", lambda: ours(survey.only("u"), positions, 1)),
                "1 band, 2 threads": timed("two", lambda: ours(survey.only("u"), positions, 2)),
                "5 bands, 1 thread": timed("five", lambda: ours(survey, positions, 1)),
                "5 bands, 2 threads": timed("both", lambda: ours(survey, positions, 2)),
                "reproject_interp, whole image": timed("image", lambda: of_image(pixels, few)),
                "reproject_interp per tile": timed("tile", lambda: of_tiles(tiles, few)),
            },
            rounds,
        )
        each = {
            name: [1000 * value / (PEER_STAMPS if "reproject" in name else stamps) for value in values]
            for name, values in seconds.items()
        }
        print(
            f"a stamp of {SIZE} x {SIZE} pixels; {stamps} of ours, {PEER_STAMPS} of the peer, {rounds} rounds"
        )
        report(each, unit="ms")
        tell_ratios(each, timed, stamps)
        for number in (10_000, 1_000_000) if million else (10_000, 50_000):
            command = [sys.executable, "-c", MEMORY, str(folder / "survey.toml"), str(number)]
            peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
            print(f"memory, five bands, {number} positions: {peak} MB at most")


class Timed:
    """Processor time of every call, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, name: str, work: Callable[[], object]) -> Callable[[], object]:
        """The same work, timed."""

        def run() -> None:
            start = time.process_time()
            work()
            self.seconds.setdefault(name, []).append(time.process_time() - start)

        return run


def tell_ratios(each: dict[str, list[float]], timed: Timed, stamps: int) -> None:
    """The ratios that are promised: medians of those of each round, by the clock and in processor time."""

    def line(words: str, above: str, below: str, processor: float | None = None) -> None:
        clock = median(a / b for a, b in zip(each[above], each[below], strict=True))
        print(f"{words:38s}{clock:8.2f}" + ("" if processor is None else f"{processor:11.2f}"))

    cpu = {name: np.array(values) for name, values in timed.seconds.items()}
    one, many = "1 band, 1 thread", "5 bands, 1 thread"
    print("median of the ratios of each round       clock  processor")
    peer = median(cpu["tile"] / PEER_STAMPS / (cpu["one"] / stamps))
    line("reproject per tile / ours, 1 thread", "reproject_interp per tile", one, peer)
    line("five bands / one band, 1 thread", many, one, median(cpu["five"] / cpu["one"]))
    line("one thread / two threads, 1 band", one, "1 band, 2 threads")
    line("one thread / two threads, 5 bands", many, "5 bands, 2 threads")


def make_sky(folder: Path) -> np.ndarray:
    """A HiPS of five bands; the image that it was made of."""
    rng = np.random.default_rng(1)
    pixels = rng.normal(100, 10, (SIDE, SIDE)).astype(np.float32)
    for band in BANDS:
        write_hips(folder / band, [TanImage(pixels, RA, DEC, PIXEL_ARCSEC)], band=band, pixel_order=ORDER + 9)
    hips = "".join(f'{band} = "{band}"\n' for band in BANDS)
    (folder / "survey.toml").write_text(
        f'[survey]\nname = "bench"\nbands = {list(BANDS)}\npixel_unit = "nanomaggy"\n[hips]\n{hips}'
    )
    return pixels.astype(np.float64)


def places(count: int) -> Positions:
    """Positions well inside the image."""
    rng = np.random.default_rng(2)
    half = (SIDE / 2 - SIZE) * PIXEL_ARCSEC / 3600
    dec = DEC + rng.uniform(-half, half, count)
    ra = RA + rng.uniform(-half, half, count) / np.cos(np.radians(dec))
    return Positions(ra, dec, np.ones(count, dtype=bool))


def ours(survey: Survey, positions: Positions, threads: int) -> np.ndarray:
    """All stamps; the last batch of them."""
    for _, stamps in cut_stamps(survey, positions, size=SIZE, pixel_arcsec=PIXEL_ARCSEC, threads=threads):
        last = stamps.pixels
    return last


class Tiles:
    """Decoded tiles with their WCS."""

    def __init__(self, root: Path) -> None:
        self.get = cache(lambda number: self._read(root, number))

    @staticmethod
    def _read(root: Path, number: int) -> tuple[np.ndarray, WCS] | None:
        path = root / tile_path(ORDER, number)
        if not path.exists():
            return None
        header = tile_header_2d(level=ORDER, index=number, frame=ICRS(), tile_size=512)
        return fits.getdata(path).astype(np.float64), WCS(header)


def of_tiles(tiles: Tiles, positions: Positions) -> list[np.ndarray]:
    """Each stamp by reproject, tile by tile; the seams between tiles stay empty."""
    found = []
    column, row = (part.ravel() for part in np.meshgrid(np.arange(SIZE), np.arange(SIZE)))
    for ra, dec in zip(positions.ra, positions.dec, strict=True):
        wcs, stamp = tan(ra, dec, SIZE), np.full((SIZE, SIZE), np.nan)
        for number in np.unique(cells_of(unit_vectors(*wcs.all_pix2world(column, row, 0)), ORDER)):
            tile = tiles.get(int(number))
            if tile is not None:
                part = reproject_interp(tile, wcs, shape_out=(SIZE, SIZE), return_footprint=False)
                good = np.isfinite(part)
                stamp[good] = part[good]
        found.append(stamp)
    return found


def of_image(pixels: np.ndarray, positions: Positions) -> None:
    """Each stamp by reproject from the image in memory."""
    wcs = tan(RA, DEC, SIDE)
    for ra, dec in zip(positions.ra, positions.dec, strict=True):
        reproject_interp((pixels, wcs), tan(ra, dec, SIZE), shape_out=(SIZE, SIZE), return_footprint=False)


def compare(survey: Survey, few: Positions, tiles: Tiles) -> None:
    """The peer and we show the same pixels."""
    theirs = np.array(of_tiles(tiles, few))
    mine = np.empty_like(theirs)
    for rows, stamps in cut_stamps(survey, few, size=SIZE, pixel_arcsec=PIXEL_ARCSEC):
        mine[rows] = stamps.pixels[:, 0]
    both = np.isfinite(mine) & np.isfinite(theirs)
    worst = np.quantile(np.abs(mine - theirs)[both], 0.99)
    print("the peer has no neighbours across tiles: a hundredth of its pixels is left out of this comparison")
    print(f"difference {worst:.4f} at most, on noise of 10; {both.mean():.1%} compared")
    assert worst < 0.01


def tan(ra: float, dec: float, size: int) -> WCS:
    """North up, east left, centred."""
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec})
    header.update(CRPIX1=(size + 1) / 2, CRPIX2=(size + 1) / 2)
    header.update(CDELT1=-PIXEL_ARCSEC / 3600, CDELT2=PIXEL_ARCSEC / 3600)
    return WCS(header)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(*numbers, million="--million" in sys.argv)
