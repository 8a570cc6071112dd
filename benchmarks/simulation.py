"""Stamps of simulated sources: GalSim and ours draw the same; then how many stamps a second a sky gives.

Every stamp has a point spread function of its own in each of five bands, as in a survey. Needs galsim.
"""

from __future__ import annotations

import os

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from dataclasses import replace
from functools import cache
from typing import Any

import galsim
import numpy as np
from alternate import alternate, report

from vo_photoz.simulation.galaxies import draw_galaxies
from vo_photoz.simulation.imaging.drawing import Sources, draw_sources, place
from vo_photoz.simulation.imaging.exposures import (
    SDSS_IMAGING,
    Exposures,
    Variety,
    draw_exposures,
    observe,
)
from vo_photoz.simulation.imaging.profiles import CORE_BETA, TRUNCATION, moffat_scale, sersic_table
from vo_photoz.simulation.populations import Population, point_sources
from vo_photoz.simulation.sky import BLOCK, SimulatedSky
from vo_photoz.simulation.sky_file import NeighboursWanted, SkyFile

SIDE, PIXEL, N = 34, 0.396, 200


def main(rounds: int = 5) -> None:
    """Print milliseconds a stamp of five bands, and stamps a second."""
    rng = np.random.default_rng(1)
    points = point_sources("QSO", np.zeros(N), rng.uniform(17, 22, (N, 5)))
    galaxies = draw_galaxies(rng, N)
    galaxies = replace(galaxies, sersic=np.round(galaxies.sersic * 4) / 4)  # GalSim has tables for each index
    for name, population in (("point sources", points), ("galaxies", galaxies)):
        exposures = draw_exposures(rng, N, variety=Variety())
        compare(population, exposures)
        print(f"\n{name}, {N} stamps of five bands, {SIDE} pixels")
        tasks = {
            "ours, without noise": lambda p=population, e=exposures: by_us(p, e),
            "ours": lambda p=population, e=exposures: by_us(p, e, noise=True),
            "galsim, without noise": lambda p=population, e=exposures: by_galsim(p, e),
            "galsim": lambda p=population, e=exposures: by_galsim(p, e, noise=True),
        }
        report(alternate(tasks, rounds), per=N)
    print("\nWhole stamps a second on one core, drawn, noisy, resampled twice, with labels")
    for name, sky in skies().items():
        print(f"{name:42s} {speed(sky):6.0f}")


def compare(population: Population, exposures: Exposures) -> None:
    """Before any clock starts: the pixels agree, but for what GalSim leaves out by itself."""
    mine, other = by_us(population, exposures), by_galsim(population, exposures)
    peak = other.max(axis=(2, 3), keepdims=True)
    off = np.abs((mine - other) / peak).max(axis=(1, 2, 3))
    flux = np.abs(mine.sum(axis=(2, 3)) / other.sum(axis=(2, 3)) - 1)
    print(
        f"largest difference of a pixel: median {np.median(off):.1e}, most {off.max():.1e} of the peak; "
        f"of a flux: median {np.median(flux):.1e}, most {flux.max():.1e}"
    )
    assert np.median(off) < 0.01


def by_us(population: Population, exposures: Exposures, noise: bool = False) -> Any:
    """All stamps at once."""
    images = np.zeros((len(population), 5, SIDE, SIDE), np.float32)
    draw_sources(images, _sources(population, exposures), exposures.spread)
    if noise:
        observe(np.random.default_rng(2), images, exposures)
    return images


def _sources(population: Population, exposures: Exposures) -> Sources:
    x, y = ((SIDE - 1) / 2 + exposures.shift[..., axis].astype(float) for axis in (0, 1))
    return place(population, np.arange(len(population)), x, y, PIXEL)


def by_galsim(population: Population, exposures: Exposures, noise: bool = False) -> Any:
    """One image after the other, with the default accuracy of GalSim."""
    images = np.empty((len(population), 5, SIDE, SIDE), np.float32)
    fwhm = exposures.spread[..., 0] / moffat_scale(1, CORE_BETA) * PIXEL
    flux = 10 ** (0.4 * (22.5 - population.magnitude))
    random = galsim.BaseDeviate(3)
    for k in range(len(population)):
        galaxy = None
        if population.half_light_arcsec[k] > 0:
            radius, ratio = float(population.half_light_arcsec[k]), float(population.axis_ratio[k])
            turn = (90 + float(population.angle_deg[k])) * galsim.degrees
            galaxy = _profile(float(population.sersic[k])).dilate(radius)
            galaxy = galaxy.transform(1, 0, 0, ratio).rotate(turn) / ratio
        for b in range(5):
            wing = SDSS_IMAGING.wing_share[b]
            source = galsim.Add(
                galsim.Moffat(beta=4, fwhm=float(fwhm[k, b]), flux=1 - wing),
                galsim.Moffat(beta=3, fwhm=SDSS_IMAGING.wing_arcsec, flux=wing),
            )
            if galaxy is not None:
                source = galsim.Convolve(galaxy, source)
            image = galsim.ImageF(images[k, b], scale=PIXEL)
            offset = [float(one) for one in exposures.shift[k, b]]
            (source * float(flux[k, b])).drawImage(image, method="no_pixel", offset=offset)
            if noise:
                gain = 1 / float(exposures.per_flux[k, b])
                sky = float(exposures.sigma[k, b]) ** 2 * gain
                image.addNoise(galsim.CCDNoise(random, sky_level=sky, gain=gain))
    return images


@cache
def _profile(index: float) -> Any:
    """A Sersic profile of radius 1: its tables are worked out once."""
    if index < 1.5:  # GalSim finds no end where nothing is left to cut, nor does it matter
        return galsim.Sersic(index, half_light_radius=1)
    end = TRUNCATION * float(sersic_table().radius(np.array(1.0), np.array(index)))
    return galsim.Sersic(index, half_light_radius=1, trunc=end)


def skies() -> dict[str, SkyFile]:
    """What a sky of each kind gives."""
    alone = NeighboursWanted(galaxies=0, stars=0)
    far = {"kind": "QSO", "options": {"z_range": [2.0, 6.9]}}
    return {
        "quasars beyond z = 2, alone": SkyFile(sources=(far,), neighbours=alone),
        "quasars beyond z = 2, with neighbours": SkyFile(sources=(far,)),
        "galaxies, alone": SkyFile(sources=({"kind": "GALAXY"},), neighbours=alone),
        "galaxies, with neighbours": SkyFile(sources=({"kind": "GALAXY"},)),
    }


def speed(description: SkyFile, blocks: int = 4) -> float:
    """Stamps a second."""
    sky = SimulatedSky(description)
    sky.block(1, 0)
    start = time.perf_counter()
    for number in range(1, blocks + 1):
        sky.block(1, number)
    return blocks * BLOCK / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
