"""Join a model with a specialist for a range of its redshifts: two models become one to their user."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vo_photoz.errors import ModelError, UsageError
from vo_photoz.redshift.card import Card, write_card
from vo_photoz.redshift.model import Model, load_model
from vo_photoz.redshift.prior_table import PriorTable
from vo_photoz.redshift.specialist import BELOW, BEYOND, Specialist, joined_prior, shares_of

ALIKE = ("bands", "stamp_pixels", "pixel_arcsec", "pixel_unit", "interpolation", "dereddened", "dereddening")
"""What both must eat."""
LOG = "training.jsonl"


@dataclass(frozen=True)
class _Pair:
    """Two models that fit together, and their priors."""

    general: Model
    special: Model
    seen: PriorTable
    seen_inside: PriorTable


def join(
    general: str | Path | Model,
    specialist: str | Path | Model,
    output: str | Path,
    *,
    below: float | None = None,
    beyond: float | None = None,
    name: str = "",
    title: str = "",
    made_by: tuple[str, ...] = (),
) -> Model:
    """Join a model with one that was trained on a part of its redshifts.

    Calibrations and scores of both are those of other densities and stay behind: calibrate the joined model.

    Parameters
    ----------
    general : name, path or Model
        Tells how probable it is that a source is inside the range of the specialist, and what it is if not.
    specialist : name, path or Model
        Tells the density inside; its range is that of its training redshifts.
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
    pair = _checked(*(one if isinstance(one, Model) else load_model(one) for one in (general, specialist)))
    card = _card(pair, below, beyond)
    card.name, card.title = name or target.name, title or card.title
    card.made_by += made_by
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        weights = part / "weights"
        weights.mkdir(parents=True)
        for file, source in _files(pair).items():
            shutil.copyfile(source, part / file)
        for model, file in ((pair.general, LOG), (pair.special, f"specialist-{LOG}")):
            if (model.folder / LOG).is_file():
                shutil.copyfile(model.folder / LOG, part / file)
        write_card(part, card)
        load_model(part)
        os.replace(part, target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load_model(target)


def _checked(general: Model, special: Model) -> _Pair:
    one, other = general.card, special.card
    for card in (one, other):
        if card.classes or card.specialist:
            what = "tells classes" if card.classes else "was joined already"
            raise UsageError(f"The model {card.name} {what}, so it cannot be joined with another.")
    for field in ALIKE:
        if getattr(one, field) != getattr(other, field):
            raise UsageError(
                f"The models {one.name} and {other.name} do not eat the same stamps: their {field} differ "
                f"({getattr(one, field)} and {getattr(other, field)}).",
                advice="Train the specialist on stamps of the same kind.",
            )
    if one.training.held_out_fold != other.training.held_out_fold:
        raise UsageError(
            f"The models held out different folds ({one.training.held_out_fold} and "
            f"{other.training.held_out_fold}), so nothing is left to score both.",
            advice="Join models that held out the same fold.",
        )
    if not one.z_min < other.z_min < other.z_max < one.z_max:
        raise UsageError(
            f"The specialist's redshifts ({other.z_min:.3f} to {other.z_max:.3f}) are not a part of those of "
            f"the general model ({one.z_min:.3f} to {one.z_max:.3f}).",
            advice="Give the general model first.",
        )
    if one.prior is None or other.prior is None:
        lacking = one.name if one.prior is None else other.name
        raise ModelError(
            f"The card of the model {lacking} does not tell its prior.", advice="Train it again."
        )
    return _Pair(general, special, one.prior, other.prior)


def _card(pair: _Pair, below: float | None, beyond: float | None) -> Card:
    one, other = pair.general.card, pair.special.card
    shown = shares_of(pair.seen, other.z_min, other.z_max)
    assumed = [shown[BELOW] if below is None else below, shown[BEYOND] if beyond is None else beyond]
    if not (min(assumed) > 0 and sum(assumed) < 1):
        raise UsageError(
            f"The shares of sources below and beyond the range of the specialist, {assumed[0]:g} and "
            f"{assumed[1]:g}, cannot be meant.",
            advice="Give --below and --beyond numbers above 0 whose sum is less than 1.",
        )
    specialist = Specialist(
        members=other.members,
        components=other.components,
        z_min=other.z_min,
        z_max=other.z_max,
        assumed=(assumed[0], 1 - sum(assumed), assumed[1]),
        shown=shown,
        training=other.training.model_dump(),
    )
    changed = {
        "components": one.components + other.components,
        "members": one.members + other.members,
        "network": {},
        "scores": {},
        "calibration": None,
        "prior": joined_prior(pair.seen, pair.seen_inside, specialist),
        "shown": pair.seen,
        "specialist": specialist,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_by": list(dict.fromkeys([*one.made_by, *other.made_by])),
        "weights": {
            file: model.card.weights[str(source.relative_to(model.folder))]
            for model in (pair.general, pair.special)
            for file, source in _weights(pair, model).items()
        },
        "onnx": {},
    }
    return one.model_copy(update=changed)


def _files(pair: _Pair) -> dict[str, Path]:
    domain = {name: pair.general.folder / name for name in pair.general.card.domain}
    return {**_weights(pair, pair.general), **_weights(pair, pair.special), **domain}


def _weights(pair: _Pair, model: Model) -> dict[str, Path]:
    """Files of one of the two by their names in the joined model: in order, the specialist's last."""
    what = "member" if model is pair.general else "specialist"
    names = sorted(model.card.weights)
    return {f"weights/{what}-{number:02d}.keras": model.folder / name for number, name in enumerate(names)}
