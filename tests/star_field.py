"""A field of stars with known magnitudes in two bands, as HiPS and catalogue; also with deliberate errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vo_photoz.hips.write import TanImage, write_hips
from vo_photoz.simulation.imaging.profiles import moffat

RA, DEC, SIDE, PIXEL = 150.0, 2.0, 600, 0.396
FWHM = {"g": 1.3, "r": 1.1}
NOISE = {"g": 0.02, "r": 0.03}
SPACING = 48  # pixels between stars: 19 arcsec


def stars(seed: int = 5):
    """Pixel places (n, 2) and magnitudes by band."""
    rng = np.random.default_rng(seed)
    steps = np.arange(40, SIDE - 40, SPACING)
    x, y = (part.ravel() for part in np.meshgrid(steps, steps))
    places = np.stack([x, y], axis=1) + rng.uniform(-2, 2, (len(x), 2))
    g = rng.uniform(16, 20.5, len(x))
    return places, {"g": g, "r": g - rng.uniform(0.1, 1.3, len(x))}


def image(band: str):
    """Nanomaggies per pixel."""
    places, magnitude = stars()
    pixels = np.random.default_rng(7).normal(0, NOISE[band], (SIDE, SIDE))
    for (x, y), mag in zip(places, magnitude[band], strict=True):
        column, row = round(x) - 30, round(y) - 30
        here = np.s_[max(row, 0) : row + 61, max(column, 0) : column + 61]
        yy, xx = np.mgrid[here]
        light = moffat(xx[:61, :61] - x, yy[:61, :61] - y, FWHM[band] / PIXEL, 3.0)
        target = pixels[here]
        target += 10 ** (0.4 * (22.5 - mag)) * light[: target.shape[0], : target.shape[1]]
    return pixels


def write_band(root: Path, band: str, *, values=lambda pixels: pixels, east=0.0, north=0.0) -> None:
    """HiPS of a band; ``values`` changes the pixels, the offsets (arcsec) move them."""
    ra = RA + east / 3600 / np.cos(np.radians(DEC))
    tan = TanImage(values(image(band)), ra, DEC + north / 3600, PIXEL)
    write_hips(root, [tan], band=band, tile_width=256, date="2026-01-01T00:00:00Z")


def write_catalogue(path: Path) -> Path:
    from astropy.table import Table

    places, magnitude = stars()
    middle = (SIDE - 1) / 2
    xi, eta = -np.radians((places - middle).T * PIXEL / 3600) * [[1], [-1]]
    depth = np.cos(np.radians(DEC)) - eta * np.sin(np.radians(DEC))
    ra = RA + np.degrees(np.arctan2(xi, depth))
    up = np.sin(np.radians(DEC)) + eta * np.cos(np.radians(DEC))
    dec = np.degrees(np.arctan2(up, np.hypot(xi, depth)))
    Table({"ra": ra, "dec": dec, "gmag": magnitude["g"], "rmag": magnitude["r"]}).write(path)
    return path


SURVEY = """# My own survey: this comment stays.
[survey]
name = "field"   # and this one
bands = ["g", "r"]
pixel_unit = "nanomaggy"
tried = "no"

[hips]
g = "{g}"
r = "{r}"

[photometry.r]
# about the red band
filter = "SLOAN/SDSS.r"
checked = "no"
"""


def write_survey(path: Path, g: Path, r: Path) -> Path:
    path.write_text(SURVEY.format(g=g, r=r))
    return path
