"""Models at rest: find them, check them, open their networks when they are first needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vo_photoz.errors import ModelError, PhotozError
from vo_photoz.redshift.card import FILE, Card, read_card
from vo_photoz.redshift.compatibility import check_extinction, check_fits, check_stamps
from vo_photoz.redshift.domain import Domain, load_domain
from vo_photoz.settings import defaults

if TYPE_CHECKING:
    import keras

__all__ = [
    "Card", "Model", "check_extinction", "check_fits", "check_stamps", "find_model", "list_models",
    "load_model", "model_places",
]  # fmt: skip

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "models"


@dataclass
class Model:
    """A model whose card and weights were checked.

    Parameters
    ----------
    folder : Path
        Where it lies.
    card : Card
        What it is.
    compiled : callable or None
        All networks as one compiled function, once they were used.
    """

    folder: Path
    card: Card
    compiled: Callable[[Any], Any] | None = field(default=None, repr=False)

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

    @cached_property
    def domain(self) -> Domain | None:
        """The training domain; None if the model does not tell it."""
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


def load_model(name_or_folder: str | Path) -> Model:
    """Find a model and check that it is whole.

    Parameters
    ----------
    name_or_folder : str or Path
        Name of a shipped or of a user's own model, or its folder.

    Raises
    ------
    ModelError
        Raised if it is not found, its card cannot be used, or its weights are missing or were changed.
    """
    folder = find_model(name_or_folder)
    card = read_card(folder)
    for name, expected in {**card.weights, **card.domain}.items():
        _check_file(folder, name, expected)
    return Model(folder, card)


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
