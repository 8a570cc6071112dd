"""Densities averaged over the turns and flips of a stamp."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.flow import MixturePDF
from vo_photoz.redshift import mixture
from vo_photoz.redshift.orientations import averaged, merged


class Lopsided:
    """A network that sees on which side of the middle the light is: the mean of its one Gaussian."""

    name, batch, step = "lopsided", 256, 16

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        half = pixels.shape[-1] // 2
        mean = pixels[:, 0, :, half:].sum((1, 2)) - pixels[:, 0, :, :half].sum((1, 2))
        return np.stack([np.ones_like(mean), mean, 0 * mean + 0.1], axis=1)[:, :, None].astype(np.float32)


def test_an_average_over_all_orientations_does_not_know_left_from_right():
    pixels = np.random.default_rng(1).normal(0, 1, (20, 2, 8, 8)).astype(np.float32)
    rows = np.array([3, 4, 7])
    once = averaged(Lopsided(), pixels, rows, 1, 1)
    assert once[:, 1, 0] == pytest.approx(Lopsided()(pixels[rows])[:, 1, 0])
    every = averaged(Lopsided(), pixels, rows, 1, 8)
    assert every.shape == (3, 3, 1)
    assert every[:, 1, 0] == pytest.approx(np.zeros(3), abs=1e-5)
    for turned in (pixels[..., ::-1], pixels[..., ::-1, :], np.rot90(pixels, 1, (-2, -1))):
        assert averaged(Lopsided(), turned, rows, 1, 8) == pytest.approx(every, abs=1e-5)


def test_merging_keeps_mean_and_variance():
    rng = np.random.default_rng(2)
    weight = rng.dirichlet(np.ones(4), (8, 50))
    weight[:, :, 3] = 0
    weight /= weight.sum(2, keepdims=True)
    parts = np.stack([weight, rng.normal(3, 0.5, (8, 50, 4)), rng.uniform(0.05, 0.3, (8, 50, 4))], axis=2)
    one = MixturePDF(*np.moveaxis(merged(parts), 1, 0))
    whole = MixturePDF(*(np.concatenate(parts[:, :, row], axis=1) for row in range(3)))
    whole = MixturePDF(whole.weight / 8, whole.mean, whole.sigma)
    assert one.weight.sum(1) == pytest.approx(np.ones(50), abs=1e-6)
    assert mixture.mean(one) == pytest.approx(mixture.mean(whole), abs=1e-5)
    assert mixture.sigma(one) == pytest.approx(mixture.sigma(whole), abs=1e-5)
    assert np.isfinite(one.mean).all()
    assert (one.sigma > 0).all()


def test_merging_the_same_eight_times_changes_nothing():
    rng = np.random.default_rng(3)
    part = np.stack(
        [rng.dirichlet(np.ones(3), 9), rng.normal(3, 1, (9, 3)), rng.uniform(0.1, 1, (9, 3))], axis=1
    )
    assert merged([part] * 8) == pytest.approx(part, abs=1e-6)
