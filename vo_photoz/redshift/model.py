"""Models at rest: find them, check them, open their networks when they are first needed."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vo_photoz.errors import ModelError, PhotozError
from vo_photoz.redshift.card import FILE, Card, read_card
from vo_photoz.redshift.compatibility import check_extinction, check_fits, check_stamps
from vo_photoz.redshift.inference.runner import Runner, Runtime, open_runner
from vo_photoz.settings import defaults

if TYPE_CHECKING:
    import keras

    from vo_photoz.redshift.domain import Domain

__all__ = [
    "Card", "Model", "check_extinction", "check_fits", "check_stamps", "find_model", "list_models",
    "load_model", "model_places",
]  # fmt: skip

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "models"
KEPT = 4
"""Models that stay loaded in a process; the one used longest ago goes first."""


@dataclass
class Model:
    """A model whose card and weights were checked.

    Parameters
    ----------
    folder : Path
        Where it lies.
    card : Card
        What it is.
    runtime : {"auto", "tensorflow", "onnx"}
        What runs its networks; see `inference.runner.open_runner`.
    """

    folder: Path
    card: Card
    runtime: Runtime = "auto"
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)
    _runner: Runner | None = field(default=None, repr=False, compare=False)

    @cached_property
    def networks(self) -> list[keras.Model]:
        """The networks, one a member; loading them imports keras.

        Raises
        ------
        ModelError
            Raised if a file cannot be loaded.
        """
        from vo_photoz.redshift.load import load_network  # noqa: PLC0415 - keras takes seconds to import

        return [load_network(self.folder / name) for name in sorted(self.card.weights)]

    @property
    def runner(self) -> Runner:
        """All networks as one function; opened when it is first used, by one thread.

        Raises
        ------
        ModelError
            Raised if the installation lacks what is needed, or a file cannot be loaded.
        """
        with self._lock:
            if self._runner is None:
                self._runner = open_runner(self, self.runtime)
            return self._runner

    @cached_property
    def domain(self) -> Domain | None:
        """The training domain; None if the model does not tell it."""
        from vo_photoz.redshift.domain import load_domain  # noqa: PLC0415 - scipy.spatial, not always needed

        return next((load_domain(self.folder / name) for name in self.card.domain), None)

    @property
    def n_components(self) -> int:
        """Gaussians of a prediction."""
        return self.card.components

    @property
    def hash(self) -> str:
        """Hash of all weights, for provenance."""
        digest = hashlib.sha256()
        for name in sorted(self.card.weights):
            digest.update(self.card.weights[name].encode())
        return digest.hexdigest()


_loaded: OrderedDict[tuple[Path, str, str], Model] = OrderedDict()
_loading = threading.Lock()


def load_model(name_or_folder: str | Path, runtime: Runtime | None = None) -> Model:
    """Find a model and check that it is whole.

    A process has one copy of the same model: asked for again, it is checked again, and its networks are those
    that were loaded before.

    Parameters
    ----------
    name_or_folder : str or Path
        Name of a shipped or of a user's own model, or its folder.
    runtime : {"auto", "tensorflow", "onnx"} or None
        What runs its networks; None takes the setting ``runtime``.

    Raises
    ------
    ModelError
        Raised if it is not found, its card cannot be used, or its weights are missing or were changed.
    """
    folder = find_model(name_or_folder)
    card = read_card(folder)
    for name, expected in {**card.weights, **card.domain, **card.onnx}.items():
        _check_file(folder, name, expected)
    wanted = runtime or defaults().runtime
    key = (folder.resolve(), file_hash(folder / FILE), wanted)
    with _loading:
        if key not in _loaded:
            _loaded[key] = Model(folder, card, wanted)
        _loaded.move_to_end(key)
        while len(_loaded) > KEPT:
            _loaded.popitem(last=False)
        return _loaded[key]


def find_model(name_or_folder: str | Path) -> Path:
    """Folder of a model: a path, or a name in the user's or the shipped models.

    Raises
    ------
    ModelError
        Raised if there is none.
    """
    text = str(name_or_folder)
    if os.sep in text or text in (".", "..") or Path(text, FILE).is_file():
        if Path(text).is_dir():
            return Path(text)
        raise ModelError(f"There is no model in {text}: the folder does not exist.", advice="Check --model.")
    for place in model_places():
        if text and (place / text / FILE).is_file():
            return place / text
    known = ", ".join(list_models()) or "none"
    raise ModelError(
        f"There is no model named {text!r}.", advice=f"Known: {known}; or give the folder of one."
    )


def list_models() -> list[str]:
    """Names of the user's own and of the shipped models, sorted."""
    found = {
        card.parent.name for place in model_places() if place.is_dir() for card in place.glob(f"*/{FILE}")
    }
    return sorted(name for name in found if not name.startswith("."))


def model_places() -> list[Path]:
    """Folders in which models are looked for; the first wins."""
    try:
        own = [defaults().data_dir / "models"]
    except PhotozError:
        own = []
    return [*own, SHIPPED]


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_file(folder: Path, name: str, expected: str) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"The card of {folder} names a file outside its folder: {name}.", advice="Do not use it."
        )
    if not path.is_file():
        raise ModelError(
            f"The model {folder} is not whole: {name} is missing.", advice="Get the model again."
        )
    if file_hash(path) != expected:
        raise ModelError(
            f"{path} is not the file of the card: it was changed or cut off.",
            advice="Get the model again.",
        )
