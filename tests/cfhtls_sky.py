"""A small simulated sky that stands for CFHTLS Wide: five bands, two quasar catalogues that overlap."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vo_photoz.hips.write import TanImage, write_hips
from vo_photoz.simulation.imaging.exposures import BANDS
from vo_photoz.simulation.populations import Population
from vo_photoz.simulation.quasars import draw_quasars
from vo_photoz.simulation.stamps import render_field

ZERO_POINT = 30.0  # of the stacks of CFHTLS; a nanomaggy has 22.5
MIDDLE = (34.5, -5.5)  # in the field W1


@dataclass(frozen=True)
class Sky:
    """The objects of the sky, and which rows of the two catalogues they are."""

    folder: Path
    ra: np.ndarray
    dec: np.ndarray
    population: Population

    @property
    def survey(self) -> Path:
        """The survey file."""
        return self.folder / "cfhtls-wide.toml"


def make_sky(folder: Path, n: int, side_deg: float, *, pixel_arcsec: float = 0.4, seed: int = 7) -> Sky:
    """Quasars at random places in a square field, and its survey file."""
    rng = np.random.default_rng(seed)
    population = draw_quasars(rng, n, z_range=(0.3, 5.0))
    side = round(side_deg * 3600 / pixel_arcsec)
    x, y = rng.uniform(-20, side + 20, (2, n))  # some lie outside the images
    images = render_field(rng, population, x, y, (side, side), pixel_arcsec=pixel_arcsec)
    images *= np.float32(10 ** (0.4 * (ZERO_POINT - 22.5)))
    write_survey(folder, images, MIDDLE, pixel_arcsec)
    middle = (side - 1) / 2
    xi, eta = np.radians(-(x - middle) * pixel_arcsec / 3600), np.radians((y - middle) * pixel_arcsec / 3600)
    dec0 = np.radians(MIDDLE[1])
    depth = np.cos(dec0) - eta * np.sin(dec0)
    ra = (MIDDLE[0] + np.degrees(np.arctan2(xi, depth))) % 360
    dec = np.degrees(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, depth)))
    return Sky(folder, ra, dec, population)


def write_survey(
    folder: Path, images: np.ndarray, middle: tuple[float, float], pixel_arcsec: float, pixel_order: int = 19
) -> None:
    """HiPS of the images (band, y, x), in the units of CFHTLS, and ``cfhtls-wide.toml``."""
    lines = ["[survey]", 'name = "cfhtls-wide"', 'title = "Simulated CFHTLS Wide"']
    lines += [f"bands = {list(BANDS)}", "[hips]"]
    for number, band in enumerate(BANDS):
        image = TanImage(images[number], *middle, pixel_arcsec)
        write_hips(folder / band, [image], band=band, pixel_order=pixel_order, date="2026-01-01T00:00Z")
        lines.append(f'{band} = "{band}"')
    for band in BANDS:
        lines += [f"[photometry.{band}]", f"zero_point = {ZERO_POINT}"]
        lines += [f"source_pixel_arcsec = {pixel_arcsec}", 'scaling = "linear"', 'checked = "yes"']
    (folder / "cfhtls-wide.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_catalogues(sky: Sky, seed: int = 8) -> tuple[Path, Path]:
    """Two tables: the older one has the brighter half, the newer one most of all; some redshifts differ."""
    rng = np.random.default_rng(seed)
    n = len(sky.ra)
    older = np.flatnonzero(rng.random(n) < 0.5)
    newer = np.flatnonzero(rng.random(n) < 0.8)
    paths = []
    for name, rows, spread in (("older", older, 0.2), ("newer", newer, 0.1)):
        z = sky.population.z[rows].copy()
        if name == "older":
            z[::40] += 0.5  # wrong lines
        shift = rng.normal(0, spread / 3600, (2, len(rows)))
        columns = {
            "SDSS": [f"{name}-{row:05d}" for row in rows],
            "RAJ2000": sky.ra[rows] + shift[0] / np.cos(np.radians(sky.dec[rows])),
            "DEJ2000": sky.dec[rows] + shift[1],
            "z": z,
            "ZWARNING": np.where(rng.random(len(rows)) < 0.05, 4, 0).astype(np.int32),
            **{f"{band}mag": sky.population.magnitude[rows, b] for b, band in enumerate(BANDS)},
        }
        paths.append(sky.folder / f"{name}.parquet")
        pq.write_table(pa.table(columns), paths[-1])
    return paths[0], paths[1]


RECIPE = """\
[dataset]
title = "Simulated quasars"
survey = "cfhtls-wide.toml"
real = false

[[sample]]
name = "older"
table = "older.parquet"
id = "SDSS"
redshift = "z"
keep = ["ZWARNING"]
where = { ZWARNING = 0 }
magnitudes = { g = "gmag", i = "imag" }

[[sample]]
name = "newer"
table = "newer.parquet"
id = "SDSS"
redshift = "z"
keep = ["ZWARNING"]
where = { ZWARNING = 0 }
magnitudes = { g = "gmag", i = "imag" }

[merge]
radius_arcsec = 1.5
precedence = ["newer", "older"]

[cuts]
redshift = { min = 0.4 }
magnitude.i = { max = 22.0 }

[split]
cell_order = 11
"""
