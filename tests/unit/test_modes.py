"""The modes of densities: every place of its own where the redshift may be."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import find_peaks

from vo_photoz.flow import MixturePDF
from vo_photoz.redshift import mixture


def one(*parts: tuple[float, float, float]) -> MixturePDF:
    weight, mean, sigma = (np.array([column]) for column in zip(*parts, strict=True))
    return MixturePDF(weight, mean, sigma)


def test_two_places_are_two_modes():
    found = mixture.modes(one((0.7, 2.0, 0.1), (0.3, 4.5, 0.2)))
    assert found.count.tolist() == [2]
    assert found.z[0, :2] == pytest.approx([2.0, 4.5], abs=1e-4)
    assert found.probability[0, :2] == pytest.approx([0.7, 0.3], abs=1e-4)
    assert found.low[0, :2] == pytest.approx([2 - 0.0994, 4.5 - 0.1989], abs=2e-3)
    assert found.high[0, :2] == pytest.approx([2 + 0.0994, 4.5 + 0.1989], abs=2e-3)
    assert np.isnan(found.z[0, 2:]).all()


def test_a_shoulder_and_a_ripple_are_none():
    assert mixture.modes(one((0.6, 3.0, 0.2), (0.4, 3.3, 0.2))).count.tolist() == [1]
    # Two tops with a valley of 0.87 of the lower between them.
    ripple = one((0.5, 3.0, 0.1), (0.5, 3.25, 0.1))
    assert mixture.modes(ripple).count.tolist() == [1]
    assert mixture.modes(ripple, valley=0.95).count.tolist() == [2]


def test_what_is_improbable_is_no_mode():
    pdf = one((0.97, 3.0, 0.1), (0.03, 1.0, 0.05))
    assert mixture.modes(pdf).count.tolist() == [1]
    assert mixture.modes(pdf, least=0.01).count.tolist() == [2]
    assert mixture.modes(one((0.97, 3.0, 0.1), (0.03, 1.0, 0.05)), most=1).z.shape == (1, 1)


def test_the_narrow_spike_on_the_broad_hill_is_the_place_of_the_one_mode():
    found = mixture.modes(one((0.8, 3.0, 1.0), (0.2, 3.4, 0.01)))
    assert found.count.tolist() == [1]
    assert found.z[0, 0] == pytest.approx(3.4, abs=0.01)
    assert found.probability[0, 0] == pytest.approx(1, abs=1e-6)


def test_rows_without_a_density_have_none():
    pdf = MixturePDF(np.array([[np.nan], [1.0]]), np.array([[np.nan], [2.0]]), np.array([[np.nan], [0.1]]))
    found = mixture.modes(pdf)
    assert found.count.tolist() == [0, 1]
    assert np.isnan(found.z[0]).all()
    assert mixture.modes(pdf.take(slice(0, 0))).z.shape == (0, 5)


def test_many_are_those_of_a_fine_grid():
    rng = np.random.default_rng(1)
    n, k = 300, 8
    pdf = MixturePDF(rng.dirichlet(np.ones(k), n), rng.uniform(1, 6, (n, k)), rng.uniform(0.03, 0.4, (n, k)))
    grid = np.arange(-1, 8, 0.002)
    dense = mixture.on_grid(pdf, grid)
    found = mixture.modes(pdf, 8, least=0.0, valley=0.7)
    agreed = 0
    for row in range(n):
        tops, _ = find_peaks(dense[row])
        places = np.sort(found.z[row][np.isfinite(found.z[row])])
        assert all(np.abs(grid[tops] - place).min() < 0.01 for place in places)  # every mode is a summit
        assert found.probability[row, : len(places)].sum() == pytest.approx(1, abs=1e-6)
        agreed += len(places) == _real(dense[row], tops)
    assert agreed > 0.97 * n


def _real(values: np.ndarray, tops: np.ndarray) -> int:
    """Tops that a real valley parts, by brute force: the lowest wall falls until all left are real."""
    left = list(tops)
    while len(left) > 1:
        walls = [values[a : b + 1].min() / min(values[a], values[b]) for a, b in pairwise(left)]
        worst = int(np.argmax(walls))
        if walls[worst] < 0.7:
            break
        left.pop(worst if values[left[worst]] < values[left[worst + 1]] else worst + 1)
    return len(left)


def test_sixty_thousand_take_seconds():
    rng = np.random.default_rng(2)
    n = 6000
    pdf = MixturePDF(
        rng.dirichlet(np.ones(25), n), rng.uniform(1, 6, (n, 25)), rng.uniform(0.03, 0.4, (n, 25))
    )
    mixture.modes(pdf.take(slice(0, 2)))
    start = time.process_time()
    mixture.modes(pdf)
    assert 10 * (time.process_time() - start) < 30
