"""Stamps of 64 x 64 pixels, bilinear, from local tiles: ours against `reproject_interp`, alternated.

One band of noise, made here. The peer gets every help: its image lies in memory, in one piece, with its WCS.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from alternate import alternate, report
from astropy.io import fits
from astropy.wcs import WCS
from reproject import reproject_interp

from vo_photoz.flow import Positions
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import load_survey
from vo_photoz.hips.write import TanImage, write_hips

SIZE, PIXEL_ARCSEC = 64, 0.8
RA, DEC, SIDE = 180.0, 22.0, 1500
STAMPS, PEER_STAMPS = 2000, 40


def main(rounds: int = 5) -> None:
    """Print rates and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        survey, positions, tiles = make_sky(Path(folder))
        few = positions.take(slice(0, PEER_STAMPS))
        ours = lambda threads: list(  # noqa: E731
            cut_stamps(survey, positions, size=SIZE, pixel_arcsec=PIXEL_ARCSEC, threads=threads)
        )
        ours(1)  # compile
        seconds = alternate(
            {
                "vo_photoz, bilinear, 1 thread": lambda: ours(1),
                "vo_photoz, bilinear, 2 threads": lambda: ours(2),
                "reproject_interp per tile": lambda: peer(tiles, few),
            },
            rounds,
        )
    scaled = {
        name: [value / (PEER_STAMPS if "reproject" in name else STAMPS) for value in values]
        for name, values in seconds.items()
    }
    print(f"seconds per stamp of {SIZE} x {SIZE} pixels")
    report({name: [1000 * value for value in values] for name, values in scaled.items()}, unit="ms")


def make_sky(folder: Path) -> tuple[object, Positions, list[tuple[np.ndarray, WCS]]]:
    """A HiPS and the same pixels as images with a WCS."""
    rng = np.random.default_rng(1)
    pixels = rng.normal(100, 10, (SIDE, SIDE)).astype(np.float32)
    image = TanImage(pixels, RA, DEC, PIXEL_ARCSEC)
    write_hips(folder / "r", [image], band="r", pixel_order=18)
    (folder / "survey.toml").write_text(
        '[survey]\nname = "bench"\nbands = ["r"]\npixel_unit = "nanomaggy"\n[hips]\nr = "r"\n'
    )
    half = (SIDE / 2 - SIZE) * PIXEL_ARCSEC / 3600
    dec = DEC + rng.uniform(-half, half, STAMPS)
    ra = RA + rng.uniform(-half, half, STAMPS) / np.cos(np.radians(dec))
    positions = Positions(ra, dec, np.ones(STAMPS, dtype=bool))
    wcs = tan(RA, DEC, SIDE)
    return load_survey(folder / "survey.toml"), positions, [(pixels.astype(np.float64), wcs)]


def peer(tiles: list[tuple[np.ndarray, WCS]], positions: Positions) -> None:
    """Each stamp by reproject from an image that is in memory already."""
    pixels, wcs = tiles[0]
    for ra, dec in zip(positions.ra, positions.dec, strict=True):
        reproject_interp((pixels, wcs), tan(ra, dec, SIZE), shape_out=(SIZE, SIZE), return_footprint=False)


def tan(ra: float, dec: float, size: int) -> WCS:
    """North up, east left, centred."""
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec})
    header.update(CRPIX1=(size + 1) / 2, CRPIX2=(size + 1) / 2)
    header.update(CDELT1=-PIXEL_ARCSEC / 3600, CDELT2=PIXEL_ARCSEC / 3600)
    return WCS(header)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
