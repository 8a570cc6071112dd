"""Recalibration of densities: what is wrong is mended, what is right is left alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import kstest

from vo_photoz.errors import ModelError, TableError
from vo_photoz.flow import MixturePDF
from vo_photoz.redshift import mixture
from vo_photoz.redshift.calibration import Calibration, fit_calibration, from_card
from vo_photoz.redshift.classes import class_probabilities
from vo_photoz.redshift.warp import Warp

N = 1200


def perfect(seed: int, n: int = N, z_low: float = 1.0, z_high: float = 5.0) -> tuple[MixturePDF, np.ndarray]:
    """Densities with two modes, and redshifts drawn from them: calibrated by construction."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(z_low, z_high, (n, 1)) + np.array([0.0, 0.1, -0.8])
    sigma = rng.uniform(0.03, 0.2, (n, 3))
    weight = rng.dirichlet([6, 3, 1], n)
    chosen = (rng.random((n, 1)) > weight.cumsum(1)).sum(1)
    row = np.arange(n)
    return MixturePDF(weight, mean, sigma), rng.normal(mean[row, chosen], sigma[row, chosen])


def ks(pdf: MixturePDF, z: np.ndarray) -> float:
    return float(kstest(mixture.pit(pdf, z), "uniform").statistic)


def coverage(pdf: MixturePDF, z: np.ndarray) -> float:
    return float(np.mean(np.abs(mixture.pit(pdf, z) - 0.5) < 0.34))


WRONG = {
    "over-confident": Warp(scale=(0.5,)),
    "under-confident": Warp(scale=(2.0,)),
    "biased": Warp(shift=(0.6,)),
    "over-confident and biased": Warp(scale=(0.6,), shift=(-0.5,)),
    "modes too sure": Warp(temperature=0.4),
    "biased by redshift": Warp(knots=(1.5, 4.5), scale=(0.6, 1.5), shift=(0.6, -0.6)),
}


@pytest.mark.parametrize("harm", WRONG.values(), ids=WRONG)
def test_wrong_densities_are_mended_for_objects_that_were_not_seen(harm):
    pdf, z = perfect(1)
    calibration = fit_calibration(harm(pdf), z)
    other, other_z = perfect(2, 4000)
    wrong = harm(other)
    mended = calibration.apply(wrong)
    assert mended.weight.shape == wrong.weight.shape
    assert mended.weight.sum(1) == pytest.approx(np.ones(4000), abs=1e-5)
    assert ks(mended, other_z) < 0.04
    assert 0.64 < coverage(mended, other_z) < 0.72
    before, after, best = (mixture.crps(one, other_z).mean() for one in (wrong, mended, other))
    assert after < before - 0.5 * (before - best)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_calibrated_densities_are_left_alone(seed):
    pdf, z = perfect(seed)
    calibration = fit_calibration(pdf, z)
    same = calibration.apply(pdf)
    assert np.median(np.abs(same.sigma / pdf.sigma - 1)) < 0.02
    assert np.median(np.abs(same.mean - pdf.mean) / pdf.sigma) < 0.02
    assert calibration.told["scores"][""]["after"] == calibration.told["scores"][""]["before"]


def test_a_few_wrong_redshifts_of_spectra_do_not_widen_all_densities():
    pdf, z = perfect(6)
    z = np.where(np.arange(N) % 40 == 0, np.random.default_rng(1).uniform(0, 6, N), z)
    assert fit_calibration(pdf, z).warps[""].scale[0] < 1.15


def test_rows_without_a_density_or_redshift_do_not_count_and_stay():
    pdf, z = perfect(7)
    holed = MixturePDF(pdf.weight.copy(), pdf.mean.copy(), pdf.sigma.copy())
    for column in (holed.weight, holed.mean, holed.sigma):
        column[5] = np.nan
    z[9] = np.nan
    calibration = fit_calibration(holed, z)
    assert calibration.told["rows"] == N - 2
    out = calibration.apply(holed)
    assert np.isnan(out.weight[5]).all()
    assert np.isfinite(np.delete(out.weight, 5, 0)).all()


def test_what_the_card_keeps_comes_back():
    pdf, z = perfect(8)
    wrong = WRONG["biased by redshift"](pdf)
    calibration = fit_calibration(wrong, z, told={"folds": [1]})
    kept = json.loads(json.dumps(calibration.to_card()))
    assert kept["folds"] == [1]
    again = from_card(kept)
    assert again is not None
    one, two = calibration.apply(wrong), again.apply(wrong)
    assert one.mean == pytest.approx(two.mean, abs=1e-3)
    assert one.sigma == pytest.approx(two.sigma, abs=1e-3)
    assert one.weight == pytest.approx(two.weight, abs=1e-3)
    assert from_card(None) is None


@pytest.mark.parametrize(
    "kept",
    [
        {"warps": {"": {}}},
        {"warps": 3},
        {"scale": 2},
        {"warps": {}, "class_temperature": -1},
        {"warps": {"": {"knots": [0, 1], "scale": [1], "shift": [0], "floor": 0, "temperature": 1}}},
        {"warps": {"": {"knots": [0], "scale": [-1], "shift": [0], "floor": 0, "temperature": 1}}},
        {"warps": {"": {"knots": [0], "scale": [1], "shift": [0], "floor": 0, "temperature": 0}}},
    ],
)
def test_a_damaged_calibration_is_told_in_one_sentence(kept):
    with pytest.raises(ModelError, match="calibration in the card"):
        from_card(kept)


def with_classes(seed: int, sure: float, n: int = 3000) -> tuple[MixturePDF, np.ndarray, np.ndarray]:
    """A star and two Gaussians each of galaxies and quasars; ``sure`` times too certain of the class."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet([1, 1, 1], n)
    kind = np.array(["STAR", "GALAXY", "QSO"])[(rng.random((n, 1)) > share.cumsum(1)).sum(1)]
    mean = np.stack([np.zeros(n), *[rng.uniform(0.1, 0.8, n)] * 2, *[rng.uniform(1, 5, n)] * 2], axis=1)
    sigma = np.tile([0.005, 0.05, 0.05, 0.2, 0.2], (n, 1))
    place = np.select([kind == "STAR", kind == "GALAXY"], [0, 1], 3)
    z = np.where(kind == "STAR", 0, rng.normal(mean, sigma)[np.arange(n), place])
    told = share**sure / (share**sure).sum(1, keepdims=True)
    weight = told[:, [0, 1, 1, 2, 2]] * np.array([1, 0.5, 0.5, 0.5, 0.5])
    return MixturePDF(weight, mean, sigma * np.array([1, 0.5, 0.5, 2, 2])), z, kind


OWNERS = ["STAR", "GALAXY", "GALAXY", "QSO", "QSO"]
CLASSES = ("STAR", "GALAXY", "QSO")


def test_each_class_is_mended_apart_and_stars_stay_stars():
    pdf, z, kind = with_classes(1, sure=2.0)
    calibration = fit_calibration(pdf, z, component_classes=OWNERS, kind=kind)
    assert set(calibration.warps) == {"GALAXY", "QSO"}
    assert calibration.class_temperature == pytest.approx(2.0, rel=0.15)
    other, other_z, other_kind = with_classes(2, sure=2.0, n=6000)
    out = calibration.apply(other, OWNERS)
    assert (out.mean[:, 0] == 0).all()
    assert out.sigma[:, 0] == pytest.approx(other.sigma[:, 0])
    assert out.weight.sum(1) == pytest.approx(np.ones(6000), abs=1e-5)
    for name, mine in (("GALAXY", [1, 2]), ("QSO", [3, 4])):
        rows = other_kind == name
        part = MixturePDF(*(column[rows][:, mine] for column in (out.weight, out.mean, out.sigma)))
        alone = MixturePDF(part.weight / part.weight.sum(1, keepdims=True), part.mean, part.sigma)
        assert ks(alone, other_z[rows]) < 0.05
    probability = class_probabilities(out, OWNERS, CLASSES)
    sure = probability.max(1)
    right = np.array(CLASSES)[probability.argmax(1)] == other_kind
    assert sure.mean() == pytest.approx(right.mean(), abs=0.03)


def test_right_class_probabilities_stay():
    pdf, z, kind = with_classes(3, sure=1.0)
    calibration = fit_calibration(pdf, z, component_classes=OWNERS, kind=kind)
    before, after = (class_probabilities(p, OWNERS, CLASSES) for p in (pdf, calibration.apply(pdf, OWNERS)))
    assert np.abs(after - before).max() < 0.03


def test_an_impossible_class_stays_impossible():
    pdf = MixturePDF(np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]]), np.array([[0.01, 0.2]]))
    out = Calibration({"QSO": Warp(scale=(2.0,))}, 1.5).apply(pdf, ["STAR", "QSO"])
    assert out.weight.tolist() == [[1.0, 0.0]]


def test_too_little_to_learn_from_is_told():
    pdf, z = perfect(9, 60)
    with pytest.raises(TableError, match="60 objects are too few"):
        fit_calibration(pdf, z)
    pdf, z = perfect(9)
    with pytest.raises(TableError, match="needs the classes of the objects"):
        fit_calibration(pdf, z, component_classes=["QSO"] * 3)
    with pytest.raises(ModelError, match="3 components came with classes for 2"):
        fit_calibration(pdf, z, component_classes=["QSO"] * 2, kind=["QSO"] * N)
