"""Densities seen with another prior, against multiplication on a fine grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.errors import ModelError, UsageError
from vo_photoz.flow import MixturePDF, Stamps
from vo_photoz.redshift import mixture
from vo_photoz.redshift.classes import class_probabilities
from vo_photoz.redshift.model import load_model
from vo_photoz.redshift.prior_files import read_prior
from vo_photoz.redshift.prior_table import PriorTable, prior_of
from vo_photoz.redshift.priors import magnitudes, prior_named, ratio_of, reweighted, training_prior

GRID = np.linspace(0, 8, 8001)
MIDDLES = np.arange(0.025, 7, 0.05)
FLAT = prior_of(MIDDLES)
FALLING = prior_of(MIDDLES, weight=np.exp(-MIDDLES / 0.7))


def densities(n: int, seed: int = 2) -> MixturePDF:
    rng = np.random.default_rng(seed)
    mean = rng.uniform(1.6, 6, (n, 5))  # not across redshift 0
    return MixturePDF(rng.dirichlet(np.ones(5), n), mean, rng.uniform(0.02, 0.4, (n, 5)))


def test_it_is_the_multiplication_by_the_ratio():
    pdf, ratio = densities(200), ratio_of(FALLING, FLAT)
    found = reweighted(pdf, ratio)
    exact = mixture.on_grid(pdf, GRID) * np.interp(GRID, ratio.z, ratio.values[""][0])
    exact /= np.trapezoid(exact, GRID)[:, None]
    assert found.weight.sum(1) == pytest.approx(np.ones(200), abs=1e-5)
    mean = np.trapezoid(exact * GRID, GRID)
    assert mixture.mean(found) == pytest.approx(mean, abs=0.02)
    spread = np.sqrt(np.trapezoid(exact * GRID**2, GRID) - mean**2)
    assert mixture.sigma(found) == pytest.approx(spread, abs=0.02)
    away = np.trapezoid(np.abs(mixture.on_grid(found, GRID) - exact), GRID)
    before = np.trapezoid(np.abs(mixture.on_grid(pdf, GRID) - exact), GRID)
    assert np.median(away) < 0.05
    assert np.median(before) > 0.3
    for z_min in (1.0, 3.0, 5.0):
        tail = np.trapezoid(exact * (z_min < GRID), GRID)
        assert np.abs(mixture.prob_above(found, z_min) - tail).mean() < 0.01


def test_the_same_prior_changes_nothing():
    pdf = densities(50)
    found = reweighted(pdf, ratio_of(FLAT, FLAT))
    assert found.mean == pytest.approx(pdf.mean, abs=5e-3)
    assert found.sigma == pytest.approx(pdf.sigma, rel=0.03)
    assert found.weight == pytest.approx(pdf.weight, abs=5e-3)


def of_classes(stars: float, far: float) -> PriorTable:
    """A sky of stars, and of quasars evenly at 0 to 6 but for a share ``far`` at 6 to 7."""
    quasars = np.concatenate([np.full(6, (1 - far) / 6), [far]]) * (1 - stars)
    return PriorTable(
        edges=list(range(8)), mass={"STAR": [stars, *[0.0] * 6], "QSO": [float(q) for q in quasars]}
    )


def test_a_star_is_more_probable_where_stars_are_many():
    pdf = MixturePDF(np.array([[0.2, 0.8]]), np.array([[0.0, 6.0]]), np.array([[0.005, 0.1]]))
    kinds = ("STAR", "QSO")
    there = reweighted(
        pdf, ratio_of(of_classes(0.999, 1 / 7), of_classes(0.5, 1 / 7)), component_classes=kinds
    )
    odds = 0.2 / 0.8 * (0.999 / 0.001)  # Bayes' theorem, from one half of both
    star = class_probabilities(there, kinds, kinds)[0, 0]
    assert star == pytest.approx(odds / (1 + odds), rel=1e-3)
    assert there.mean[0, 0] == 0
    assert there.sigma[0, 0] == pytest.approx(0.005)


def test_rows_without_a_density_stay_and_an_impossible_source_is_left_alone():
    pdf = densities(3)
    pdf.weight[1], pdf.mean[1], pdf.sigma[1] = np.nan, np.nan, np.nan
    nothing_far = PriorTable(edges=[0, 0.1, 7], mass={"": [1.0, 0.0]})
    found = reweighted(pdf, ratio_of(nothing_far, FLAT))
    assert np.isnan(found.weight[1]).all()
    lonely = MixturePDF(np.ones((1, 1)), np.full((1, 1), 6.0), np.full((1, 1), 0.01))
    assert reweighted(lonely, ratio_of(nothing_far, FLAT)).weight.tolist() == [[1.0]]


def sky_by_magnitude(slope: float) -> PriorTable:
    """Quasars whose share beyond redshift 3 grows by ``slope`` a magnitude from 18 to 21."""
    rng = np.random.default_rng(3)
    magnitude = rng.uniform(18, 21, 300_000)
    far = rng.random(300_000) < np.clip(0.5 + slope * (magnitude - 19.5), 0.05, 0.95)
    z = np.where(far, rng.uniform(3, 6, 300_000), rng.uniform(0, 3, 300_000))
    return prior_of(z, magnitude=magnitude, band="z")


def test_where_the_training_has_nothing_the_density_is_no_evidence():
    """A network of quasars beyond 2.75 cannot say that a source is nearer, however many are there."""
    middles = np.arange(2.775, 5, 0.05)
    pdf = MixturePDF(np.array([[0.9, 0.1]]), np.array([[3.5, 2.0]]), np.array([[0.1, 0.1]]))
    found = reweighted(pdf, ratio_of(FALLING, prior_of(middles)))
    edge = np.exp(-2.775 / 0.7) / np.exp(-3.5 / 0.7)  # as if the lower mode were at the edge
    assert found.weight[0, 1] / found.weight[0, 0] == pytest.approx(edge * 0.1 / 0.9, rel=0.1)


def test_the_magnitude_of_a_source_counts():
    pdf = MixturePDF(np.full((2, 2), 0.5), np.tile([1.5, 4.5], (2, 1)), np.full((2, 2), 0.1))
    ratio = ratio_of(sky_by_magnitude(0.25), sky_by_magnitude(0.0))
    found = reweighted(pdf, ratio, magnitude=np.array([18.25, 20.75]))
    assert found.weight[0, 1] == pytest.approx(0.1875, abs=0.03)
    assert found.weight[1, 1] == pytest.approx(0.8125, abs=0.03)
    unknown = reweighted(pdf, ratio)  # taken for the faintest
    assert unknown.weight[0, 1] == pytest.approx(found.weight[1, 1], abs=0.05)
    flat = prior_of(np.arange(0.025, 6, 0.05))  # of a training that does not tell magnitudes
    again = reweighted(pdf, ratio_of(sky_by_magnitude(0.25), flat), magnitude=np.array([18.25, 20.75]))
    assert again.weight == pytest.approx(found.weight, abs=0.03)
    assert reweighted(pdf, ratio_of(flat, sky_by_magnitude(0))).weight == pytest.approx(pdf.weight, abs=0.02)


def test_magnitudes_are_those_of_the_stamps():
    offset = (np.arange(28) - 13.5) * 0.4
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset**2) / 0.6**2)
    psf /= psf.sum() * 0.16
    flux = 3631e9 * 10 ** (-0.4 * np.array([17.0, 20.0]))
    pixels = (flux[:, None, None, None] * psf).astype(np.float32)
    pixels = np.concatenate([pixels, -pixels[:1], np.full_like(pixels[:1], np.nan)])
    stamps = Stamps(pixels, np.zeros(4, np.int16), ("z",), 0.4, "nJy/arcsec2")
    found = magnitudes(stamps, "z")
    assert found[:2] == pytest.approx([17, 20], abs=0.03)
    assert np.isnan(found[2:]).all()
    assert np.isnan(magnitudes(stamps, "y")).all()


def test_the_shipped_sky_has_more_of_the_near_and_many_stars():
    sky = prior_named("sky")
    assert sky is not None
    assert sky.magnitude_band == "z"
    assert sky.share("STAR") > 10 * sky.share("QSO") > 0
    assert prior_named("training") is None
    quasars = sky.density("QSO", [2.0, 4.0, 6.0])
    assert quasars[0] > 5 * quasars[1] > 100 * quasars[2] > 0


def test_an_older_card_has_the_prior_of_its_histogram():
    card = load_model("sdss-quasars").card.model_copy(update={"prior": None})
    prior = training_prior(card)
    assert prior.density("", [7.5]) == 0
    edges, counts = np.array(card.training.histogram_edges), np.array(card.training.histogram_counts)
    middle = 0.5 * (edges[1:] + edges[:-1])
    assert prior.density("", middle) == pytest.approx(
        counts / counts.sum() / np.diff(edges), rel=0.01, abs=1e-3
    )
    with pytest.raises(ModelError, match="does not tell its prior"):
        training_prior(card.model_copy(update={"classes": ["QSO"]}))


GOOD = "class,z_low,z_high,n\nSTAR,0,0,30\nQSO,0,2,8\nQSO,2,7,2\n"


def test_a_file_of_a_prior_is_read(tmp_path: Path):
    (tmp_path / "p.csv").write_text(GOOD)
    prior = read_prior(tmp_path / "p.csv")
    assert [prior.share(one) for one in ("STAR", "QSO", "GALAXY")] == pytest.approx([0.75, 0.25, 0])
    assert prior.marginal().masses("QSO").sum(0)[prior.edges.index(2.0) :].sum() == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("n\n", "m\n", 1), "no column n"),
        (GOOD.replace("STAR", "star"), "has the class 'star'"),
        (GOOD.replace("30", "-30"), "negative or missing"),
        (GOOD.replace("2,7,2", "7,2,2"), "ends before it begins"),
        ("", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_damaged_file_is_told_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "p.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_prior(path)


def test_a_prior_of_other_classes_is_refused():
    galaxies = PriorTable(edges=[0, 1], mass={"GALAXY": [1.0]})
    with pytest.raises(UsageError, match="none of the classes"):
        ratio_of(galaxies, FLAT)


def test_priors_that_end_at_different_redshifts_are_compared_where_both_are_looked_at():
    """As in a cross-validation: the sample ends where the prior of the model nearly does, but not quite."""
    sample = prior_of(np.arange(3.025, 5, 0.05))
    model = prior_of(MIDDLES, weight=np.where((MIDDLES > 3) & (MIDDLES < 5), 1.0, 1e-3))
    ratio = ratio_of(sample, model)
    (values,) = ratio.values[""]
    inside = values[(ratio.z > 3.1) & (ratio.z < 4.9)]
    assert values.max() < 1.01 * inside.max()
    assert (values[(ratio.z < 2.94) | (ratio.z > 5.06)] == 0).all()
