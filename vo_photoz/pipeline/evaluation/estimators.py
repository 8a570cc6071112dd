"""Estimators of an evaluation: each learns where it may, and gives densities for the objects of a task."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import ModelError, UsageError
from vo_photoz.flow import FloatArray, MixturePDF, Progress, no_progress
from vo_photoz.pipeline.evaluation import densities
from vo_photoz.pipeline.evaluation.prior import ratio_for
from vo_photoz.pipeline.evaluation.tasks import Task
from vo_photoz.pipeline.evaluation.truth import kinds
from vo_photoz.redshift.classes import class_probabilities
from vo_photoz.redshift.model import Model
from vo_photoz.redshift.priors import SKY, TRAINING, Ratio

LOG = "training.jsonl"


@dataclass(frozen=True)
class Cost:
    """What a training cost.

    Parameters
    ----------
    objects : int
        Objects that were fitted.
    seconds : float or None
        Time of it all, on this machine; None if the model does not tell.
    options : dict
        What was chosen, or how it was trained.
    """

    objects: int
    seconds: float | None
    options: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self)


@dataclass(frozen=True)
class Estimate:
    """What an estimator says of the test objects of a task.

    Parameters
    ----------
    pdf : MixturePDF
        Densities, n rows.
    classes : float array, shape (n, class), or None
        Probabilities of the classes of the evaluation.
    cost : Cost or None
        What the training cost.
    natural : MixturePDF or None
        Densities seen with the prior of the sky.
    light : float array, shape (n,), or None
        Magnitudes in the band of that prior.
    """

    pdf: MixturePDF
    classes: FloatArray | None = None
    cost: Cost | None = None
    natural: MixturePDF | None = None
    light: FloatArray | None = None

    def take(self, rows: NDArray[np.intp]) -> Estimate:
        """Some of the rows."""
        return Estimate(
            self.pdf.take(rows),
            None if self.classes is None else self.classes[rows],
            self.cost,
            None if self.natural is None else self.natural.take(rows),
            None if self.light is None else self.light[rows],
        )


class Estimator(Protocol):
    """Something that gives densities."""

    @property
    def name(self) -> str:
        """Its key in reports."""

    @property
    def title(self) -> str:
        """What it is, in words."""

    def estimate(self, task: Task) -> Estimate:
        """Densities of the test objects of a task."""


@dataclass(frozen=True)
class Networks:
    """Trained models, one for each fold.

    Parameters
    ----------
    name, title : str
        Key and words.
    models : mapping
        Model by fold.
    data : Dataset
        Where the stamps are.
    progress : Progress
        Told how far it is.
    prior : str
        Which prior densities are seen with; see `evaluation.prior.ratio_for`.
    """

    name: str
    title: str
    models: Mapping[int, Model]
    data: Dataset
    progress: Progress = no_progress
    prior: str = TRAINING

    def estimate(self, task: Task) -> Estimate:
        """Densities of the model of the fold."""
        model = self.models[task.fold]
        own = replace(task, model=model)
        ratio, sky = ratio_for(self.prior, own, self.data), _of_the_sky(own, self.data)
        bands = {one.band for one in (ratio, sky) if one is not None and one.band}
        raw, light = densities.of_model(model, self.data, task.test, self.progress, bands)
        pdf = densities.seen_with(ratio, raw, light, model)
        natural = None if sky is None else densities.seen_with(sky, raw, light, model)
        bright = light.get(sky.band) if sky is not None else None
        training = model.card.training
        chosen: dict[str, Any] = {
            key: training.options[key]
            for key in ("architecture", "members", "epochs", "components", "batch", "loss")
            if key in training.options
        }
        cost = Cost(training.rows, seconds_of(model), chosen)
        owners = getattr(model.card, "component_classes", None) or []
        known = kinds(self.data)
        if not owners or known is None:
            return Estimate(pdf, cost=cost, natural=natural, light=bright)
        return Estimate(pdf, class_probabilities(pdf, owners, known.classes), cost, natural, bright)


@dataclass(frozen=True)
class Neighbours:
    """The 15 nearest neighbours in colour."""

    data: Dataset
    name: str = "neighbours"
    title: str = "15 neighbours in colour"

    def estimate(self, task: Task) -> Estimate:
        """Densities at the redshifts of the neighbours."""
        start = time.perf_counter()
        teacher = densities.neighbours(self.data, task.others, task.order(self.data))
        cost = Cost(len(task.others), time.perf_counter() - start)
        return Estimate(*densities.of_neighbours(teacher, task, self.data), cost)


@dataclass(frozen=True)
class Prior:
    """The training redshifts of the model, whatever the object."""

    name: str = "prior"
    title: str = "training redshifts as they are"

    def estimate(self, task: Task) -> Estimate:
        """The same density for every object."""
        return Estimate(densities.of_prior(task))


def _of_the_sky(task: Task, data: Dataset) -> Ratio | None:
    """Of the sky to the training; None if the card does not tell the prior of the training."""
    try:
        return ratio_for(SKY, task, data)
    except (ModelError, UsageError):
        return None


def seconds_of(model: Model) -> float | None:
    """Time that the training of a model took, by its log; None if that does not tell."""
    try:
        lines = (model.folder / LOG).read_text(encoding="utf-8").splitlines()
        return float(sum(json.loads(line)["seconds"] for line in lines))
    except (OSError, ValueError, KeyError, TypeError):  # a model without a log of this kind is no worse
        return None
