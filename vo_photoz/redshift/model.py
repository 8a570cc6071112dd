"""Models at rest: find them, check them, open their networks when they are first needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vo_photoz.errors import ModelError, PhotozError
from vo_photoz.flow import Stamps
from vo_photoz.redshift.card import FILE, Card, read_card
from vo_photoz.settings import defaults

if TYPE_CHECKING:
    import keras

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "models"
SCALE_TOLERANCE = 0.02


@dataclass
class Model:
    """A model whose card and weights were checked.

    Parameters
    ----------
    folder : Path
        Where it lies.
    card : Card
        What it is.
    """

    folder: Path
    card: Card
    _compiled: dict[int, object] = field(default_factory=dict, repr=False)

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
    for name, expected in card.weights.items():
        _check_weights(folder, name, expected)
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
    raise ModelError(f"There is no model named {text!r}.", advice=f"Known: {known}; or give the folder of one.")


def list_models() -> list[str]:
    """Names of the user's own and of the shipped models, sorted."""
    found = {card.parent.name for place in model_places() if place.is_dir() for card in place.glob(f"*/{FILE}")}
    return sorted(name for name in found if not name.startswith("."))


def model_places() -> list[Path]:
    """Folders in which models are looked for; the first wins."""
    try:
        own = [defaults().data_dir / "models"]
    except PhotozError:
        own = []
    return [*own, SHIPPED]


def check_fits(
    card: Card,
    bands: Sequence[str],
    *,
    pixel_arcsec: float | None = None,
    stamp_pixels: int | None = None,
    unit: str | None = None,
    where: str = "survey",
) -> None:
    """Check that a survey, a data set or stamps are what a model eats.

    Parameters
    ----------
    card : Card
        Card of the model.
    bands : sequence of str
        Bands there are; more than the model's are fine, in any order.
    pixel_arcsec, stamp_pixels, unit
        Of stamps that are cut already; None where stamps are still to be cut as the model wants them.
    where : str
        What is checked, for the sentence.

    Raises
    ------
    ModelError
        Raised if it does not fit; says what to change.
    """
    missing = [band for band in card.bands if band not in bands]
    if missing:
        raise ModelError(
            f"The model {card.name} needs the bands {', '.join(card.bands)}, but the {where} has no {', '.join(missing)} "
            f"(it has {', '.join(bands)}).",
            advice="Choose another survey or a model for these bands (`vo-photoz models list`).",
        )
    if pixel_arcsec is not None and abs(pixel_arcsec / card.pixel_arcsec - 1) > SCALE_TOLERANCE:
        raise ModelError(
            f"The model {card.name} needs pixels of {card.pixel_arcsec:g} arcsec, those of the {where} have {pixel_arcsec:g}.",
            advice=f"Cut the stamps again with --scale {card.pixel_arcsec:g}.",
        )
    if stamp_pixels is not None and stamp_pixels != card.stamp_pixels:
        raise ModelError(
            f"The model {card.name} needs stamps of {card.stamp_pixels} pixels, those of the {where} have {stamp_pixels}.",
            advice=f"Cut the stamps again with --size {card.stamp_pixels}.",
        )
    if unit is not None and unit != card.pixel_unit:
        raise ModelError(
            f"The model {card.name} needs pixels in {card.pixel_unit}, those of the {where} are in {unit}.",
            advice=f"Cut the stamps again in {card.pixel_unit}.",
        )


def check_stamps(card: Card, stamps: Stamps) -> None:
    """Check that stamps are what a model eats, the order of the bands included.

    Raises
    ------
    ModelError
        Raised if not; says what to change.
    """
    check_fits(
        card,
        stamps.bands,
        pixel_arcsec=stamps.pixel_arcsec,
        stamp_pixels=stamps.pixels.shape[-1],
        unit=stamps.unit,
        where="stamps",
    )


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_weights(folder: Path, name: str, expected: str) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(f"The card of {folder} names weights outside its folder: {name}.", advice="Do not use it.")
    if not path.is_file():
        raise ModelError(f"The model {folder} is not whole: {name} is missing.", advice="Get the model again.")
    if file_hash(path) != expected:
        raise ModelError(
            f"The weights {path} are not those of the card: they were changed or cut off.",
            advice="Get the model again.",
        )
