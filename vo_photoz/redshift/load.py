"""Read and write networks: the place where keras comes in when a model is used."""

from __future__ import annotations

from pathlib import Path

from vo_photoz.errors import ModelError
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.networks import build  # noqa: F401 - registers our layers with keras
from vo_photoz.redshift.networks.precision import in_float32


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
    """Write a network in float32, without the state of its training (which a clone would keep)."""
    in_float32(trained).save(path)
