"""Read and write networks: the place where keras comes in when a model is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz.errors import ModelError
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.networks import build  # noqa: F401 - registers our layers with keras


def load_network(path: Path) -> keras.Model:
    """A network for prediction; it carries no code and no state of an optimiser.

    Raises
    ------
    ModelError
        Raised if the file is not a network that this version can read.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"The network {path} cannot be loaded: {reason}",
            advice=f"It may need another version of keras (here {keras.__version__}); get the model again.",
        ) from None


def save_network(trained: keras.Model, path: Path) -> None:
    """Write a network without the state of its training (which a clone would keep)."""
    bare = keras.Model.from_config(trained.get_config())
    bare.set_weights(trained.get_weights())
    bare.save(path)


def compiled_ensemble(networks: list[keras.Model]) -> Callable[[np.ndarray], Any]:
    """Networks as one compiled function: stamps (n, band, y, x) to (n, 3, k), k summed over the networks.

    Every network has the same say, so weights are divided by their number.
    """

    def together(stamps: Any) -> Any:
        parts = [member(stamps, training=False) for member in networks]
        weight = keras.ops.concatenate([part[:, 0] for part in parts], axis=-1) / len(parts)
        mean, sigma = (keras.ops.concatenate([part[:, row] for part in parts], axis=-1) for row in (1, 2))
        return keras.ops.stack([weight, mean, sigma], axis=1)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only with this backend

        compiled: Callable[[np.ndarray], Any] = tf.function(together)
        return compiled
    return together
