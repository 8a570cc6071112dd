"""Layers with their weights as constants, of one member or of all that read the same input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vo_photoz.redshift.backend import keras, ops
from vo_photoz.redshift.networks.channels import DifferenceConv2D

Tensor = Any
Function = Callable[..., Tensor]
MOST_NEIGHBOURS = 64
"""Pixels times channels of a kernel up to which a matrix of neighbourhoods is cheap."""
WITHOUT_EFFECT = (
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.GaussianNoise,
    keras.layers.ActivityRegularization,
)
"""Layers that do nothing but in training."""


def array(weight: Any) -> np.ndarray:
    """A weight as an array: a constant in whatever is compiled."""
    return np.asarray(ops.convert_to_numpy(weight), dtype=np.float32)


def alike(layers: Sequence[Any]) -> bool:
    """Whether layers of several members are the same: settings and weights."""
    first = layers[0]
    if any(layer.get_config() != first.get_config() for layer in layers[1:]):
        return False
    return all(
        np.array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))
        for layer in layers[1:]
        for a, b in zip(layer.weights, first.weights, strict=True)
    )


def of_one_member(layer: Any) -> Function:
    """A layer of one member as a function of its inputs."""
    if isinstance(layer, WITHOUT_EFFECT):
        return lambda value: value
    if isinstance(layer, keras.layers.Normalization):
        return _normalisation(layer)
    if type(layer) is keras.layers.Dense:
        return _dense(layer)
    return convolution([layer]) or layer


def convolution(layers: Sequence[Any], *, by_products: bool = False) -> Function | None:
    """Convolutions of the same image, filters side by side; None if these layers are nothing of the kind.

    Parameters
    ----------
    layers : sequence of layers
        Convolutions that differ in their weights alone.
    by_products : bool
        Where few channels come in, multiply a matrix of neighbourhoods by the kernel. TensorFlow on a CPU
        computes a product, its bias and GELU in one pass over memory, but a convolution and GELU in six.
    """
    kernels = [kernel for layer in layers if (kernel := _kernel(layer)) is not None]
    if len(kernels) < len(layers):
        return None
    first, wide = layers[0], np.concatenate(kernels, axis=-1)
    biases = np.concatenate(
        [np.zeros(one.filters, np.float32) if one.bias is None else array(one.bias) for one in layers]
    )

    def run(image: Tensor) -> Tensor:
        raw = ops.conv(image, wide, padding=first.padding, data_format="channels_last")
        return activation(first, raw + biases)

    def run_by_products(image: Tensor) -> Tensor:
        import tensorflow as tf  # noqa: PLC0415 - only with this backend

        near = _neighbourhoods(image, *wide.shape[:2], padding=first.padding)
        matrix = ops.reshape(near, (-1, near.shape[-1]))
        raw = tf.nn.bias_add(tf.matmul(matrix, wide.reshape(-1, wide.shape[-1])), biases)
        return ops.reshape(activation(first, raw), (-1, *near.shape[1:3], wide.shape[-1]))

    few = math.prod(wide.shape[:3]) <= MOST_NEIGHBOURS
    return run_by_products if by_products and few else run


def activation(layer: Any, raw: Tensor) -> Tensor:
    """Apply the activation of a layer.

    The exact GELU is written with the error function: several backends compute its complement, which keras
    uses, more slowly, and ONNX does not know it. The difference is below 1e-6.
    """
    if layer.activation is keras.activations.gelu:
        return 0.5 * raw * (1.0 + ops.erf(raw * np.float32(1 / math.sqrt(2))))
    return layer.activation(raw)


def _neighbourhoods(image: Tensor, height: int, width: int, *, padding: str) -> Tensor:
    """Pixels that a kernel covers, side by side as its weights are: (n, y, x, height * width * channels)."""
    if padding == "same":
        around = [((size - 1) // 2, size // 2) for size in (height, width)]
        image = ops.pad(image, ((0, 0), *around, (0, 0)))
    rows, columns = image.shape[1] - height + 1, image.shape[2] - width + 1
    beside = ops.concatenate([image[:, :, x : x + columns] for x in range(width)], axis=-1)
    return ops.concatenate([beside[:, y : y + rows] for y in range(height)], axis=-1)


def _kernel(layer: Any) -> np.ndarray | None:
    """Kernel (y, x, channel, filter) of a plain convolution, that of differences folded; None for others."""
    if type(layer) is DifferenceConv2D:
        folded: np.ndarray = np.einsum("bc,yxcf->yxbf", layer.fold, array(layer.kernel)).astype(np.float32)
        return folded
    if type(layer) is not keras.layers.Conv2D:
        return None
    plain = layer.strides == (1, 1) and layer.dilation_rate == (1, 1) and layer.groups == 1
    if not plain or layer.data_format != "channels_last":
        return None
    return array(layer.kernel)


def _dense(layer: Any) -> Function:
    kernel = array(layer.kernel)
    bias = np.float32(0) if layer.bias is None else array(layer.bias)
    return lambda value: activation(layer, ops.matmul(value, kernel) + bias)


def _normalisation(layer: Any) -> Function:
    mean, variance = array(layer.mean), array(layer.variance)
    inverse = (1 / np.maximum(np.sqrt(variance), keras.config.epsilon())).astype(np.float32)
    return lambda value: (value - mean) * inverse
