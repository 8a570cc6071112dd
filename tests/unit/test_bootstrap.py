"""Paired bootstrap over cells of the sky, against what theory and brute force say."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.analysis.bootstrap import METRICS, compare
from vo_photoz.analysis.judged import joined, judge
from vo_photoz.analysis.metrics import scores_of
from vo_photoz.errors import TableError
from vo_photoz.flow import MixturePDF


def normal(mean: np.ndarray, sigma: float) -> MixturePDF:
    return MixturePDF(np.ones((len(mean), 1)), mean[:, None], np.full((len(mean), 1), sigma))


def pair(n: int, seed: int = 1, cells: int = 60):
    """A model with errors of 0.1 and a rival with the same errors and some more; both shared by cells."""
    rng = np.random.default_rng(seed)
    z, cell = rng.uniform(2, 4, n), rng.integers(0, cells, n)
    error = rng.normal(0, 0.1, n) + rng.normal(0, 0.05, cells)[cell]
    model = judge(normal(z + error, 0.1), z)
    rival = judge(normal(z + error + rng.normal(0, 0.05, n), 0.12), z)
    return model, rival, cell


def test_values_are_those_of_the_scores_and_draws_surround_them():
    model, rival, cell = pair(3000)
    found = compare(model, rival, cell)
    mine, its = scores_of(model), scores_of(rival)
    assert set(found.metrics) == set(METRICS)
    for name, one in found.metrics.items():
        assert one.model == pytest.approx(getattr(mine, name)), name
        assert one.rival == pytest.approx(getattr(its, name)), name
        assert one.low <= one.difference <= one.high, name
    assert found.crps_ratio == pytest.approx(mine.crps / its.crps)
    assert found.metrics["nmad"].low < found.metrics["nmad"].high < 0
    assert found.crps_ratio_low < found.crps_ratio < found.crps_ratio_high < 1
    assert (found.n, found.cells) == (3000, 60)


def test_pairing_removes_what_both_share():
    model, rival, cell = pair(3000)
    crps = compare(model, rival, cell).metrics["crps"]
    assert crps.error < 0.5 * crps.model_error


def test_the_error_is_that_of_repeated_skies():
    """Brute force: the spread of the difference over 150 skies with other objects and other cells."""
    repeated = []
    for seed in range(150):
        model, rival, _ = pair(600, seed=100 + seed)
        repeated.append(model.crps.mean() - rival.crps.mean())
    model, rival, cell = pair(600)
    assert compare(model, rival, cell).metrics["crps"].error == pytest.approx(np.std(repeated), rel=0.3)


def test_cells_widen_the_error_of_what_they_share():
    model, rival, cell = pair(3000, cells=20)
    shared = compare(model, rival, cell).metrics["bias"].model_error
    alone = compare(model, rival, np.arange(3000)).metrics["bias"].model_error
    assert shared > 2 * alone


def test_few_cells_are_told_and_the_same_seed_draws_the_same():
    model, rival, _ = pair(200)
    cell = np.arange(200) % 3
    found = compare(model, rival, cell, rounds=50)
    assert found.cells == 0
    assert found == compare(model, rival, cell, rounds=50)
    assert found != compare(model, rival, cell, rounds=50, seed=2)


def test_rows_that_one_of_them_lacks_do_not_count():
    model, rival, cell = pair(200)
    blank = judge(normal(np.full(5, np.nan), 0.1), np.ones(5))
    more, less = joined([model, model.take(np.arange(5))]), joined([rival, blank])
    both = np.concatenate([cell, cell[:5]])
    assert compare(more, less, both, rounds=50) == compare(model, rival, cell, rounds=50)
    with pytest.raises(TableError, match="cannot be compared"):
        compare(blank, blank, np.arange(5))
