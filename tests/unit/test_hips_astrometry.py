"""Sources known by formula, where no reference cutout can be trusted: across seams and at the poles."""

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from tests import hips_trees as trees
from vo_photoz.hips.survey import HiPS

ORDER, WIDTH = 13, 128  # pixels of 0.2 arcsec, those of order 11 with 512
SCALE, SIZE, SIGMA = 0.4, 48, 1.2
FRAMES = {"equatorial": "icrs", "galactic": "galactic", "ecliptic": "barycentricmeanecliptic"}
PLACES = {
    "inside a base cell": (33.3, 12.1),
    "in a polar cap": (77.0, 66.0),
    "near the north pole": (123.0, 89.995),
    "near the south pole": (301.0, -89.997),
    "at the north pole": (123.0, 89.9997),
    "at the south pole": (301.0, -89.9997),
    "edge of two equatorial cells": (22.5 + 0.00002, 24.6243),
    "edge of two polar cells": (90.00001, 60.0),
    "edge of a southern polar cell": (180.00002, -70.0),
    "at longitude 0": (0.00001, 13.0),
}


def light(vectors, centre):
    """A round Gaussian source of peak 1; distances on the sphere."""
    distance = np.degrees(np.linalg.norm(vectors - centre, axis=-1)) * 3600
    return np.exp(-(distance**2) / (2 * SIGMA**2))


@pytest.mark.parametrize("frame", sorted(FRAMES))
def test_centroid_and_flux(tmp_path, frame):
    """The grid is skewed in the polar caps, to other sides beyond a seam: sources on it move 0.004 arcsec."""
    every = []
    for place, (lon, lat) in PLACES.items():
        offset, flux = measure(tmp_path / place, frame, lon, lat)
        print(f"{place:30s} offset {offset.max():.5f} arcsec, flux {flux.min():.5f} to {flux.max():.5f}")
        assert offset.max() <= 0.01
        # Next to the pole itself, where four seams meet, the weights of the pixels are not quite equal.
        assert np.abs(flux - 1).max() <= (0.003 if place.startswith("at the") else 0.001)
        every.append(offset)
    assert np.sqrt(np.mean(np.square(every))) <= 0.003


def measure(folder, frame, lon, lat):
    """Offsets in arcsec and fluxes, as parts of the true one, of three sources around a place."""
    rng, offsets, fluxes = np.random.default_rng(5), [], []
    for number in range(3):
        move = rng.uniform(-0.3, 0.3, 2) / 3600
        y = lat + move[1]
        x = lon + move[0] / np.cos(np.radians(y))
        centre, root = healpy.ang2vec(x, y, lonlat=True), folder / str(number)
        trees.write_properties(
            root, hips_order=ORDER, hips_order_min=ORDER, hips_tile_width=WIDTH, hips_frame=frame
        )
        for tile in healpy.query_disc(1 << ORDER, centre, np.radians(20 / 3600), inclusive=True, nest=True):
            pixels = light(trees.pixel_vectors(ORDER, WIDTH, int(tile)), centre)
            trees.write_tile(root, ORDER, int(tile), pixels)
        there = SkyCoord(x, y, unit="deg", frame=FRAMES[frame]).icrs.spherical
        # Not in the middle of the stamp: the source lies where it lies.
        dec = there.lat.deg + rng.uniform(-1, 1) / 3600
        ra = there.lon.deg + rng.uniform(-1, 1) / 3600 / np.cos(np.radians(dec))
        cutout = HiPS(root).extract((ra, dec), SIZE, SCALE / 3600)
        row, column = np.mgrid[:SIZE, :SIZE]
        total = cutout.image.sum(dtype=float)
        found = (column * cutout.image).sum() / total, (row * cutout.image).sum() / total
        expected = cutout.wcs.all_world2pix(there.lon.deg, there.lat.deg, 0)
        offsets.append(np.hypot(*(np.array(found) - expected)) * SCALE)
        fluxes.append(total * SCALE**2 / (2 * np.pi * SIGMA**2))
    return np.array(offsets), np.array(fluxes)


def test_quantised_tiles_differ_by_less_than_the_noise(tmp_path):
    """16-bit tiles with steps of a tenth of the noise: the stamps differ by rounding, and not on average."""
    rng, noise = np.random.default_rng(6), 0.02
    step, width = noise / 10, 64
    for name in ("float", "int"):
        trees.write_properties(tmp_path / name, hips_order=3, hips_order_min=3, hips_tile_width=width)
    for number in range(768):
        pixels = rng.normal(0, noise, (width, width))
        trees.write_tile(tmp_path / "float", 3, number, pixels)
        stored = np.round(pixels / step).astype(">i2")
        cards = {"SIMPLE": "T", "BITPIX": 16, "NAXIS": 2, "NAXIS1": width, "NAXIS2": width, "BSCALE": step}
        cards["BLANK"] = "-32768.0"
        lines = [f"{key:<8}= {value!s:>20}".ljust(80) for key, value in cards.items()]
        head = "".join([*lines, "END".ljust(80)]).ljust(2880).encode()
        trees.write_tile(tmp_path / "int", 3, number, head + stored.tobytes())
    places = np.stack([rng.uniform(0, 360, 100), rng.uniform(-80, 80, 100)], axis=1)
    images = {}
    for name in ("float", "int"):
        (batch,) = HiPS(tmp_path / name).extract_many(places, 32, 0.1)
        images[name] = batch.images.astype(float)
    difference = images["int"] - images["float"]
    print(f"rms {difference.std() / noise:.4f}, mean {difference.mean() / noise:.5f} of the noise of a pixel")
    assert 0 < difference.std() < step / np.sqrt(12)
    assert abs(difference.mean()) < 0.01 * step
    assert np.abs(difference).max() <= step / 2 * 1.001
