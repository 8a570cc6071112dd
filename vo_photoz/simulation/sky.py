"""A simulated sky that gives any number of labelled stamps."""

from __future__ import annotations

import inspect
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import Float32Array, FloatArray, Stamps
from vo_photoz.simulation.extinction import draw_ebv, extinction
from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.imaging.catalogue import measured_magnitudes
from vo_photoz.simulation.imaging.drawing import Sources, draw_smudges, draw_sources, place
from vo_photoz.simulation.imaging.exposures import BANDS, PIXEL_ARCSEC, Exposures, draw_exposures, observe
from vo_photoz.simulation.imaging.resampling import StampPath, spread_path
from vo_photoz.simulation.neighbours import draw_neighbours
from vo_photoz.simulation.populations import Population, join
from vo_photoz.simulation.quasars import draw_quasars
from vo_photoz.simulation.sky_file import SkyFile, load_sky
from vo_photoz.simulation.stars import draw_stars

BLOCK = 512
"""Stamps that are drawn together; each block has random numbers of its own, from the seed and its number."""

UNIT = "nJy/arcsec2"
STAMP_ARCSEC = 0.4
_NJY_PER_ARCSEC2 = 3631 / PIXEL_ARCSEC**2  # of a nanomaggy in a source pixel
_MARGIN_PIXELS = 10  # neighbours that stand outside the picture still throw light into it
SMUDGE = 21.5
"""Neighbours fainter than this in r have no shape: they stand out of the noise by a few sigma at most."""
_DRAW: dict[str, Callable[..., Population]] = {
    "QSO": draw_quasars,
    "GALAXY": draw_galaxies,
    "STAR": draw_stars,
}


@dataclass(frozen=True)
class SimulatedBatch:
    """Stamps with all that is true of their sources; n rows.

    Parameters
    ----------
    stamps : Stamps
        (n, 5, 28, 28), ugriz, pixels of 0.4 arcsec, nJy/arcsec2.
    z : float64 array, shape (n,)
        Redshifts; 0 for stars.
    kind : str array, shape (n,)
        QSO, GALAXY or STAR.
    magnitude : float64 array, shape (n, 5)
        True magnitudes, Galactic extinction included.
    ebv : float64 array, shape (n,)
        E(B-V) as a dust map gives it.
    catalogue : float64 array, shape (n, 5)
        Asinh magnitudes as a photometric pipeline would give them, with noise.
    half_light_arcsec : float64 array, shape (n,)
        0 for point sources.
    ra, dec : float64 array, shape (n,)
        Places on the sky, evenly spread, ICRS degrees: they only serve to split the sources into folds.
    """

    stamps: Stamps
    z: FloatArray
    kind: NDArray[np.str_]
    magnitude: FloatArray
    ebv: FloatArray
    catalogue: FloatArray
    half_light_arcsec: FloatArray
    ra: FloatArray
    dec: FloatArray

    def __len__(self) -> int:
        return len(self.z)

    def take(self, rows: NDArray[np.intp] | slice) -> SimulatedBatch:
        """Some of the rows."""
        stamps = replace(self.stamps, pixels=self.stamps.pixels[rows], flags=self.stamps.flags[rows])
        arrays = {name: array[rows] for name, array in vars(self).items() if name != "stamps"}
        return SimulatedBatch(stamps=stamps, **arrays)


class SimulatedSky:
    """Stamps of simulated sources, any number of them.

    Parameters
    ----------
    description : SkyFile, str or path
        What is on the sky and how it is seen, or its name or TOML file.

    Raises
    ------
    UsageError
        Raised if there is no such description, or an option is not one of those of its sources.
    """

    def __init__(self, description: SkyFile | str | Path) -> None:
        self.file = description if isinstance(description, SkyFile) else load_sky(description)
        for wanted in self.file.sources:
            _check_options(wanted.kind, wanted.options)

    def draw(self, seed: int, n: int) -> SimulatedBatch:
        """The first n sources of a seed: the same ones in every call, however many are asked for."""
        blocks = list(self.blocks(seed, n))
        joined = {
            name: np.concatenate([getattr(block, name) for block in blocks])
            for name in vars(blocks[0])
            if name != "stamps"
        }
        pixels = np.concatenate([block.stamps.pixels for block in blocks])
        flags = np.concatenate([block.stamps.flags for block in blocks])
        return SimulatedBatch(stamps=replace(blocks[0].stamps, pixels=pixels, flags=flags), **joined)

    def blocks(self, seed: int, n: int, threads: int = 1) -> Iterator[SimulatedBatch]:
        """The same sources, at most `BLOCK` at a time.

        Parameters
        ----------
        seed, n : int
            As in `draw`.
        threads : int
            Blocks that are drawn at the same time, ahead of the caller; 0 takes all cores.

        Raises
        ------
        UsageError
            Raised if n is below 1.
        """
        if n < 1:
            raise UsageError(f"{n} sources cannot be drawn.", advice="Ask for one or more.")
        count, workers = -(-n // BLOCK), threads or os.cpu_count() or 1
        with ThreadPoolExecutor(workers, "sky") as pool:
            coming = deque(pool.submit(self.block, seed, number) for number in range(min(workers, count)))
            for number in range(count):
                block = coming.popleft().result()
                if number + workers < count:
                    coming.append(pool.submit(self.block, seed, number + workers))
                yield block.take(slice(0, n - number * BLOCK))

    def block(self, seed: int, number: int) -> SimulatedBatch:
        """One block of `BLOCK` sources; blocks may be drawn in any order, also by several processes."""
        rng = np.random.default_rng([seed, number])
        population, ebv = self._population(rng, BLOCK)
        return self.observed(rng, population, ebv)

    def observed(self, rng: np.random.Generator, population: Population, ebv: FloatArray) -> SimulatedBatch:
        """Stamps of given sources, each in a field of its own.

        Parameters
        ----------
        rng : numpy Generator
            Source of randomness: conditions, neighbours, noise, places.
        population : Population
            n sources, Galactic extinction included.
        ebv : float64 array, shape (n,)
            E(B-V) towards them; neighbours are behind it too.
        """
        n, path = len(population), spread_path()
        exposures = draw_exposures(rng, n, self.file.imaging, self.file.variety)
        pictures = self._pictures(rng, population, ebv, exposures, path)
        observe(rng, pictures, exposures)
        stamps = path.apply(pictures, rng.integers(0, len(path), n))
        stamps *= np.float32(_NJY_PER_ARCSEC2)
        catalogue, _ = measured_magnitudes(rng, population, exposures)
        ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
        return SimulatedBatch(
            Stamps(stamps, np.zeros(n, np.int16), BANDS, STAMP_ARCSEC, UNIT),
            population.z, population.kind, population.magnitude, ebv, catalogue,
            population.half_light_arcsec, ra, dec,
        )  # fmt: skip

    def _population(self, rng: np.random.Generator, n: int) -> tuple[Population, FloatArray]:
        """Sources of all kinds, mixed, behind the dust of the Milky Way; E(B-V) of each."""
        share = np.array([wanted.share for wanted in self.file.sources])
        which = rng.choice(len(share), n, p=share / share.sum())
        count = np.bincount(which, minlength=len(share))
        drawn = join(*(
            _DRAW[wanted.kind](rng, int(many), **_arguments(wanted.kind, wanted.options))
            for wanted, many in zip(self.file.sources, count, strict=True)
        ))  # fmt: skip
        mixed = drawn.take(np.argsort(np.argsort(which, kind="stable"), kind="stable"))
        ebv = draw_ebv(rng, n)
        return replace(mixed, magnitude=mixed.magnitude + extinction(rng, ebv, n)), ebv

    def _pictures(
        self,
        rng: np.random.Generator,
        population: Population,
        ebv: FloatArray,
        exposures: Exposures,
        path: StampPath,
    ) -> Float32Array:
        """What the camera would see without noise, nanomaggies per source pixel."""
        n, side = len(population), path.picture_pixels
        width = (side + 2 * _MARGIN_PIXELS) * PIXEL_ARCSEC
        near, owner, x, y = draw_neighbours(rng, n, width, self.file.neighbours)
        near = replace(near, magnitude=near.magnitude + extinction(rng, ebv[owner], len(near)))
        pictures = np.zeros((n, len(BANDS), side, side), np.float32)
        nothing = np.zeros(n)
        middle = _placed(population, np.arange(n), nothing, nothing, exposures, side)
        beside = _placed(near, owner, x / PIXEL_ARCSEC, y / PIXEL_ARCSEC, exposures, side)
        faint = near.magnitude[:, 2] > SMUDGE
        draw_sources(pictures, middle, exposures.spread)
        draw_sources(pictures, beside.take(np.flatnonzero(~faint)), exposures.spread)
        draw_smudges(pictures, beside.take(np.flatnonzero(faint)), exposures.spread)
        return pictures


def _placed(
    population: Population,
    owner: NDArray[np.integer[Any]],
    x: FloatArray,
    y: FloatArray,
    exposures: Exposures,
    side: int,
) -> Sources:
    """Sources at offsets from the middle of their pictures, each band shifted as its exposure is."""
    shift = exposures.shift[owner]
    middle = (side - 1) / 2
    where = middle + x[:, None] + shift[..., 0], middle + y[:, None] + shift[..., 1]
    return place(population, owner, *where, PIXEL_ARCSEC)


def _arguments(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options as the drawing function takes them; dust is added afterwards, for all kinds alike."""
    known = inspect.signature(_DRAW[kind]).parameters
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    return {"galactic_ebv": 0.0, **given} if "galactic_ebv" in known else given


def _check_options(kind: str, options: dict[str, Any]) -> None:
    known = [
        name
        for name, one in inspect.signature(_DRAW[kind]).parameters.items()
        if one.kind is inspect.Parameter.KEYWORD_ONLY and name != "galactic_ebv"
    ]
    wrong = [name for name in options if name not in known]
    if wrong:
        raise UsageError(
            f"Sources of the kind {kind} have no option {wrong[0]}.",
            advice=f"They have: {', '.join(known) or 'none'}.",
        )
    try:
        low, high = options.get("z_range", (0, 1))
        if not low < high:
            raise ValueError("the range of redshifts is empty")
        _DRAW[kind](np.random.default_rng(0), 8, **_arguments(kind, options))
    except (TypeError, ValueError, IndexError) as error:
        given = ", ".join(f"{name} = {value}" for name, value in options.items())
        raise UsageError(f"Sources of the kind {kind} cannot be drawn with {given}: {error}.") from None
