"""The deep convolutional mixture density networks of D'Isanto & Polsterer 2018 (A&A 609, A111).

Layers, activations and initial values are those of the code that its authors released (written anew here from
its description):

- ``dcmdn-1``, used for the quasars of the paper: 256 filters of 3 x 3 and 512 of 2 x 2 (tanh), each followed
  by the maximum of 2 x 2 pixels, then 1024 of 2 x 2 (ReLU).
- ``dcmdn-2``, its best in the quasar experiment: 128, 256 and 512 filters of 3 x 3 (tanh), 1024 of
  3 x 3 (ReLU), no pooling.

Both see the middle 16 x 16 pixels, the bands and their plain pairwise differences, and end in dense layers of
500 and 100 units (tanh) and a mixture of Gaussians: softmax, a straight line, exp.

Three things are ours. Dropout drops anew in every step, before each dense layer; as released, one mask made
at the start keeps 40 % of the parameters at zero for ever. Fluxes are divided by a typical one of the
training set, the same in all bands, so that differences stay differences. The widths have the floor of our
own network, so that scores can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from vo_photoz.errors import UsageError
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.networks.channels import DifferenceConv2D, LinearChannels
from vo_photoz.redshift.networks.head import mixture_head
from vo_photoz.redshift.networks.shape import NetworkShape

CROP_PIXELS = 16
DENSE = (500, 100)
DROPOUT = 0.4


@dataclass(frozen=True)
class Convolution:
    """One layer: filters, side of the kernel, activation, and whether pooling follows."""

    filters: int
    kernel: int
    activation: str = "tanh"
    pool: bool = False


LAYERS: dict[str, tuple[Convolution, ...]] = {
    "dcmdn-1": (
        Convolution(256, 3, pool=True),
        Convolution(512, 2, pool=True),
        Convolution(1024, 2, "relu"),
    ),
    "dcmdn-2": (
        Convolution(128, 3),
        Convolution(256, 3),
        Convolution(512, 3),
        Convolution(1024, 3, "relu"),
    ),
}


def dcmdn(shape: NetworkShape) -> keras.Model:
    """Make an untrained ``dcmdn-1`` or ``dcmdn-2``; see `build.build_network`.

    Raises
    ------
    UsageError
        Raised if the stamps are smaller than the 16 x 16 pixels that it sees.
    """
    if shape.stamp_pixels < CROP_PIXELS:
        raise UsageError(
            f"{shape.architecture} sees {CROP_PIXELS} x {CROP_PIXELS} pixels; the stamps have "
            f"{shape.stamp_pixels} x {shape.stamp_pixels}.",
            advice="Cut larger stamps or take the architecture compact.",
        )
    stamps = keras.Input((shape.bands, shape.stamp_pixels, shape.stamp_pixels), name="stamps")
    dropout = DROPOUT if shape.dropout is None else shape.dropout
    x = LinearChannels(CROP_PIXELS, name="channels")(stamps)
    for number, one in enumerate(LAYERS[shape.architecture], start=1):
        layer = DifferenceConv2D if number == 1 else keras.layers.Conv2D
        x = layer(
            one.filters,
            one.kernel,
            padding="valid",
            activation=one.activation,
            kernel_initializer="orthogonal",
            name=f"conv_{number}",
        )(x)
        if one.pool:
            x = keras.layers.MaxPooling2D(2, name=f"pool_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for number, units in enumerate(DENSE, start=1):
        x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
        x = keras.layers.Dense(units, activation="tanh", name=f"dense_{number}")(x)
    head = mixture_head(shape, width="exp")
    x = keras.layers.Dropout(dropout, name="dropout_last")(x)
    raw = keras.layers.Dense(head.raw_units, dtype="float32", name="mixture_raw")(x)
    return keras.Model(stamps, head(raw), name=shape.architecture.replace("-", "_"))
