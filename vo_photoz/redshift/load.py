"""Read and write networks: the place where keras comes in when a model is used."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow otherwise greets on every start

import keras  # noqa: E402

from vo_photoz.errors import ModelError  # noqa: E402
from vo_photoz.redshift import network  # noqa: E402, F401 - registers our layers with keras


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
            advice=f"It may come from another version of keras (here {keras.__version__}); get the model again.",
        ) from None


def save_network(trained: keras.Model, path: Path) -> None:
    """Write a network without the state of its training."""
    bare = keras.models.clone_model(trained)
    bare.set_weights(trained.get_weights())
    bare.save(path)
