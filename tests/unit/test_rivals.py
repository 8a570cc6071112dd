"""The rivals of the networks: a random forest and a mixture density network on features."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from vo_photoz.analysis.forest import fit_forest, importances
from vo_photoz.analysis.metrics import scores
from vo_photoz.errors import UsageError
from vo_photoz.flow import MixturePDF

CLASSES = ("STAR", "QSO")


def features_of(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two features: one tells the redshift but for its sign about 2, the other sometimes tells the sign."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(1, 3, n)
    hint = np.where(rng.random(n) < 0.5, np.sign(z - 2), 0) + rng.normal(0, 0.05, n)
    return np.stack([np.abs(z - 2) + rng.normal(0, 0.03, n), hint, rng.normal(size=n)], axis=1), z


def constant(z: np.ndarray, n: int) -> MixturePDF:
    return MixturePDF(np.ones((n, 1)), np.full((n, 1), z.mean()), np.full((n, 1), z.std()))


def test_the_forest_knows_when_there_are_two_answers():
    pytest.importorskip("sklearn")
    x, z = features_of(1200, 1)
    forest = fit_forest(x, z, np.arange(1200) < 300, grid=((3, 0.7), (8, 0.7), (200, 0.7)), jobs=1)
    assert forest.options["leaf"] in (3, 8)
    test, truth = features_of(800, 2)
    found = forest.predict(test)
    assert scores(found, truth).crps < 0.55 * scores(constant(z, 800), truth).crps
    unsure = found.take(np.flatnonzero((np.abs(test[:, 1]) < 0.3) & (np.abs(truth - 2) > 0.5)))
    above = (unsure.weight * (unsure.mean > 2)).sum(1)
    assert np.median(np.abs(above - 0.5)) < 0.15  # both branches have their share
    assert 0.55 < scores(found, truth).coverage_68 < 0.92
    assert [name for name, _ in importances(forest, ["distance", "hint", "nothing"])][-1] == "nothing"


def test_the_forest_tells_classes_apart_and_leaves_stars_at_zero():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(3)
    kind = rng.integers(0, 2, 1200)
    z = np.where(kind == 0, 0.0, rng.uniform(2, 4, 1200))
    x = np.stack([kind + rng.normal(0, 0.2, 1200), z + rng.normal(0, 0.1, 1200)], axis=1)
    unknown = np.where(rng.random(1200) < 0.1, -1, kind)
    forest = fit_forest(
        x[:800], z[:800], np.arange(800) < 200, kind=unknown[:800], classes=2, grid=((3, 0.5),), jobs=1
    )
    shares = forest.class_probabilities(x[800:])
    assert shares.sum(1) == pytest.approx(np.ones(400))
    assert np.mean(shares.argmax(1) == kind[800:]) > 0.97
    stars = forest.predict(x[800:][kind[800:] == 0])
    assert np.median((stars.weight * (stars.mean == 0)).sum(1)) > 0.95
    assert stars.sigma[stars.mean == 0] == pytest.approx(5e-3)


def test_a_forest_without_its_package_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    x, z = features_of(50, 1)
    with pytest.raises(UsageError, match=r"vo-photoz\[compare\]"):
        fit_forest(x, z, np.arange(50) < 10)


def test_many_networks_on_features_are_one_function_without_warnings():
    from vo_photoz.redshift.feature_mdn import fit_feature_mdn

    rng = np.random.default_rng(5)
    x, z = rng.normal(0, 1, (300, 3)), rng.uniform(2, 4, 300)
    fitted = fit_feature_mdn(x, z, np.arange(300) < 100, members=7, epochs=1, sizes=(((8,), 0.1),), seed=3)
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    logging.getLogger("tensorflow").addHandler(handler)
    try:
        found = fitted.predict(x)
    finally:
        logging.getLogger("tensorflow").removeHandler(handler)
    assert told == []
    scaled = np.clip((x - fitted.centre) / fitted.scale, -6, 6).astype(np.float32)
    each = [np.asarray(one(scaled, training=False)) for one in fitted.networks]
    parts = np.concatenate(each, axis=2)
    np.testing.assert_allclose(found.weight, parts[:, 0] / 7, atol=1e-6)
    np.testing.assert_allclose(found.mean, parts[:, 1], atol=1e-6)
    np.testing.assert_allclose(found.sigma, parts[:, 2], atol=1e-6)


def test_the_network_on_features_learns_redshifts_and_classes():
    from vo_photoz.redshift.classes import class_probabilities
    from vo_photoz.redshift.feature_mdn import fit_feature_mdn

    rng = np.random.default_rng(4)
    kind = np.array(CLASSES)[rng.integers(0, 2, 1500)]
    z = np.where(kind == "STAR", 0.0, rng.uniform(2, 4, 1500))
    x = np.stack([(kind == "QSO") + rng.normal(0, 0.2, 1500), z + rng.normal(0, 0.1, 1500)], axis=1)
    x[7, 0] = 1e9  # an absurd feature must not break the fit
    seen = []
    fitted = fit_feature_mdn(
        x[:1000], z[:1000], np.arange(1000) < 300, kind=kind[:1000], classes=CLASSES, members=2, epochs=15,
        sizes=(((2,), 0.5), ((32, 32), 0.0)), progress=lambda *told: seen.append(told),
    )  # fmt: skip
    found = fitted.predict(x[1000:])
    assert fitted.options["dense"] == [32, 32]
    assert found.weight.shape == (500, 2 * 6)
    assert found.weight.sum(1) == pytest.approx(np.ones(500), abs=1e-5)
    assert scores(found, z[1000:]).crps < 0.15 * scores(constant(z, 500), z[1000:]).crps
    shares = class_probabilities(found, fitted.component_classes, CLASSES)
    assert np.mean(np.array(CLASSES)[shares.argmax(1)] == kind[1000:]) > 0.97
    assert [done for _, done, _ in seen] == [1, 2, 3]
