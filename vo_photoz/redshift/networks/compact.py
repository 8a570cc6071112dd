"""``compact``, our own network: small, quick on a CPU, and the default.

Two eyes look at a stamp. One finds the source and measures its light in Gaussian apertures: magnitudes and
colours, which a convolutional network with few examples learns slowly. The other, where the shape names
filters, is a small convolutional network on the asinh-scaled bands and their pairwise differences; it sees
shapes, neighbours and blends. A dense part turns what they see into a mixture of Gaussians. There is no
normalisation across bands anywhere: it would erase the colours, and with them the redshift.
"""

from __future__ import annotations

from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.networks.centred import CentredPhotometry
from vo_photoz.redshift.networks.channels import BandChannels, DifferenceConv2D
from vo_photoz.redshift.networks.head import mixture_head
from vo_photoz.redshift.networks.shape import NetworkShape

DROPOUT = 0.1
PICTURE_DROPOUT = 0.5
"""Of what the convolutions see: high, so that the dense part cannot lean on it for what light alone tells."""


def compact(shape: NetworkShape) -> keras.Model:
    """Make an untrained ``compact`` network; see `build.build_network`."""
    stamps = keras.Input((shape.bands, shape.stamp_pixels, shape.stamp_pixels), name="stamps")
    dropout = DROPOUT if shape.dropout is None else shape.dropout
    light = CentredPhotometry(shape.softening, shape.apertures, name="apertures")(stamps)
    light = keras.layers.Normalization(dtype="float32", name="aperture_scaling")(light)
    x = light
    if shape.filters:
        x = keras.layers.Concatenate(name="both")([light, _picture(shape, stamps)])
    for number, units in enumerate(shape.dense, start=1):
        x = keras.layers.Dense(units, activation="gelu", name=f"dense_{number}")(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{number}")(x)
    head = mixture_head(shape)
    raw = keras.layers.Dense(head.raw_units, dtype="float32", name="mixture_raw")(x)
    return keras.Model(stamps, head(raw), name="compact")


def _picture(shape: NetworkShape, stamps: keras.KerasTensor) -> keras.KerasTensor:
    """The eye that sees how the light is spread."""
    core = min(shape.core_pixels, shape.stamp_pixels)
    x = BandChannels(shape.softening, core, differences=False, name="channels")(stamps)
    for number, filters in enumerate(shape.filters, start=1):
        layer = DifferenceConv2D if number == 1 else keras.layers.Conv2D
        x = layer(
            filters,
            3,
            padding="same",
            activation="gelu",
            kernel_initializer="orthogonal",
            name=f"conv_{number}",
        )(x)
        if number < len(shape.filters):
            x = keras.layers.AveragePooling2D(2, name=f"pool_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(shape.dense[-1] // 2, activation="gelu", name="conv_features")(x)
    return keras.layers.Dropout(PICTURE_DROPOUT, name="conv_dropout")(x)
