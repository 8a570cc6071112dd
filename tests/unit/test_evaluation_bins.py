"""Scores in bins, calibration curves, classes."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.analysis.bins import Quantity, binned, edges_of, reliability
from vo_photoz.analysis.class_scores import class_scores
from vo_photoz.analysis.judged import judge
from vo_photoz.analysis.metrics import scores_of
from vo_photoz.flow import MixturePDF


def normal(mean: np.ndarray, sigma: np.ndarray | float) -> MixturePDF:
    return MixturePDF(np.ones((len(mean), 1)), mean[:, None], np.broadcast_to(sigma, len(mean))[:, None])


def test_every_object_is_in_one_bin_and_faint_ones_are_worse():
    rng = np.random.default_rng(1)
    z, magnitude = rng.uniform(1, 3, 1000), rng.uniform(18, 22, 1000)
    sigma = 0.02 * 10 ** (0.2 * (magnitude - 18))
    judged = {"model": judge(normal(z + sigma * rng.normal(size=1000), sigma), z)}
    magnitude[:7] = np.nan
    found = binned(Quantity("magnitude", "i", magnitude), judged, "model")
    assert len(found) == 10
    assert sum(one.scores["model"].n for one in found) == 993
    crps = [one.scores["model"].crps for one in found]
    assert crps == sorted(crps)
    assert all(one.low <= one.median <= one.high for one in found)
    inside = (magnitude >= found[3].low) & (magnitude < found[3].high)
    assert found[3].scores["model"] == scores_of(judged["model"].take(inside))


def test_few_or_equal_values_make_few_bins_or_none():
    assert len(edges_of(np.arange(45.0))) == 3
    assert len(edges_of(np.arange(19.0))) == 0
    assert len(edges_of(np.full(100, 3.0))) == 0
    assert len(edges_of(np.empty(0))) == 0
    z = np.ones(100)
    assert binned(Quantity("x", "x", z), {"model": judge(normal(z, 0.1), z)}, "model") == []


def test_the_calibration_curve_of_perfect_densities_is_straight():
    pit = np.random.default_rng(2).random(20_000)
    levels = np.array([0.1, 0.5, 0.68, 0.95])
    assert reliability(pit, levels) == pytest.approx(levels, abs=0.01)
    assert (reliability(0.5 + 0.25 * (pit - 0.5), levels) > levels).all()  # too wide


def test_classes_by_hand():
    classes = ("STAR", "GALAXY", "QSO")
    kind = np.array(["STAR", "STAR", "QSO", "", "QSO"])
    share = np.array([[0.8, 0.1, 0.1], [0.3, 0.1, 0.6], [0, 0.1, 0.9], [1, 0, 0], [np.nan] * 3])
    found = class_scores(share, kind, classes)
    assert found is not None
    assert found.n == 3
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.log_loss == pytest.approx(-np.log([0.8, 0.3, 0.9]).mean())
    assert found.completeness == {"STAR": 0.5, "QSO": 1.0}
    assert found.purity == {"STAR": 1.0, "QSO": 0.5}
    assert found.confusion == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]
    assert class_scores(share[3:], kind[3:], classes) is None
