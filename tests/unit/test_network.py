"""Networks: what they keep, what they are blind to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.inference.keras_runner import compiled
from vo_photoz.redshift.load import load_network, save_network
from vo_photoz.redshift.losses import loss_named
from vo_photoz.redshift.networks import NetworkShape, build_network, prepare

SHAPE = NetworkShape(3, 16, 4, (1.0, 2.0, 3.0), 3.5, 0.5, core_pixels=12, filters=(4, 6), dense=(8,))


def trained_a_little() -> keras.Model:
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    stamps = rng.normal(0, 5, (64, 3, 16, 16)).astype(np.float32)
    network = build_network(SHAPE)
    prepare(network, stamps)
    network.compile(keras.optimizers.AdamW(1e-3), loss_named("crps"))
    network.fit(stamps, rng.uniform(3, 4, 64), epochs=1, verbose=0)
    return network


def test_a_saved_network_gives_the_same_and_carries_no_training_state(tmp_path: Path):
    network = trained_a_little()
    stamps = np.random.default_rng(2).normal(0, 5, (5, 3, 16, 16)).astype(np.float32)
    save_network(network, tmp_path / "member.keras")
    again = load_network(tmp_path / "member.keras")
    assert np.asarray(again(stamps)) == pytest.approx(np.asarray(network(stamps, training=False)), abs=1e-6)
    assert getattr(again, "optimizer", None) is None
    # four bytes a parameter and a small description: no moments of an optimiser
    assert (tmp_path / "member.keras").stat().st_size < 4 * network.count_params() + 120_000


def test_members_have_equal_say():
    networks = [build_network(SHAPE), build_network(SHAPE)]
    stamps = np.random.default_rng(2).normal(0, 5, (5, 3, 16, 16)).astype(np.float32)
    together = np.asarray(compiled(networks)(stamps))
    parts = [np.asarray(network(stamps)) for network in networks]
    assert together.shape == (5, 3, 8)
    assert together[:, 0].sum(1) == pytest.approx(np.ones(5), abs=1e-5)
    assert together[:, 1] == pytest.approx(np.concatenate([part[:, 1] for part in parts], axis=1), abs=1e-5)


def test_the_colour_of_a_source_reaches_the_answer():
    """Normalising across bands would make these two look alike."""
    network = trained_a_little()
    offset = np.arange(16) - 7.5
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.5**2)
    blue = (np.array([9e2, 3e2, 1e2])[None, :, None, None] * psf).astype(np.float32)
    answers = np.asarray(network(np.concatenate([blue, blue[:, ::-1]]), training=False))
    assert np.abs(answers[0] - answers[1]).max() > 1e-3
