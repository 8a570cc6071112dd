"""Simulated stamps go the way of real ones: the linear maps equal the writing and cutting of a HiPS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.pipeline.datasets.import_stamps import import_dataset
from vo_photoz.simulation.imaging.resampling import spread_path, stamp_path

NJY_PER_ARCSEC2 = 3631 / 0.396**2  # of a nanomaggy in a source pixel


def through_a_hips(tmp_path: Path, images, ra, dec):
    """The genuine way: HiPS written, stamps cut; in the order of the input."""
    file = tmp_path / "stamps.npz"
    names = np.array([f"{row:04d}" for row in range(len(ra))])
    np.savez(file, images=images, ra=ra, dec=dec, z=np.zeros(len(ra)), id=names)
    made = import_dataset(file, tmp_path / "set")
    return made.pixels(np.argsort(made.rows.id))


def by_the_map(images, ra, dec):
    path = stamp_path(ra, dec)
    cut = (images.shape[-1] - path.picture_pixels) // 2
    inner = images[..., cut : cut + path.picture_pixels, cut : cut + path.picture_pixels]
    return path.apply(inner, np.arange(len(ra))) * np.float32(NJY_PER_ARCSEC2)


def assert_same(mine, genuine):
    assert np.isfinite(genuine).all()
    # Float32 has 6e-8; the genuine way stores tiles in float32 and finds places to a millionth of a pixel.
    scale = np.abs(genuine).max(axis=(2, 3), keepdims=True)
    assert np.abs((mine - genuine) / scale).max() < 3e-6


def test_equals_the_genuine_way_all_over_the_sky(tmp_path):
    path = spread_path()
    some = np.arange(0, len(path), 16)
    # Also near a pole, beside the edge of two polar faces, and where three faces meet.
    ra = np.concatenate([path.ra[some], [10.0, 90.0005, 0.0]])
    dec = np.concatenate([path.dec[some], [89.9, 60.0, np.degrees(np.arcsin(2 / 3))]])
    side = stamp_path(ra, dec).picture_pixels + 2
    assert side % 2 == 0
    images = np.random.default_rng(1).normal(0, 1, (len(ra), 5, side, side)).astype(np.float32)
    assert_same(by_the_map(images, ra, dec), through_a_hips(tmp_path, images, ra, dec))


def test_equals_the_genuine_way_for_real_stamps(tmp_path, shared):
    held = np.load(shared / "data" / "quasars" / "sdss_quasars_ugriz.npz")
    some = slice(0, 48)
    images, ra, dec = held["images"][some], held["ra"][some], held["dec"][some]
    assert_same(by_the_map(images, ra, dec), through_a_hips(tmp_path, images, ra, dec))


def test_noise_is_smoothed_as_in_real_cutouts():
    path = spread_path()
    noise = np.random.default_rng(2).standard_normal((2048, 5, path.picture_pixels, path.picture_pixels))
    stamps = path.apply(noise.astype(np.float32), np.arange(2048) % len(path))
    assert stamps.mean() == pytest.approx(0, abs=0.01)
    # Twice bilinear: about 0.53 to 0.75 of the noise of a source pixel, by where the grids fall.
    each = stamps.std(axis=(1, 2, 3))
    assert 0.47 < each.min() < each.max() < 0.78
    flat = path.apply(np.ones((256, 1, *noise.shape[2:]), np.float32), np.arange(256))
    assert np.abs(flat - 1).max() < 1e-6
