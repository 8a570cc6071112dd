"""A specialist among the networks of a model: Bayes' theorem by hand, and the prior that results."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from vo_photoz.redshift.prior_table import PriorTable, prior_of
from vo_photoz.redshift.specialist import Specialist, gated, joined_prior, shares_of

SHARES = (0.2, 0.7, 0.1)


def a_specialist(assumed: tuple[float, float, float] = SHARES) -> Specialist:
    return Specialist(members=1, components=2, z_min=3, z_max=5, assumed=assumed, shown=SHARES)


def mixtures() -> np.ndarray:
    """One source: of general networks a Gaussian below, two inside, one beyond; two of the specialist."""
    weight = [0.10, 0.25, 0.10, 0.05, 0.3, 0.2]
    mean = [2.0, 3.5, 4.5, 6.0, 3.4, 3.9]
    return np.array([[weight, mean, [0.1] * 6]], dtype=np.float32)


def test_inside_its_range_the_specialist_has_the_word():
    found = gated(mixtures(), a_specialist())
    # The general networks have half of all weight: 20 % of theirs is below, 70 % inside, 10 % beyond.
    assert found[0, 0] == pytest.approx([0.2, 0, 0, 0.1, 0.7 * 0.6, 0.7 * 0.4], abs=1e-6)
    assert found[0, 1:] == pytest.approx(mixtures()[0, 1:])
    assert gated(mixtures(), None) is not None
    assert gated(mixtures(), None) == pytest.approx(mixtures())


def test_odds_are_turned_to_what_is_assumed():
    assumed = (0.01, 0.94, 0.05)
    found = gated(mixtures(), a_specialist(assumed))
    odds = np.array([0.2, 0.7, 0.1]) * np.divide(assumed, SHARES)
    below, inside, beyond = odds / odds.sum()
    assert found[0, 0] == pytest.approx([below, 0, 0, beyond, 0.6 * inside, 0.4 * inside], abs=1e-6)
    assert found[:, 0].sum() == pytest.approx(1, abs=1e-6)


def test_a_specialist_has_one_of_its_own():
    """Of six Gaussians the last four are specialists', of these the last two those of the inner one."""
    inner = Specialist(
        members=1, components=2, z_min=3.2, z_max=4, assumed=(0.1, 0.8, 0.1), shown=(0.2, 0.6, 0.2)
    )
    outer = Specialist(members=2, components=4, z_min=3, z_max=5, assumed=SHARES, shown=SHARES, inner=inner)
    assert outer.innermost == inner.innermost == inner
    weight, mean = [0.1, 0.2, 0.3, 0.1, 0.2, 0.1], [2.0, 4.0, 3.5, 4.5, 3.4, 3.9]
    found = gated(np.array([[weight, mean, [0.1] * 6]], dtype=np.float32), outer)
    # The general networks: a third below, two thirds inside. Of the outer specialist, three quarters are for
    # the range of the inner one and a quarter beyond; by what is assumed, the odds
    # of the first grow by 0.8 / 0.6 and those of the second are halved.
    beyond = 0.25 * 0.5 / (0.75 * 0.8 / 0.6 + 0.25 * 0.5)
    shares = [0, beyond, (1 - beyond) * 2 / 3, (1 - beyond) / 3]
    assert found[0, 0] == pytest.approx([1 / 3, 0, *(2 / 3 * one for one in np.array(shares))], abs=1e-6)


def test_nonsense_is_refused():
    told = a_specialist().model_dump()
    for wrong in ({"z_min": 5.0}, {"assumed": (0.0, 0.9, 0.1)}, {"components": 0}, {"inner": told}):
        with pytest.raises(ValidationError):
            Specialist(**{**told, **wrong})


def test_a_bin_on_the_border_is_divided():
    assert shares_of([0, 1, 2, 4], [10, 20, 70], 1.25, 3) == pytest.approx((0.15, 0.5, 0.35))


def shares_in(prior: PriorTable) -> tuple[float, float, float]:
    """Below, from and beyond 3 to 5."""
    return shares_of(prior.edges, prior.masses("").sum(0), 3.0, 5.0)


def test_the_prior_is_that_of_the_specialist_inside_and_the_general_one_elsewhere():
    rng = np.random.default_rng(3)
    everywhere, z = rng.uniform(0, 7, 40_000), rng.uniform(3.02, 4.98, 20_000)
    bright, faint = rng.uniform(18, 20, 40_000), rng.uniform(19, 21, 20_000)
    general = prior_of(everywhere, magnitude=bright, band="z")
    own = prior_of(z, magnitude=faint, band="z")
    shown = shares_in(general)
    assert shown == pytest.approx((3 / 7, 2 / 7, 2 / 7), abs=0.01)
    specialist = Specialist(members=1, components=2, z_min=3, z_max=5, assumed=(0.02, 0.9, 0.08), shown=shown)
    joined = joined_prior(general, [own, own], specialist)
    assert shares_in(joined) == pytest.approx((0.02, 0.9, 0.08), abs=1e-6)
    assert joined.magnitude_band == "z"
    edges = np.asarray(joined.edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    by_magnitude = joined.masses("").T  # (z, magnitude)
    centre = 0.5 * (np.array(joined.magnitude_edges[1:]) + joined.magnitude_edges[:-1])
    inside = (middle > 3) & (middle < 5)
    assert np.average(centre, weights=by_magnitude[inside].sum(0)) == pytest.approx(20, abs=0.05)
    assert np.average(centre, weights=by_magnitude[~inside].sum(0)) == pytest.approx(19, abs=0.05)
