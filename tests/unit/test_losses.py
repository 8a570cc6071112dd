"""Losses against numerical integration in float64: every corner in which float32 could break."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, ndtr

from tests.gradients import gradient
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.losses import (
    LOSSES,
    MixtureLoss,
    class_cross_entropy,
    loss_named,
    mixture_crps,
    mixture_nll,
)
from vo_photoz.redshift.networks import NetworkShape

NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(8)
CLASSES = ("STAR", "GALAXY", "QSO")
SHAPE = NetworkShape(5, 28, 2, (1.0,) * 5, 1.0, 1.0, classes=CLASSES)


def integrated_crps(raw: np.ndarray, z: float) -> float:
    """The integral of (F(x) - [x >= z])^2 by Gauss-Legendre between close break points, float64."""
    weight, mean, sigma = raw.astype(np.float64)
    steps = np.arange(-9.0, 9.01, 0.5)
    ends = np.unique(np.concatenate([(mean[:, None] + sigma[:, None] * steps).ravel(), [z]]))
    half, middle = 0.5 * np.diff(ends), 0.5 * (ends[1:] + ends[:-1])
    x = middle[:, None] + half[:, None] * NODES
    below = (weight * ndtr((x[..., None] - mean) / sigma)).sum(-1)
    above = (weight * ndtr((mean - x[..., None]) / sigma)).sum(-1)
    squared = np.where(x >= z, above**2, below**2)
    return float((squared * NODE_WEIGHTS * half[:, None]).sum())


def exact_nll(raw: np.ndarray, z: float) -> float:
    weight, mean, sigma = raw.astype(np.float64)
    exponent = -0.5 * ((z - mean) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    return float(-logsumexp(exponent, b=weight + 1e-30))


@st.composite
def mixtures(draw) -> tuple[np.ndarray, np.float32]:
    """A mixture of 1 to 30 components, as hard as a network can make it, and a redshift within 1e3 sigma."""
    k = draw(st.sampled_from([1, 2, 3, 5, 11, 30]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mean = rng.uniform(0, 7, k)
    sigma = 10 ** rng.uniform(-4, draw(st.sampled_from([-3.5, 0.3])), k)
    log_weight = rng.normal(0, draw(st.sampled_from([0.1, 3.0, 30.0])), k)
    if draw(st.booleans()):  # equal components
        mean[:], sigma[:] = mean[0], sigma[0]
    weight = np.exp(log_weight - logsumexp(log_weight))
    if k > 2 and draw(st.booleans()):
        weight[0] = 0.0
        weight /= weight.sum()
    one = rng.integers(k)
    z = mean[one] + sigma[one] * draw(st.sampled_from([-1e3, -30, -3, -0.5, 0, 1e-3, 1, 5, 1e2, 1e3]))
    return np.stack([weight, mean, sigma]).astype(np.float32), np.float32(z)


@settings(max_examples=250, deadline=None)
@given(mixtures())
def test_the_crps_is_the_integral(case):
    raw, z = case
    found = float(mixture_crps(z[None], raw[None])[0])
    weight, mean, _ = raw.astype(np.float64)
    # float32 keeps seven digits of the largest term, the expected distance
    largest = (weight * np.abs(float(z) - mean)).sum()
    assert found == pytest.approx(integrated_crps(raw, float(z)), rel=1e-4, abs=2e-7 + 5e-7 * largest)


@settings(max_examples=250, deadline=None)
@given(mixtures())
def test_the_likelihood_is_exact(case):
    raw, z = case
    found = float(mixture_nll(z[None], raw[None])[0])
    assert found == pytest.approx(exact_nll(raw, float(z)), rel=1e-5, abs=1e-4)


@settings(max_examples=100, deadline=None)
@given(mixtures())
def test_gradients_are_finite(case):
    raw, z = case
    for name in LOSSES:
        assert np.isfinite(gradient(loss_named(name).call, z[None, None], raw[None])).all(), name


@settings(max_examples=60, deadline=None)
@given(mixtures())
def test_the_gradient_of_the_crps_is_that_of_the_integral(case):
    """Against central differences of the integral, for the means and widths that matter."""
    raw, z = case
    found = gradient(mixture_crps, z[None], raw[None])[0]
    exact = raw.astype(np.float64)
    for row in (1, 2):
        column = int(np.argmax(raw[0]))
        step = 1e-3 * exact[2, column]
        ends = []
        for sign in (1, -1):
            moved = exact.copy()
            moved[row, column] += sign * step
            ends.append(integrated_crps(moved, float(z)))
        assert found[row, column] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=2e-3, abs=2e-3)


def test_a_narrow_component_at_the_truth_costs_what_theory_says():
    # A normal density scores (sqrt 2 - 1) / sqrt pi widths at its own centre.
    raw = np.array([[[1.0], [3.0], [1e-4]]], dtype=np.float32)
    assert float(mixture_crps(np.array([3.0]), raw)[0]) == pytest.approx(0.23370e-4, rel=1e-4)


def test_the_numbers_of_classes_do_not_change_the_scores_of_redshifts():
    raw = np.array([[[0.5, 0.5], [1.0, 2.0], [0.1, 0.2]]] * 2, dtype=np.float32)
    z = np.array([1.2, 1.9], dtype=np.float32)
    both = np.stack([z, [1, -1]], axis=1).astype(np.float32)
    for score in (mixture_crps, mixture_nll):
        alone = np.asarray(score(z, raw))
        assert np.asarray(score(z[:, None], raw)) == pytest.approx(alone)
        assert np.asarray(score(both, raw)) == pytest.approx(alone)
    # A network with classes learns from redshifts alone too.
    five = np.array([[[0.2] * 5, [0, 0.2, 0.5, 2, 3], [0.1] * 5]] * 2, dtype=np.float32)
    alone = float(np.mean(mixture_crps(z, five)))
    for truth in (z, z[:, None], np.stack([z, [-1, -1]], axis=1).astype(np.float32)):
        assert float(loss_named("crps", SHAPE)(truth, five)) == pytest.approx(alone)


def test_the_cross_entropy_of_the_classes():
    weight = [0.1, 0.2, 0.3, 0.15, 0.25]
    raw = np.array([[weight, [0, 0.2, 0.5, 2, 3], [0.01] * 5]] * 4, dtype=np.float32)
    truth = np.array([[0, 0], [0.3, 1], [2.5, 2], [2.5, -1]], dtype=np.float32)
    found = np.asarray(class_cross_entropy(truth, raw, [0, 1, 1, 2, 2]))
    assert found == pytest.approx([-np.log(0.1), -np.log(0.5), -np.log(0.4), 0.0], rel=1e-5)


def test_a_class_without_weight_keeps_finite_gradients():
    raw = np.array([[[0.0, 1.0, 0.0, 0.0, 0.0], [0, 0.2, 0.5, 2, 3], [0.01] * 5]], dtype=np.float32)
    for index in (-1, 0, 1, 2):
        truth = np.array([[0.3, index]], dtype=np.float32)
        assert np.isfinite(gradient(loss_named("blend", SHAPE).call, truth, raw)).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_the_sum_of_its_parts(name):
    rng = np.random.default_rng(1)
    parts = [rng.dirichlet(np.ones(5), 9), rng.uniform(0, 5, (9, 5)), rng.uniform(0.05, 1, (9, 5))]
    raw = np.stack(parts, axis=1).astype(np.float32)
    truth = np.stack([rng.uniform(0, 5, 9), rng.integers(-1, 3, 9)], axis=1).astype(np.float32)
    shares = LOSSES[name]
    scores = shares["crps_share"] * mixture_crps(truth, raw) + shares["nll_share"] * mixture_nll(truth, raw)
    wanted = float(np.mean(scores))
    assert float(loss_named(name)(truth, raw)) == pytest.approx(wanted, rel=1e-5)
    wanted += 0.3 * float(np.mean(class_cross_entropy(truth, raw, [0, 1, 1, 2, 2])))
    loss = loss_named(name, SHAPE, class_share=0.3)
    assert float(loss(truth, raw)) == pytest.approx(wanted, rel=1e-5)
    again = MixtureLoss.from_config(loss.get_config())
    assert float(again(truth, raw)) == pytest.approx(wanted, rel=1e-5)


def test_losses_stay_in_float32_when_the_network_is_in_half_precision():
    """3.001 and 3.002 are the same number in float16."""
    raw = np.array([[[1.0], [3.001], [1e-4]]], dtype=np.float32)
    with_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = float(loss_named("crps")(np.array([[3.002]], dtype=np.float32), raw))
    finally:
        keras.config.set_dtype_policy(with_policy)
    assert found == pytest.approx(integrated_crps(raw[0], float(np.float32(3.002))), rel=1e-3)
