"""Which priors the columns of a prediction are seen with, and the classes in them."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.errors import ModelError
from vo_photoz.flow import MixturePDF
from vo_photoz.pipeline.prediction.posterior import Priors, probabilities
from vo_photoz.redshift import mixture
from vo_photoz.redshift.card import Card
from vo_photoz.redshift.model import load_model
from vo_photoz.redshift.prior_table import prior_of

KINDS = ["STAR", "QSO", "QSO"]
PDF = MixturePDF(
    np.array([[0.3, 0.3, 0.4], [np.nan] * 3]), np.array([[0.0, 2.0, 5.5], [np.nan] * 3]),
    np.array([[0.005, 0.1, 0.1], [np.nan] * 3]),
)  # fmt: skip
BRIGHT = np.array([19.5, np.nan], dtype=np.float32)


def card_of_classes(**changes: object) -> Card:
    """The shipped card, as if its model told stars from quasars that are as many at all redshifts."""
    rng = np.random.default_rng(1)
    z = np.concatenate([np.zeros(20_000), rng.uniform(0.3, 6.8, 40_000)])
    prior = prior_of(z, ["STAR"] * 20_000 + ["QSO"] * 40_000, magnitude=rng.uniform(17, 21, 60_000), band="z")
    told = load_model("sdss-quasars").card.model_dump()
    told |= {
        "classes": ["STAR", "QSO"],
        "component_classes": KINDS,
        "components": 3,
        "specialist": None,
        "prior": prior,
        **changes,
    }
    return Card.model_validate(told)


def test_by_default_only_p_high_knows_how_rare_such_sources_are():
    priors = Priors.of(None, card_of_classes())
    assert priors.told() == {"prior": "training", "prior_of_p_high_z": "sky"}
    assert priors.band == "z"
    assert priors.posterior(PDF, BRIGHT) is PDF
    rare = priors.p_high(PDF, BRIGHT, 5.0)
    assert mixture.prob_above(PDF, 5.0)[0] == pytest.approx(0.4, abs=1e-3)
    assert 0 < rare[0] < 1e-4
    assert np.isnan(rare[1])
    sky = Priors.of("sky", card_of_classes())
    assert mixture.prob_above(sky.posterior(PDF, BRIGHT), 5.0)[0] == pytest.approx(rare[0], rel=1e-3)


def test_stars_are_most_of_the_sky_and_no_high_redshift():
    card = card_of_classes()
    sky = Priors.of("sky", card).posterior(PDF, BRIGHT)
    found = probabilities(sky, card)
    assert found is not None
    assert list(found.names) == ["STAR", "QSO"]
    assert found.probability[0, 0] > 0.9
    assert found.probability[0].sum() == pytest.approx(1, abs=1e-5)
    assert np.isnan(found.probability[1]).all()
    assert probabilities(PDF, load_model("sdss-quasars").card) is None


def test_a_model_that_does_not_tell_its_prior_keeps_it():
    card = card_of_classes(prior=None)
    assert Priors.of(None, card).told() == {"prior": "training", "prior_of_p_high_z": "training"}
    with pytest.raises(ModelError, match="does not tell its prior"):
        Priors.of("sky", card)
