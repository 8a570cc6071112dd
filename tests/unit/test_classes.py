"""Classes live in the components of a mixture."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.errors import ModelError, TableError
from vo_photoz.flow import MixturePDF
from vo_photoz.redshift.classes import CLASSES, class_indices, class_probabilities, labels

OWNERS = ("STAR", "GALAXY", "GALAXY", "QSO", "QSO")


def test_the_probability_of_a_class_is_the_weight_of_its_components():
    weight = np.array([[0.1, 0.2, 0.3, 0.15, 0.25], [np.nan] * 5])
    pdf = MixturePDF(weight, np.zeros((2, 5)), np.ones((2, 5)))
    found = class_probabilities(pdf, OWNERS, ("QSO", "STAR", "GALAXY"))
    assert found[0] == pytest.approx([0.4, 0.1, 0.5])
    assert np.isnan(found[1]).all()


def test_an_ensemble_repeats_the_classes_for_every_member():
    rng = np.random.default_rng(1)
    parts = rng.dirichlet(np.ones(5), (2, 7))
    pdf = MixturePDF(np.concatenate(parts / 2, axis=1), np.zeros((7, 10)), np.ones((7, 10)))
    found = class_probabilities(pdf, OWNERS * 2, CLASSES)
    assert found.sum(1) == pytest.approx(np.ones(7))
    assert found[:, 1] == pytest.approx(parts[:, :, 1:3].sum((0, 2)) / 2)


def test_a_card_that_does_not_fit_is_told():
    pdf = MixturePDF(np.ones((1, 4)) / 4, np.zeros((1, 4)), np.ones((1, 4)))
    with pytest.raises(ModelError, match="Mixtures of 4 Gaussians came with classes for 5"):
        class_probabilities(pdf, OWNERS, CLASSES)


def test_labels_are_redshift_and_number_of_the_class():
    found = labels([0.0, 0.4, 3.1, 1.0], ["STAR", "GALAXY", "QSO", ""], CLASSES)
    assert found.dtype == np.float32
    assert found[:, 0] == pytest.approx([0.0, 0.4, 3.1, 1.0])
    assert found[:, 1].tolist() == [0, 1, 2, -1]
    assert class_indices([None, "QSO"], ("QSO",)).tolist() == [-1, 0]
    assert labels([1.0, 2.0])[:, 1].tolist() == [-1, -1]
    # a network without classes does not care for those of the data
    assert labels([1.0], ["PLANET"])[:, 1].tolist() == [-1]


def test_a_class_that_the_network_does_not_know_is_told():
    with pytest.raises(TableError, match="class 'PLANET'; the network knows STAR, GALAXY, QSO"):
        class_indices(["STAR", "PLANET"], CLASSES)
