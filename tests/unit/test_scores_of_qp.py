"""Scores beside those of qp, which RAIL (LSST DESC) uses for its evaluation: the same numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from vo_photoz.analysis.judged import judge
from vo_photoz.analysis.metrics import scores
from vo_photoz.flow import MixturePDF
from vo_photoz.redshift import mixture

qp = pytest.importorskip("qp")
N = 1500


@pytest.fixture(scope="module")
def drawn() -> tuple[MixturePDF, np.ndarray]:
    """Mixtures of three Gaussians, and redshifts drawn from somewhat wider ones: nothing is perfect."""
    rng = np.random.default_rng(3)
    weight = rng.dirichlet(np.ones(3), N)
    mean = rng.uniform(0.5, 3, (N, 1)) + rng.normal(0, 0.25, (N, 3))
    sigma = rng.uniform(0.04, 0.2, (N, 3))
    which = (weight.cumsum(1) > rng.random((N, 1))).argmax(1)
    rows = np.arange(N)
    z = mean[rows, which] + 1.3 * sigma[rows, which] * rng.normal(size=N) + 0.01
    z[:20] += 1.5  # outliers
    return MixturePDF(weight, mean, sigma), z


@pytest.fixture(scope="module")
def ensemble(drawn):
    pdf, _ = drawn
    return qp.Ensemble(qp.mixmod, data={"weights": pdf.weight, "means": pdf.mean, "stds": pdf.sigma})


def test_point_estimates(drawn, ensemble):
    from qp.metrics.point_estimate_metric_classes import (
        PointBias,
        PointOutlierRate,
        PointSigmaIQR,
        PointSigmaMAD,
    )

    pdf, z = drawn
    found = scores(pdf, z)
    median = np.squeeze(ensemble.ppf(0.5))
    assert mixture.quantile(pdf, 0.5) == pytest.approx(median, abs=5e-3)  # qp inverts on a grid
    point = mixture.quantile(pdf, 0.5)
    assert found.bias_median == pytest.approx(PointBias().evaluate(point, z), abs=1e-12)
    assert found.sigma_iqr == pytest.approx(PointSigmaIQR().evaluate(point, z), abs=1e-12)
    assert found.nmad == pytest.approx(PointSigmaMAD().evaluate(point, z), abs=1e-12)
    assert found.outliers_desc == pytest.approx(PointOutlierRate().evaluate(point, z), abs=1e-12)
    assert found.outliers_desc > 20 / N * 0.9


def test_pit(drawn, ensemble):
    from qp.metrics.pit import PIT

    pdf, z = drawn
    found, theirs = scores(pdf, z), PIT(ensemble, z)
    assert judge(pdf, z).pit == pytest.approx(theirs.pit_samps, abs=1e-9)
    ks, cvm = theirs.evaluate_PIT_KS(), theirs.evaluate_PIT_CvM()
    assert (found.pit_ks, found.pit_ks_p) == pytest.approx((ks.statistic, ks.pvalue))
    assert (found.pit_cvm, found.pit_cvm_p) == pytest.approx((cvm.statistic, cvm.pvalue))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs_ad = theirs.evaluate_PIT_anderson_ksamp().statistic
    assert found.pit_ad == pytest.approx(theirs_ad, rel=2e-3)  # qp drops a PIT that rounding put above 1
    assert found.pit_ks > 0.03  # the densities are too narrow, and that shows


def test_loss_of_the_conditional_density(drawn, ensemble):
    """Ours is exact; theirs sums over a grid, which is made fine here."""
    from qp.metrics.concrete_metric_classes import CDELossMetric

    pdf, z = drawn
    grid, some = np.linspace(-1, 6, 7001), slice(200)
    theirs = CDELossMetric(grid).evaluate(ensemble[some], z[some])
    assert scores(pdf.take(some), z[some]).cde_loss == pytest.approx(theirs, rel=1e-3)


def test_crps_is_the_integral_of_the_squared_difference(drawn, ensemble):
    """The definition, with qp's distribution function (it has no CRPS of its own)."""
    pdf, z = drawn
    grid = np.linspace(-2, 7, 18_001)
    step = (grid[None, :] >= z[:50, None]).astype(float)
    expected = np.trapezoid((ensemble[:50].cdf(grid) - step) ** 2, grid, axis=1)
    assert judge(pdf.take(slice(50)), z[:50]).crps == pytest.approx(expected, abs=1e-3)


def test_the_evaluator_of_rail_gives_our_scores(drawn, ensemble, tmp_path, monkeypatch):
    """The stage that RAIL's pipelines run, on the same densities; its point estimate is the mode."""
    evaluator = pytest.importorskip("rail.evaluation.evaluator")
    from rail.evaluation.metrics import pointestimates

    monkeypatch.chdir(tmp_path)  # stages write beside themselves
    some = slice(400)
    z, few = drawn[1], drawn[0].take(some)
    found = scores(few, z[some])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stage = evaluator.OldEvaluator.make_stage(
            name="ours", hdf5_groupname="", redshift_col="redshift", zmin=-1.0, zmax=6.0, nzbins=3500
        )
        theirs = stage.evaluate(ensemble[some], {"redshift": z[some]}).data
    assert found.pit_ks == pytest.approx(theirs["PIT_KS_stat"][0])
    assert found.pit_cvm == pytest.approx(theirs["PIT_CvM_stat"][0])
    assert found.pit_ad == pytest.approx(theirs["PIT_AD_stat"][0], rel=1e-2)  # as above
    assert found.cde_loss == pytest.approx(theirs["CDE_stat"][0], rel=2e-3)
    point = mixture.quantile(few, 0.5)
    for name, mine in (
        ("PointBias", found.bias_median),
        ("PointSigmaIQR", found.sigma_iqr),
        ("PointSigmaMAD", found.nmad),
        ("PointOutlierRate", found.outliers_desc),
    ):
        assert mine == pytest.approx(getattr(pointestimates, name)(point, z[some]).evaluate()), name
    mode = scores(MixturePDF(np.ones((400, 1)), mixture.peak(few)[:, None], np.full((400, 1), 0.1)), z[some])
    assert mode.sigma_iqr == pytest.approx(theirs["POINT_SimgaIQR"][0], abs=2e-3)  # so spelt; on a grid
    assert mode.bias_median == pytest.approx(theirs["POINT_Bias"][0], abs=2e-3)
