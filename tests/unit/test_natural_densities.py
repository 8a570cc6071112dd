"""Reliability of P(z > z_min) at natural densities: weights of the sky, bins, and the picture."""

from __future__ import annotations

import io

import numpy as np
import pytest

from vo_photoz.analysis.high_z import reliability
from vo_photoz.analysis.high_z_plot import draw_high_redshift
from vo_photoz.pipeline.evaluation.natural import thresholds, weights
from vo_photoz.redshift.prior_table import prior_of

N = 60_000


@pytest.fixture(scope="module")
def sky():
    """Many stars, few quasars, fewer far away; faint sources are more common."""
    rng = np.random.default_rng(1)
    kind = np.where(rng.random(N) < 0.98, "STAR", "QSO")
    z = np.where(kind == "STAR", 0.0, np.clip(rng.exponential(1.2, N), 0.05, 6.9))
    return prior_of(z, kind, magnitude=22 - rng.exponential(1.0, N).clip(0, 5.9), band="z", source="a sky")


def chosen(n: int, seed: int = 2):
    """A data set as somebody would choose it: as many quasars as stars, even in redshift and magnitude."""
    rng = np.random.default_rng(seed)
    kind = np.where(rng.random(n) < 0.5, "STAR", "QSO")
    z = np.where(kind == "STAR", 0.0, rng.uniform(0.05, 6.9, n))
    return z, kind, rng.uniform(16.2, 21.9, n)


def test_weights_make_the_sky_of_a_data_set(sky):
    z, kind, light = chosen(20_000)
    weight, covered = weights(sky, z, kind, light)
    assert covered == pytest.approx(1, abs=0.01)
    assert weight.sum() == pytest.approx(1, abs=0.01)
    assert weight[kind == "STAR"].sum() == pytest.approx(sky.share("STAR"), abs=0.005)
    edges, mass = np.array(sky.edges), sky.masses("QSO").sum(0)
    far = mass[edges[:-1] >= 4 - 1e-6].sum()
    assert weight[z > 4].sum() == pytest.approx(far, rel=0.05)
    bright = sky.masses("QSO")[np.array(sky.magnitude_edges[:-1]) < 20 - 1e-6].sum()
    assert weight[(kind == "QSO") & (light < 20)].sum() == pytest.approx(bright, rel=0.05)


def test_what_a_data_set_lacks_is_told(sky):
    z, kind, light = chosen(20_000)
    weight, covered = weights(sky, z, kind, light)
    few = (kind == "STAR") | (z > 3)
    part, reached = weights(sky, z[few], kind[few], light[few])
    quasars = sky.masses("QSO").sum(0)
    lost = quasars[np.array(sky.edges[:-1]) < 3 - 1e-6].sum()
    assert reached == pytest.approx(covered - lost, abs=0.005)
    assert part[kind[few] == "QSO"].sum() == pytest.approx(weight[z > 3].sum(), rel=1e-6)
    strange, _ = weights(sky, np.array([9.0, 2.0]), np.array(["QSO", "GALAXY"]), np.array([20.0, 20.0]))
    assert not strange.any()
    blind, _ = weights(sky, z, kind, np.full(len(z), np.nan))  # without magnitudes: by class and redshift
    assert blind[kind == "STAR"].sum() == pytest.approx(sky.share("STAR"), abs=0.005)


def true_probabilities(n: int, seed: int = 3):
    """Objects whose probability of being far is known, most of them small, with weights of their own."""
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(-2.5, 2.5, n)))
    return p, rng.random(n) < p, rng.lognormal(0, 0.7, n)


def test_right_probabilities_lie_on_the_diagonal():
    p, beyond, weight = true_probabilities(30_000)
    found = reliability(p, beyond, weight, 5.0)
    assert found.predicted == pytest.approx(found.found, rel=0.05)
    assert sum(one.n for one in found.bins) == 30_000
    assert sum(one.share for one in found.bins) == pytest.approx(1)
    off = [one.found_low > one.predicted or one.found_high < one.predicted for one in found.bins]
    assert np.mean(off) < 0.6  # 32 % are expected
    for one in found.bins:
        assert one.found_low <= one.found <= one.found_high
        assert abs(one.found - one.predicted) < 4 * (one.found_high - one.found_low)


def test_wrong_probabilities_are_seen():
    p, beyond, weight = true_probabilities(30_000)
    found = reliability(np.sqrt(p), beyond, weight, 5.0)  # far too high
    middle = [one for one in found.bins if 0.05 < one.predicted < 0.95]
    assert len(middle) >= 4
    assert all(one.found_high < one.predicted for one in middle)
    assert found.predicted > 1.4 * found.found


def test_bins_with_too_few_objects_are_joined():
    p, beyond, weight = true_probabilities(60)
    found = reliability(p, beyond, weight, 5.0)
    assert sum(one.n for one in found.bins) == 60
    assert all(one.effective >= 8 for one in found.bins)
    assert [one.low for one in found.bins[1:]] == [one.high for one in found.bins[:-1]]
    weight[3:] = 0
    assert reliability(p, beyond, weight, 5.0).n == 3
    assert reliability(p, beyond, np.zeros(60), 5.0) is None


def test_thresholds_have_objects_on_both_sides():
    rng = np.random.default_rng(1)
    assert thresholds(rng.uniform(0, 6.9, 2000)) == [4, 5, 6]
    assert thresholds(rng.uniform(2.75, 4.9, 2000)) == [3.5, 4, 4.5]
    assert thresholds(np.full(100, 2.2)) == []


def test_the_picture_holds_every_bin():
    several = [
        reliability(*true_probabilities(n, seed), z_min) for n, seed, z_min in ((4000, 1, 4.0), (300, 2, 5.0))
    ]
    figure = draw_high_redshift(several)
    upper, lower = figure.axes
    assert [text.get_text() for text in upper.get_legend().get_texts()][1].startswith("z > 5: ")
    assert len(lower.lines) == 2
    assert len(lower.lines[0].get_xdata()) == len(several[0].bins)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getbuffer().nbytes > 10_000
