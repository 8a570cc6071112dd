"""The layers of the networks: what they compute, at every precision."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.backend_numbers import SKY, light, shape_of
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.classes import CLASSES
from vo_photoz.redshift.losses import loss_named
from vo_photoz.redshift.networks import NetworkShape, build_network, prepare
from vo_photoz.redshift.networks.channels import BandChannels, DifferenceConv2D, LinearChannels, asinh
from vo_photoz.redshift.networks.head import MixtureHead
from vo_photoz.redshift.networks.precision import in_float32


def parts(output) -> np.ndarray:
    """Weights, means and widths, shape (3, n, k)."""
    return np.moveaxis(keras.ops.convert_to_numpy(output), 1, 0)


@pytest.mark.parametrize("width", ["softplus", "exp"])
def test_the_head_gives_mixtures(width):
    raw = np.random.default_rng(1).normal(0, 30, (20, 12)).astype(np.float32)
    weight, mean, sigma = parts(MixtureHead(4, 3.5, 0.5, width=width)(raw))
    assert weight.sum(1) == pytest.approx(np.ones(20), abs=1e-5)
    assert (sigma >= 5e-3 - 1e-9).all()
    assert np.isfinite(mean).all()
    assert np.isfinite(sigma).all()


def test_raw_zeros_stand_for_the_training_redshifts():
    weight, mean, sigma = parts(MixtureHead(3, 3.0, 0.5)(np.zeros((1, 9), dtype=np.float32)))
    assert weight[0] == pytest.approx([1 / 3] * 3)
    assert mean[0] == pytest.approx([2.25, 3.0, 3.75])
    assert sigma[0] == pytest.approx([5e-3 + 0.25 * np.log(2)] * 3)
    assert parts(MixtureHead(1, 3.0, 0.5)(np.zeros((1, 3), dtype=np.float32)))[1, 0] == pytest.approx([3.0])


@pytest.mark.parametrize("classes", [("STAR", "GALAXY", "QSO"), ("GALAXY", "STAR", "QSO"), ("QSO", "STAR")])
def test_the_component_of_stars_stays_at_redshift_zero(classes):
    free = 2 * (len(classes) - 1)
    starts = tuple(float(one) for one in range(1, free + 1))
    head = MixtureHead(2, 0.0, 1.0, classes=classes, start_means=starts, start_scales=(0.5,) * free)
    k = free + 1
    assert (head.mixture_components, head.raw_units) == (k, k + 2 * free)
    raw = np.random.default_rng(1).normal(0, 3, (50, head.raw_units)).astype(np.float32)
    raw[0] = 0
    weight, mean, sigma = parts(head(raw))
    star = 2 * classes.index("STAR")
    assert (mean[:, star] == 0).all()
    assert sigma[:, star] == pytest.approx(np.full(50, 5e-3))
    assert np.delete(mean[0], star) == pytest.approx(starts)
    assert weight.sum(1) == pytest.approx(np.ones(50), abs=1e-6)
    again = MixtureHead.from_config(json.loads(json.dumps(head.get_config())))
    assert parts(again(raw)) == pytest.approx(parts(head(raw)))


def test_a_convolution_of_differences_is_that_of_the_differences():
    """Folding changes the cost alone."""
    stamps = np.random.default_rng(1).normal(0, 900, (3, 5, 28, 28)).astype(np.float32)
    bands = BandChannels(SKY, 20, differences=False)(stamps)
    channels = BandChannels(SKY, 20)(stamps)
    assert channels.shape == (3, 20, 20, 15)
    for padding in ("same", "valid"):
        plain = keras.layers.Conv2D(8, 3, padding=padding, activation="gelu")
        wanted = np.asarray(plain(channels))
        folded = DifferenceConv2D(8, 3, padding=padding, activation="gelu")
        folded.build(bands.shape)
        folded.set_weights(plain.get_weights())
        assert np.asarray(folded(bands)) == pytest.approx(wanted, abs=1e-5)
        assert folded.compute_output_shape((None, 20, 20, 5))[1:] == wanted.shape[1:]


def test_channels_are_bands_and_all_their_differences():
    stamps = np.random.default_rng(1).normal(0, 5, (2, 3, 16, 16)).astype(np.float32)
    channels = np.asarray(BandChannels((1.0, 2.0, 3.0), 12)(stamps))
    scaled = np.arcsinh(stamps / np.array([1, 2, 3], np.float32)[:, None, None])[:, :, 2:14, 2:14]
    assert channels.shape == (2, 12, 12, 6)
    assert channels[..., 1] == pytest.approx(scaled[:, 1], abs=1e-5)
    assert channels[..., 4] == pytest.approx(scaled[:, 0] - scaled[:, 2], abs=1e-5)


def test_the_scaling_is_exact_from_the_faintest_to_the_brightest():
    value = np.concatenate([-np.logspace(-12, 9, 400), [0.0], np.logspace(-12, 9, 400)]).astype(np.float32)
    assert np.asarray(asinh(value)) == pytest.approx(np.arcsinh(value.astype(np.float64)), rel=1e-6)


def test_linear_channels_have_one_unit_in_all_bands():
    stamps, _ = light(30)
    layer = LinearChannels(16)
    layer.build(stamps.shape)
    layer.adapt(stamps)
    seen = np.asarray(layer(stamps))
    unit = float(layer.unit)
    assert seen * unit == pytest.approx(np.moveaxis(stamps[:, :, 6:22, 6:22], 1, -1), rel=1e-4)
    assert np.median(stamps[:, :, 12:16, 12:16].mean((2, 3)).max(1)) == pytest.approx(unit, rel=1e-5)
    layer.adapt(np.zeros_like(stamps))
    assert np.isfinite(np.asarray(layer(stamps * 0))).all()


@pytest.mark.parametrize("architecture", ["compact", "dcmdn-1"])
def test_dropout_is_drawn_anew_in_every_step_and_rests_in_prediction(architecture):
    stamps, _ = light(4)
    network = build_network(shape_of(architecture))
    prepare(network, stamps)
    shown = [np.asarray(network(stamps, training=training)) for training in (True, True, False, False)]
    assert np.abs(shown[0] - shown[1]).max() > 1e-4
    assert np.array_equal(shown[2], shown[3])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_network_learns_in_half_precision_and_is_kept_in_float32(policy):
    stamps, labels = light(48)
    stamps[0] *= 1e3  # far beyond 65,504, where float16 ends
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(1)
        small = {"filters": (4, 6), "dense": (16,), "dropout": 0.0}
        shape = NetworkShape(5, 28, 2, SKY, 2.0, 1.5, classes=CLASSES, **small)
        network = build_network(shape)
        prepare(network, stamps)
        assert network.get_layer("conv_2").compute_dtype == policy.removeprefix("mixed_")
        network.compile(keras.optimizers.AdamW(1e-2, clipnorm=1.0), loss_named("blend", shape))
        told = network.fit(stamps, labels, batch_size=48, epochs=20, shuffle=False, verbose=0).history["loss"]
        half = np.asarray(network(stamps, training=False))
    finally:
        keras.config.set_dtype_policy(before)
    assert half.dtype == np.float32
    assert np.isfinite(half).all()
    assert told[-1] < 0.7 * told[0]
    kept = in_float32(network)
    assert {layer.compute_dtype for layer in kept.layers} == {"float32"}
    again = np.asarray(kept(stamps, training=False))
    assert np.abs(again - half)[1:].max() < 0.1
