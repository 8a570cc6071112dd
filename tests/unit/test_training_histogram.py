"""The redshifts of a training that mixes data sets, as its card tells them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from vo_photoz.pipeline.training.card import _as_shown


def ingredient(z: np.ndarray, share: float) -> SimpleNamespace:
    return SimpleNamespace(labels=(z, np.full(len(z), "QSO")), share=share)


def test_the_histogram_of_a_card_is_what_was_shown():
    few, many = np.full(100, 3.01), np.full(900, 1.01)
    edges, counts = _as_shown([ingredient(few, 0.75), ingredient(many, 0.25)])
    found = dict(zip(edges, counts, strict=False))
    assert (found[3.0], found[1.0]) == (750, 250)
    assert sum(counts) == 1000


def test_a_single_data_set_is_counted_as_it_is():
    z = np.random.default_rng(1).uniform(0.5, 4, 777)
    edges, counts = _as_shown([ingredient(z, 1.0)])
    np.testing.assert_array_equal(counts, np.histogram(z, edges)[0])
    assert sum(counts) == 777
