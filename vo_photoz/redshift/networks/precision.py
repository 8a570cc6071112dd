"""Precision of networks: trained in half precision or not, they are kept in float32."""

from __future__ import annotations

from typing import Any

from vo_photoz.redshift.backend import keras


def in_float32(network: keras.Model) -> keras.Model:
    """A copy of a network that computes in float32, without the state of its training.

    Weights are float32 under every precision policy of keras, so nothing is lost. Half precision is for the
    training on graphics cards; a processor is slower with it, and less exact.
    """
    copy = keras.Model.from_config(_without_mixed(network.get_config()))
    copy.set_weights(network.get_weights())
    for layer in copy.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # what it computes with is made of its weights, but not by set_weights
    return copy


def _without_mixed(config: Any) -> Any:
    """A configuration in which every mixed policy is float32."""
    if isinstance(config, dict):
        return {name: _without_mixed(value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return [_without_mixed(value) for value in config]
    if isinstance(config, str) and config.startswith("mixed_"):
        return "float32"
    return config
