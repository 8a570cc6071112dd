"""The card of a model: what it eats, what it was trained on, how good it is. Reading it needs no keras."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vo_photoz.datasets.manifest import Dereddening
from vo_photoz.errors import ModelError
from vo_photoz.flow import FloatArray
from vo_photoz.redshift.compatibility import check_fits
from vo_photoz.redshift.prior_table import PriorTable
from vo_photoz.redshift.specialist import Specialist

FORMAT = "vo-photoz model"
VERSION = 1
FILE = "card.json"
HISTOGRAM_STEP = 0.05


class HasBands(Protocol):
    """A survey, as far as it matters here."""

    @property
    def bands(self) -> Sequence[str]:
        """Names of the bands."""


class Training(BaseModel):
    """What a model was trained on.

    Parameters
    ----------
    name : str
        Name of the training set.
    rows : int
        Objects that networks were fitted to or stopped by; held-out ones do not count.
    held_out_fold : int
        Fold of the sky that no network has seen.
    histogram_edges, histogram_counts : list
        Histogram of the training redshifts as the networks were shown them: every data set and simulated sky
        counts by its share, scaled to ``rows`` and rounded.
    sha256 : str
        Hash of the data set.
    real : bool
        False if it was simulated.
    source : dict
        Where images and labels come from.
    options : dict
        How the networks were fitted.
    sources : list of dict
        Every data set and simulated sky of the training: its name, its share in what the networks were
        shown, number of objects, hash, whether it is real.
    """

    model_config = ConfigDict(extra="allow")

    name: str
    rows: int
    held_out_fold: int
    histogram_edges: list[float]
    histogram_counts: list[int]
    sha256: str
    real: bool
    source: dict[str, Any] = {}
    options: dict[str, Any] = {}
    sources: list[dict[str, Any]] = []


class Card(BaseModel):
    """The card of a model.

    Parameters
    ----------
    format, version
        What the file is. ``model_version`` is the version of the model itself.
    name, title : str
        Its name on the command line, and one line about it.
    bands : list of str
        Bands of a stamp, in this order.
    stamp_pixels : int
        Side of a stamp, pixels.
    pixel_arcsec : float
        Side of a pixel.
    pixel_unit : str
        Unit of the pixel values.
    interpolation : str
        How stamps are cut from the tiles.
    dereddened : bool
        True if fluxes are corrected for Galactic extinction before they are shown to it.
    dereddening : Dereddening or None
        By which map and coefficients those of the training were corrected.
    input_scaling : dict
        How pixel values are scaled inside the networks.
    components : int
        Gaussians of a prediction, summed over the members.
    members : int
        Number of networks.
    network : dict
        What every network but those of a specialist is built from (`networks.NetworkShape`); needed to train
        them on.
    orientations : {1, 8}
        In how many of its eight turns and flips a stamp is shown to the networks, unless the user wants it
        otherwise.
    classes : list of str
        Classes that it tells apart; empty if none.
    component_classes : list of str
        The class that each Gaussian of a prediction stands for, as many as ``components``; empty if none.
    z_min, z_max : float
        Range of the training redshifts: not to be trusted outside.
    training : Training
        What it was trained on.
    scores : dict
        Scores on the held-out fold by estimator: the model, the nearest neighbours, the prior, from one run.
    calibration : dict or None
        How densities are recalibrated, and on what that was fitted; see `calibration.Calibration`.
    prior : PriorTable or None
        p(z, class) of the training, or what densities assume instead; None in cards that know only the
        histogram of ``training``.
    specialist : Specialist or None
        Networks for one range of redshift that the model was joined with.
    licence, citation : str
        Terms of use, what to cite.
    software : dict
        Versions it was made with.
    made, made_by
        Time, and the commands that make it.
    weights : dict
        sha256 of each file of weights.
    domain : dict
        sha256 of the file that describes the training domain; empty if there is none.
    onnx : dict
        sha256 of the file with all networks for ONNX Runtime; empty if there is none.
    """

    model_config = ConfigDict(extra="allow")

    format: str = FORMAT
    version: int = VERSION
    name: str
    title: str = ""
    model_version: str = "1"
    bands: list[str] = Field(min_length=1)
    stamp_pixels: int = Field(gt=0)
    pixel_arcsec: float = Field(gt=0)
    pixel_unit: str
    interpolation: str = "bilinear"
    dereddened: bool = False
    dereddening: Dereddening | None = None
    input_scaling: dict[str, Any] = {}
    components: int = Field(gt=0)
    members: int = Field(gt=0)
    network: dict[str, Any] = {}
    orientations: Literal[1, 8] = 1
    classes: list[str] = []
    component_classes: list[str] = []
    z_min: float
    z_max: float
    training: Training
    scores: dict[str, dict[str, float]] = {}
    calibration: dict[str, Any] | None = None
    prior: PriorTable | None = None
    specialist: Specialist | None = None
    licence: str = ""
    citation: str = ""
    software: dict[str, str] = {}
    made: str = ""
    made_by: list[str] = []
    weights: dict[str, str] = Field(min_length=1)
    domain: dict[str, str] = {}
    onnx: dict[str, str] = Field(default_factory=dict, max_length=1)

    def commands_with(self, command: str) -> list[str]:
        """Commands that make the model, and one more in place of an earlier run of it, which it undoes.

        ``command`` starts as ``vo-photoz models calibrate``; an empty one adds nothing.
        """
        kind = command.split()[:3]
        return [*(one for one in self.made_by if one.split()[:3] != kind), *([command] if command else [])]

    @property
    def general_members(self) -> int:
        """Number of networks but those of a specialist: the first ones by name."""
        return self.members - (self.specialist.members if self.specialist else 0)

    @model_validator(mode="after")
    def _one_class_a_component(self) -> Self:
        """Each Gaussian of a model with classes stands for one of them."""
        if self.classes and len(self.component_classes) != self.components:
            raise ValueError(
                f"there are {self.components} components, but classes for {len(self.component_classes)}"
            )
        if strange := sorted(set(self.component_classes) - set(self.classes)):
            raise ValueError(f"components of the class {strange[0]}, which is not among its classes")
        return self

    @model_validator(mode="after")
    def _specialist_is_a_part(self) -> Self:
        one = self.specialist
        if one and (self.classes or one.components >= self.components or one.members >= self.members):
            raise ValueError("a specialist is some of the networks of a model without classes")
        return self

    def check_fits(self, survey: HasBands) -> None:
        """Check that a survey has what the model needs; see `compatibility.check_fits`."""
        check_fits(self, survey.bands)


def read_card(folder: Path) -> Card:
    """Card of the model in a folder.

    Raises
    ------
    ModelError
        Raised if there is no card, it is damaged, or it was written by a later version of this program.
    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{folder} is no model: it has no {FILE}.", advice="See `vo-photoz models list`."
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"The card {path} cannot be read: {error}.", advice="Get the model again.") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ModelError(f"{path} is not the card of a model.", advice="See `vo-photoz models list`.")
    if not isinstance(found.get("version"), int) or found["version"] > VERSION:
        raise ModelError(
            f"The card {path} comes from the future: its version is {found.get('version')}, "
            f"this program reads up to {VERSION}.",
            advice="Update vo-photoz.",
        )
    try:
        return Card.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its classes"
        raise ModelError(
            f"The card {path} is wrong at {where}: {first['msg']}.", advice="Get the model again."
        ) from None


def write_card(folder: Path, card: Card) -> None:
    """Write the card of a model, whole or not at all.

    Raises
    ------
    ModelError
        Raised if it cannot be written.
    """
    part = folder / f".{FILE}.{os.getpid()}.part"
    try:
        part.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        part.replace(folder / FILE)
    except OSError as error:
        raise ModelError(f"{folder / FILE} cannot be written: {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)


def histogram(z: FloatArray) -> tuple[list[float], list[int]]:
    """Edges and counts of redshifts in steps of 0.05."""
    first, last = np.floor(z.min() / HISTOGRAM_STEP), np.floor(z.max() / HISTOGRAM_STEP) + 1
    edges = np.arange(first, last + 1) * HISTOGRAM_STEP
    counts, _ = np.histogram(z, edges)
    return [round(float(edge), 6) for edge in edges], [int(count) for count in counts]
