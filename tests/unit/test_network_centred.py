"""Photometry that finds the source: the same light for one off the centre, numbers for an empty stamp."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backend_numbers import SKY
from tests.gradients import gradient
from vo_photoz.datasets.augment import orientation
from vo_photoz.redshift.backend import keras, ops
from vo_photoz.redshift.networks.centred import CentredPhotometry

WIDTHS = (1.2, 2.0, 3.5)
FLUX = np.array([0.5, 1, 2, 3, 4]) * 3e4


def source(y: float, x: float, width: float = 1.6, flux: np.ndarray = FLUX) -> np.ndarray:
    """A stamp without noise whose source is off the middle, in pixels; its light is the same everywhere."""
    offset = np.arange(28) - 13.5
    psf = np.exp(-0.5 * ((offset[:, None] - y) ** 2 + (offset[None, :] - x) ** 2) / width**2)
    return (flux[:, None, None] * psf / width**2)[None].astype(np.float32)


def measured(stamps: np.ndarray) -> np.ndarray:
    return np.asarray(CentredPhotometry(SKY, WIDTHS)(stamps))


@pytest.mark.parametrize(("y", "x"), [(0.5, -0.5), (1.1, 0.3), (-1.5, 1.5), (2.0, 0.0)])
def test_a_source_off_the_centre_has_the_same_light(y, x):
    assert measured(source(y, x)) == pytest.approx(measured(source(0, 0)), abs=0.01)


def test_magnitudes_and_colours_of_bands_that_follow_one_another():
    bright, twice = measured(source(0, 0)), measured(source(0, 0, flux=2 * FLUX))
    assert bright.shape == (1, (2 * 5 - 1) * 3)
    magnitudes, colours = slice(0, 15), slice(15, None)
    assert (twice - bright)[:, magnitudes] == pytest.approx(np.full((1, 15), np.log(2)), abs=0.02)
    assert (twice - bright)[:, colours] == pytest.approx(np.zeros((1, 12)), abs=0.02)
    by_hand = bright[0, magnitudes].reshape(5, 3)
    assert bright[0, colours] == pytest.approx((by_hand[:-1] - by_hand[1:]).ravel(), abs=1e-5)


def test_the_orientation_does_not_matter():
    stamp = source(0.8, -0.6)
    for number in range(8):
        assert measured(orientation(stamp, number)) == pytest.approx(measured(stamp), abs=2e-3)


def test_an_extended_source_differs_from_a_point():
    """Its light grows with the aperture: what tells galaxies from stars."""
    point, galaxy = (measured(source(0, 0, width))[0, :15].reshape(5, 3) for width in (1.4, 3.5))
    assert ((galaxy[:, 2] - galaxy[:, 0]) > (point[:, 2] - point[:, 0]) + 0.3).all()


def test_a_neighbour_does_not_carry_the_centre_away():
    blend = source(0, 0) + source(0, 9, flux=0.8 * FLUX)
    alone = measured(source(0, 0))[0, :15].reshape(5, 3)
    assert measured(blend)[0, :15].reshape(5, 3)[:, 0] == pytest.approx(alone[:, 0], abs=0.05)


@pytest.mark.parametrize("value", [0.0, -500.0, 1e7])
def test_stamps_without_a_source_give_numbers(value):
    assert np.isfinite(measured(np.full((1, 5, 28, 28), value, dtype=np.float32))).all()
    noise = np.random.default_rng(1).normal(0, 1, (50, 5, 28, 28)) * np.array(SKY)[:, None, None]
    assert np.isfinite(measured(noise.astype(np.float32))).all()


def test_gradients_reach_the_pixels():
    layer = CentredPhotometry(SKY, WIDTHS)
    stamps = np.concatenate([source(0.4, 0.4), 0 * source(0, 0)])
    found = gradient(lambda _, pixels: ops.sum(layer(pixels)), stamps, stamps)
    assert np.isfinite(found).all()
    assert np.abs(found[0]).max() > 0


def test_half_precision_does_not_touch_it():
    exact = measured(source(0.3, 0.2) * 100)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = measured(source(0.3, 0.2) * 100)
    finally:
        keras.config.set_dtype_policy(before)
    assert found == pytest.approx(exact, abs=1e-5)
