"""Networks by name. Everything is written in `keras.ops`, so every backend of keras runs it.

Importing this registers our layers with keras: what reads a network from a file must do so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.networks.compact import compact
from vo_photoz.redshift.networks.dcmdn import dcmdn
from vo_photoz.redshift.networks.shape import NetworkShape

BUILDERS: dict[str, Callable[[NetworkShape], keras.Model]] = {
    "compact": compact,
    "dcmdn-1": dcmdn,
    "dcmdn-2": dcmdn,
}


def build_network(shape: NetworkShape) -> keras.Model:
    """Make an untrained network.

    Input shape: (n, band, y, x), nJy/arcsec2. Output shape: (n, 3, k): weights, means, standard deviations,
    in float32 under every precision policy; k = ``shape.mixture_components``.

    Raises
    ------
    UsageError
        Raised if the stamps are too small for the architecture.
    """
    return BUILDERS[shape.architecture](shape)


def prepare(network: keras.Model, stamps: np.ndarray) -> None:
    """Set the scaling of the inputs from training stamps, before training.

    Parameters
    ----------
    network : keras.Model
        From `build_network`.
    stamps : float32 array, shape (n, band, y, x)
        A sample without missing pixels.
    """
    names = {layer.name for layer in network.layers}
    if "aperture_scaling" in names:
        apertures, scaling = network.get_layer("apertures"), network.get_layer("aperture_scaling")
        scaling.adapt(np.asarray(apertures(stamps)))
    else:
        network.get_layer("channels").adapt(stamps)
