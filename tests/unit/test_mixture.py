"""The mathematics of mixtures against numerical integration and brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from vo_photoz.flow import MixturePDF
from vo_photoz.redshift import mixture

means = st.floats(0.0, 6.0)
widths = st.floats(1e-4, 2.0)
weights = st.floats(0.01, 1.0)
components = st.lists(st.tuples(weights, means, widths), min_size=1, max_size=6)


def one(parts: list[tuple[float, float, float]]) -> MixturePDF:
    weight, mean, sigma = (np.array([column]) for column in zip(*parts, strict=True))
    return MixturePDF(weight / weight.sum(), mean, sigma)


def integrated_crps(m: MixturePDF, z: float) -> float:
    """CRPS by its definition: the integral of the squared distance of the cumulative from a step at z."""
    knots = sorted({z, *np.ravel(m.mean + m.sigma * np.arange(-9, 10)[:, None, None])})
    total = 0.0
    for low, high in pairwise(knots):
        middle = 0.5 * (low + high)
        total += quad(
            lambda x, s=float(middle > z): (mixture.cdf(m, x)[0] - s) ** 2, low, high, epsabs=1e-12
        )[0]
    return total


@settings(max_examples=40, deadline=None)
@given(components, st.floats(-1.0, 8.0))
def test_crps_is_the_integral(parts, z):
    m = one(parts)
    assert mixture.crps(m, z)[0] == pytest.approx(integrated_crps(m, z), rel=1e-6, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(components)
def test_moments_and_total_probability(parts):
    m = one(parts)
    knots = np.unique(np.ravel(m.mean + m.sigma * np.arange(-10, 11)[:, None, None]))
    integrals = np.zeros(3)
    for low, high in pairwise(knots):
        integrals += [quad(lambda x, p=p: mixture.pdf(m, x)[0] * x**p, low, high)[0] for p in range(3)]
    total, first, second = integrals
    assert total == pytest.approx(1, abs=1e-7)
    assert mixture.mean(m)[0] == pytest.approx(first, abs=1e-6)
    assert mixture.sigma(m)[0] ** 2 == pytest.approx(second - first**2, abs=1e-5)


@given(components, st.floats(1e-4, 1 - 1e-4))
def test_quantile_undoes_the_cumulative(parts, q):
    m = one(parts)
    assert mixture.cdf(m, mixture.quantile(m, q))[0] == pytest.approx(q, abs=1e-8)


def test_quantile_in_the_gap_between_two_needles():
    m = one([(0.5, 1.0, 1e-4), (0.5, 5.0, 1e-4)])
    assert mixture.cdf(m, mixture.quantile(m, 0.5))[0] == pytest.approx(0.5, abs=1e-9)
    low, high = mixture.quantile(m, [0.16, 0.84])[0]
    assert low == pytest.approx(1.0, abs=1e-3)
    assert high == pytest.approx(5.0, abs=1e-3)


@given(components)
def test_peak_is_the_highest_point(parts):
    m = one(parts)
    around = np.unique(np.ravel(m.mean + m.sigma * np.linspace(-4, 4, 161)[:, None, None]))
    best = mixture.pdf(m, around[None, :]).max()
    assert mixture.pdf(m, mixture.peak(m))[0] >= best * (1 - 1e-6)


@given(components, st.floats(-2.0, 9.0))
def test_tails_add_up(parts, z):
    m = one(parts)
    assert mixture.cdf(m, z)[0] + mixture.prob_above(m, z)[0] == pytest.approx(1, abs=1e-12)
    assert 0 <= mixture.pit(m, z)[0] <= 1


@pytest.mark.parametrize("distance", [10.0, 1e3])
@pytest.mark.parametrize("sigma", [1e-4, 0.1])
def test_far_tails_stay_finite(sigma, distance):
    m = one([(1.0, 3.0, sigma), (1.0, 3.0, sigma)])
    z = 3.0 + distance * sigma
    assert mixture.nll(m, z)[0] == pytest.approx(0.5 * distance**2 + np.log(sigma * np.sqrt(2 * np.pi)))
    # far away the score is the distance less half the expected distance of two draws, sigma / sqrt(pi)
    assert mixture.crps(m, z)[0] == pytest.approx(sigma * (distance - 1 / np.sqrt(np.pi)), rel=1e-9)
    assert 0 <= mixture.prob_above(m, z)[0] < 1e-20


def test_one_normal_has_the_textbook_score():
    # Gneiting & Raftery 2007, JASA 102, 359, equation 21, at the mean
    m = one([(1.0, 2.0, 0.3)])
    assert mixture.crps(m, 2.0)[0] == pytest.approx(0.3 * (np.sqrt(2) - 1) / np.sqrt(np.pi))


@given(components, st.floats(0.0, 6.0))
def test_splitting_a_component_changes_nothing(parts, z):
    halves = [(w / 2, m, s) for w, m, s in parts for _ in range(2)]
    for score in (mixture.crps, mixture.nll, mixture.pdf):
        assert score(one(halves), z)[0] == pytest.approx(score(one(parts), z)[0], rel=1e-9, abs=1e-12)


def test_shapes_and_grids():
    rng = np.random.default_rng(1)
    weight = rng.dirichlet(np.ones(4), 7)
    m = MixturePDF(weight, rng.uniform(2, 5, (7, 4)), rng.uniform(0.01, 1, (7, 4)))
    grid = np.linspace(0, 8, 50)
    assert mixture.on_grid(m, grid) == pytest.approx(mixture.pdf(m, np.tile(grid, (7, 1))))
    assert mixture.crps(m, np.full((7, 3), 2.0)).shape == (7, 3)
    assert mixture.crps(m, np.full((7, 3), 2.0))[:, 1] == pytest.approx(mixture.crps(m, np.full(7, 2.0)))
    assert mixture.quantile(m, [0.16, 0.5]).shape == (7, 2)
    assert mixture.peak(m.take(slice(0, 0))).shape == (0,)


def test_rows_without_a_prediction_stay_nan_and_leave_others_alone():
    good = np.array([[0.5, 0.5], [np.nan, np.nan], [1.0, 0.0]])
    m = MixturePDF(good, good * 0 + [[3.0, 4.0]], good * 0 + 0.1)
    for values in (
        mixture.quantile(m, 0.5), mixture.peak(m), mixture.mean(m), mixture.sigma(m), mixture.crps(m, 3.0),
        mixture.prob_above(m, 3.0), mixture.nll(m, 3.0), mixture.pdf(m, 3.0), mixture.on_grid(m, [3.0])[:, 0],
    ):  # fmt: skip
        assert list(np.isnan(values)) == [False, True, False]
    assert mixture.quantile(m, 0.5)[2] == pytest.approx(3.0)
    assert mixture.peak(m)[2] == pytest.approx(3.0)
