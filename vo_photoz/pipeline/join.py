"""Join a model with specialists for a range of its redshifts: all become one model to their user."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vo_photoz.errors import ModelError, UsageError
from vo_photoz.redshift.card import Card, write_card
from vo_photoz.redshift.model import Model, load_model
from vo_photoz.redshift.priors import training_prior
from vo_photoz.redshift.specialist import BELOW, BEYOND, Specialist, joined_prior, shares_of

ALIKE = ("bands", "stamp_pixels", "pixel_arcsec", "pixel_unit", "interpolation", "dereddened", "dereddening")
"""What all must eat."""
LOG = "training.jsonl"


@dataclass(frozen=True)
class _Parts:
    """Models that fit together, and the range of redshift in which the specialists have the word."""

    general: Model
    special: list[Model]
    z_min: float
    z_max: float


def join(
    general: str | Path | Model,
    specialists: Sequence[str | Path | Model],
    output: str | Path,
    *,
    below: float | None = None,
    beyond: float | None = None,
    name: str = "",
    title: str = "",
    made_by: tuple[str, ...] = (),
) -> Model:
    """Join a model with others that were trained on a part of its redshifts.

    Calibrations and scores of them are those of other densities and stay behind: calibrate the joined model.

    Parameters
    ----------
    general : name, path or Model
        Tells how probable it is that a source is inside the range of the specialists, and what it is if not.
    specialists : sequence of name, path or Model
        Tell the density inside, every network with the same say; their range is that of the training
        redshifts that all of them know. A joined model may be the only one: its own specialist stays so.
    output : path
        Folder to make, whole or not at all.
    below, beyond : float or None
        Shares of sources below and beyond the range that the densities assume; None: those of the training
        of the general model.
    name, title : str
        For the card; the name of the folder and the title of the general model, if empty.
    made_by : tuple of str
        The command that does it, for the card.

    Raises
    ------
    UsageError
        Raised if the folder exists, the models do not fit together, or shares cannot be meant.
    ModelError
        Raised if a model is not whole, does not tell its prior, or files cannot be written.
    """
    target = Path(output).absolute()
    if target.exists():
        raise UsageError(f"{target} exists already.", advice="Choose another --output.")
    parts = _checked(*(one if isinstance(one, Model) else load_model(one) for one in (general, *specialists)))
    card = _card(parts, below, beyond)
    card.name, card.title = name or target.name, title or card.title
    card.made_by += made_by
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        (part / "weights").mkdir(parents=True)
        for file, (model, source) in _files(parts).items():
            shutil.copyfile(model.folder / source, part / file)
        write_card(part, card)
        load_model(part)
        os.replace(part, target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load_model(target)


def _checked(general: Model, *special: Model) -> _Parts:
    if not special:
        raise UsageError(
            "There is no specialist to join.", advice="Name one model or more after the general one."
        )
    _check_kind(general.card, may_be_joined=False)
    for model in special:
        _check_kind(model.card, may_be_joined=len(special) == 1)
        _check_alike(general.card, model.card)
    z_min, z_max = max(one.card.z_min for one in special), min(one.card.z_max for one in special)
    if not general.card.z_min < z_min < z_max < general.card.z_max:
        raise UsageError(
            f"The redshifts of the specialists ({z_min:.3f} to {z_max:.3f}) are not a part of those of the "
            f"general model ({general.card.z_min:.3f} to {general.card.z_max:.3f}).",
            advice="Give the general model first.",
        )
    return _Parts(general, list(special), z_min, z_max)


def _check_kind(card: Card, *, may_be_joined: bool) -> None:
    if card.classes:
        raise UsageError(f"The model {card.name} tells classes, so it cannot be joined with another.")
    if card.specialist and not may_be_joined:
        raise UsageError(
            f"The model {card.name} was joined already: it can only be the one specialist of another.",
            advice="Join it as the second and last of two models, or join what it was made of.",
        )
    if card.prior is None:
        raise ModelError(
            f"The card of the model {card.name} does not tell its prior.", advice="Train it again."
        )


def _check_alike(general: Card, special: Card) -> None:
    for field in ALIKE:
        if getattr(general, field) != getattr(special, field):
            raise UsageError(
                f"The models {general.name} and {special.name} do not eat the same stamps: their {field} "
                f"differ ({getattr(general, field)} and {getattr(special, field)}).",
                advice="Train the specialist on stamps of the same kind.",
            )
    folds = general.training.held_out_fold, special.training.held_out_fold
    if folds[0] != folds[1]:
        raise UsageError(
            f"The models held out different folds ({folds[0]} and {folds[1]}), so nothing is left to score "
            "them together.",
            advice="Join models that held out the same fold.",
        )


def _card(parts: _Parts, below: float | None, beyond: float | None) -> Card:
    one, others = parts.general.card, [model.card for model in parts.special]
    seen = training_prior(one)
    # The prior of a card is smoothed over its ends; the histogram of the training is not.
    shown = shares_of(one.training.histogram_edges, one.training.histogram_counts, parts.z_min, parts.z_max)
    if min(shown) <= 0:
        raise UsageError(
            f"The training of the general model {one.name} showed next to nothing below {parts.z_min:.3f}, "
            f"inside, or beyond {parts.z_max:.3f}, so it cannot tell these apart.",
            advice="Train it with more sources of the redshifts that the specialists lack.",
        )
    assumed = [shown[BELOW] if below is None else below, shown[BEYOND] if beyond is None else beyond]
    if not (min(assumed) > 0 and sum(assumed) < 1):
        raise UsageError(
            f"The shares of sources below and beyond the range of the specialists, {assumed[0]:g} and "
            f"{assumed[1]:g}, cannot be meant.",
            advice="Give --below and --beyond numbers above 0 whose sum is less than 1.",
        )
    specialist = Specialist(
        members=sum(card.members for card in others),
        components=sum(card.components for card in others),
        z_min=parts.z_min,
        z_max=parts.z_max,
        assumed=(assumed[0], 1 - sum(assumed), assumed[1]),
        shown=shown,
        training=[card.training.model_dump() for card in others],
        inner=others[0].specialist,
    )
    files = _files(parts)
    changed = {
        "components": one.components + specialist.components,
        "members": one.members + specialist.members,
        "scores": {},
        "calibration": None,
        "prior": joined_prior(seen, [training_prior(card) for card in others], specialist),
        "specialist": specialist,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_by": list(dict.fromkeys(line for card in (one, *others) for line in card.made_by)),
        "weights": {
            file: model.card.weights[source]
            for file, (model, source) in files.items()
            if source in model.card.weights
        },
        "onnx": {},
    }
    return one.model_copy(update=changed)


def _files(parts: _Parts) -> dict[str, tuple[Model, str]]:
    """Where each file of the joined model comes from; networks of the specialists are the last by name."""
    files = {name: (parts.general, name) for name in parts.general.card.domain}
    for kind, models in (("member", [parts.general]), ("specialist", parts.special)):
        networks = [(model, name) for model in models for name in sorted(model.card.weights)]
        files |= {f"weights/{kind}-{number:02d}.keras": one for number, one in enumerate(networks)}
    logs = [(model, log.name) for model in (parts.general, *parts.special) for log in _logs(model)]
    return files | {f"training-{number}.jsonl" if number else LOG: one for number, one in enumerate(logs)}


def _logs(model: Model) -> list[Path]:
    """What was told during its trainings, in the order of its networks."""
    return [*model.folder.glob(LOG), *sorted(model.folder.glob("training-*.jsonl"))]
