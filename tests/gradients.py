"""Gradients of losses on whatever backend keras has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vo_photoz.redshift.backend import keras, ops


def gradient(loss: Callable[[Any, Any], Any], truth: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Of the summed loss with respect to weights, means and widths (n, 3, k)."""
    if keras.backend.backend() == "jax":
        import jax

        slope = jax.jit(jax.grad(lambda m: ops.sum(loss(truth, m))))
        return np.asarray(slope(ops.convert_to_tensor(raw)))
    if keras.backend.backend() == "torch":
        held = ops.convert_to_tensor(raw).requires_grad_(True)
        ops.sum(loss(ops.convert_to_tensor(truth), held)).backward()
        return held.grad.numpy()
    import tensorflow as tf

    held = tf.Variable(raw)
    with tf.GradientTape() as tape:
        value = ops.sum(loss(truth, held))
    return tape.gradient(value, held).numpy()
