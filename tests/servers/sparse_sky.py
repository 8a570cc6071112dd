"""A HiPS that has tiles only where stamps need them, all of them links to one file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests import hips_trees as trees
from vo_photoz.flow import FlagArray, Float32Array, Positions
from vo_photoz.hips.access.tiles import tile_path
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.kernels.planning import Frame, plan_images, used_tiles
from vo_photoz.hips.survey import Survey

ORDER, WIDTH, SIZE, PIXEL = 10, 512, 28, 0.4


@dataclass(frozen=True)
class Sky:
    """The tree, the positions, and the files."""

    root: Path
    positions: Positions
    tiles: list[Path]

    @property
    def whole_bytes(self) -> int:
        """Size of all tiles."""
        return sum(path.stat().st_size for path in self.tiles)


def sparse_sky(root: Path, n: int, tile: bytes | None = None) -> Sky:
    """Isolated positions, spread over the sky, with the tiles around them."""
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-0.99, 0.99, n)))
    trees.write_properties(root, hips_order=ORDER, hips_order_min=ORDER, hips_tile_width=WIDTH)
    first = trees.write_tile(root, ORDER, 0, tile or rng.normal(size=(WIDTH, WIDTH)))
    frame = Frame(SIZE, SIZE, PIXEL)
    plan = plan_images(ra, dec, frame, frame="equatorial", order=ORDER, width=WIDTH, smooth=True)
    tiles = []
    for number in used_tiles(plan).numbers:
        path = root / tile_path(ORDER, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.link(first, path)
        tiles.append(path)
    return Sky(root, Positions(ra, dec, np.ones(n, bool)), tiles)


def cut(survey: Survey, positions: Positions, **options: int) -> tuple[Float32Array, FlagArray]:
    """Stamps and flags of all positions."""
    pixels = np.empty((len(positions), len(survey.bands), SIZE, SIZE), np.float32)
    flags = np.zeros(len(positions), np.int16)
    for rows, stamps in cut_stamps(survey, positions, size=SIZE, pixel_arcsec=PIXEL, **options):
        pixels[rows], flags[rows] = stamps.pixels, stamps.flags
    return pixels, flags
