"""Scores and the two simple estimators."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.analysis.metrics import distance_from_uniform, nmad, scores
from vo_photoz.analysis.neighbours import class_shares, neighbours_of, prior
from vo_photoz.datasets.colours import colours
from vo_photoz.datasets.sky import sky_noise
from vo_photoz.errors import TableError
from vo_photoz.flow import MixturePDF
from vo_photoz.redshift import mixture


def normal(mean: np.ndarray, sigma: float) -> MixturePDF:
    return MixturePDF(np.ones((len(mean), 1)), mean[:, None], np.full((len(mean), 1), sigma))


def test_calibrated_densities_score_as_theory_says():
    rng = np.random.default_rng(1)
    z = rng.uniform(2, 5, 20_000)
    found = scores(normal(z + rng.normal(0, 0.1, len(z)), 0.1), z)
    assert found.n == len(z)
    assert found.crps == pytest.approx(0.1 / np.sqrt(np.pi), rel=0.03)  # expected score of a true normal
    assert found.nll == pytest.approx(np.log(0.1 * np.sqrt(2 * np.pi * np.e)), abs=0.02)
    assert found.rmse == pytest.approx(0.1, rel=0.03)
    assert found.coverage_68 == pytest.approx(0.68, abs=0.01)
    assert found.pit_ks < 0.015
    assert abs(found.bias) < 0.001
    assert found.outliers == 0


def test_too_narrow_densities_show():
    rng = np.random.default_rng(1)
    z = rng.uniform(2, 5, 5000)
    found = scores(normal(z + rng.normal(0, 0.1, len(z)), 0.02), z)
    assert found.coverage_68 < 0.2
    assert found.pit_ks > 0.3


def test_stars_of_calibrated_densities_have_an_even_pit():
    """Densities with a point at zero: without chance inside the jump they would look wrong."""
    rng = np.random.default_rng(5)
    n = 20_000
    p_star = rng.uniform(0.1, 0.9, n)
    centre = rng.uniform(1, 3, n)
    z = np.where(rng.random(n) < p_star, 0.0, centre + rng.normal(0, 0.1, n))
    pdf = MixturePDF(
        np.stack([p_star, 1 - p_star], 1),
        np.stack([np.zeros(n), centre], 1),
        np.tile([0.005, 0.1], (n, 1)),
    )
    found = scores(pdf, z)
    assert found.pit_ks < 0.015
    assert found.coverage_68 == pytest.approx(0.68, abs=0.01)
    assert distance_from_uniform(mixture.pit(pdf, z)) > 0.1
    assert found == scores(pdf, z)
    swapped = MixturePDF(pdf.weight[:, ::-1], pdf.mean, pdf.sigma)  # wrong probabilities still show
    assert scores(swapped, z).pit_ks > 0.05


def test_outliers_and_robust_scatter_by_hand():
    z = np.array([1.0, 1.0, 1.0, 1.0])
    found = scores(normal(np.array([1.0, 1.0, 1.0, 2.0]), 0.1), z)
    assert found.outliers == 0.25
    assert found.bias == pytest.approx(0.125)
    assert found.rmse == pytest.approx(0.5)
    assert found.nmad == 0
    assert nmad(np.array([-1.0, 0.0, 1.0])) == pytest.approx(1.4826)
    assert distance_from_uniform(np.array([0.5])) == 0.5


def test_rows_without_label_or_density_do_not_count():
    pdf = normal(np.array([3.0, np.nan, 3.0]), 0.1)
    pdf = MixturePDF(np.where(np.isnan(pdf.mean), np.nan, pdf.weight), pdf.mean, pdf.sigma)
    found = scores(pdf, np.array([3.1, 3.0, np.nan]))
    assert found.n == 1
    assert np.isnan(found.crps_error)
    with pytest.raises(TableError, match="nothing to score"):
        scores(pdf, np.full(3, np.nan))
    with pytest.raises(TableError, match="3 densities but 2"):
        scores(pdf, np.zeros(2))


def stamps_of(flux: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    offset = np.arange(28) - 13.5
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.5**2)
    sky = np.array([3.0, 1.0, 1.5, 2.0, 6.0])[:, None, None]
    noise = rng.normal(0, 1, (len(flux), 5, 28, 28)) * sky
    return (flux[:, :, None, None] * psf + noise).astype(np.float32)


def test_neighbours_find_a_redshift_written_in_the_colours():
    rng = np.random.default_rng(1)
    z = rng.uniform(2.5, 5, 600)
    flux = 200 * 10 ** (0.3 * (z[:, None] - 3.7) * (np.arange(5) - 2)) * rng.uniform(0.5, 2, (600, 1))
    stamps = stamps_of(flux, rng)
    assert sky_noise(stamps) == pytest.approx([3.0, 1.0, 1.5, 2.0, 6.0], rel=0.05)
    near = neighbours_of(stamps[:400], z[:400]).predict(stamps[400:])
    before = prior(*np.histogram(z[:400], np.arange(2.4, 5.11, 0.05))[::-1], 200)
    assert scores(near, z[400:]).crps < 0.3 * scores(before, z[400:]).crps
    assert near.weight.shape == (200, 15)


def test_neighbours_skip_what_has_no_flux():
    rng = np.random.default_rng(1)
    stamps = stamps_of(rng.uniform(100, 200, (20, 5)), rng)
    teacher = neighbours_of(stamps, np.linspace(3, 4, 20))
    stamps[3, 2, 14, 14] = np.nan
    stamps[4, 2, 0, 0] = np.nan
    found = teacher.predict(stamps)
    assert np.isnan(found.weight[3]).all()
    assert np.isfinite(found.mean[4]).all()
    with pytest.raises(TableError, match="fewer than two"):
        neighbours_of(stamps[3:4], np.array([3.0]))


def test_neighbours_tell_classes_by_their_shares():
    near = np.array([[0, 1, 2], [3, 3, 0], [-1, -1, -1]])
    found = class_shares(np.array([0, 0, 1, -1]), near, 2)
    assert found[0] == pytest.approx([2.5 / 4, 1.5 / 4])
    assert found[1] == pytest.approx([1.5 / 2, 0.5 / 2])  # the class of some is not known
    assert np.isnan(found[2]).all()


def test_colours_are_differences_of_magnitudes():
    flux = np.array([[100.0, 200.0, 400.0, 800.0, 1600.0]])
    stamps = np.zeros((1, 5, 9, 9), dtype=np.float32)
    stamps[0, :, 4, 4] = flux[0]
    found = colours(stamps, np.full(5, 0.01))
    assert found[0, :4] == pytest.approx(np.full(4, 2.5 * np.log10(2)), abs=1e-4)


@pytest.mark.shared
def test_the_published_neighbours_are_found_again(shared):
    held = np.load(shared / "data" / "quasars" / "sdss_quasars_ugriz.npz", allow_pickle=False)
    stamps, z, test = held["images"], held["z"].astype(np.float64), held["fold"] == 0
    found = scores(neighbours_of(stamps[~test], z[~test]).predict(stamps[test]), z[test])
    assert found.crps == pytest.approx(0.121, abs=0.004)
    assert found.nmad == pytest.approx(0.031, abs=0.002)
