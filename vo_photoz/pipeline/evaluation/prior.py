"""Which prior the densities of a model are seen with in an evaluation."""

from __future__ import annotations

from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import UsageError
from vo_photoz.pipeline.evaluation.tasks import Task
from vo_photoz.pipeline.evaluation.truth import redshifts
from vo_photoz.redshift.prior_table import PriorTable, prior_of
from vo_photoz.redshift.priors import TRAINING, Ratio, prior_named, ratio_of, training_prior

SELECTION = "selection"
SMOOTHING = 0.1
"""Of the redshifts of the selection: a few thousand objects fill bins of 0.05 unevenly."""


def ratio_for(which: str, task: Task, data: Dataset) -> Ratio | None:
    """What the densities of a task are multiplied with; None: nothing.

    Parameters
    ----------
    which : str
        ``training``, ``sky``, a file, or ``selection``: the distribution of the objects outside the scored
        fold, which the neighbours and the other rivals know too.
    task : Task
        What is scored.
    data : Dataset
        Where the objects are.

    Raises
    ------
    UsageError
        Raised if a file cannot be read, or classes are needed and not known.
    ModelError
        Raised if the card does not tell the prior of the training.
    """
    target = selection(task, data) if which == SELECTION else prior_named(which)
    return None if target is None else ratio_of(target, training_prior(task.model.card))


def selection(task: Task, data: Dataset) -> PriorTable:
    """How the objects outside the scored fold are distributed; those of the fold do not count."""
    classes, kind = task.model.card.classes, data.rows.kind
    if classes and kind is None:
        raise UsageError(
            f"{data.folder} tells no classes, but the model {task.model.card.name} does: its prior cannot be "
            "that of the selection.",
            advice=f"Use --prior {TRAINING}, or a file.",
        )
    known = kind[task.others] if classes and kind is not None else None
    source = f"{data.name} without fold {task.fold}"
    return prior_of(redshifts(data)[task.others], known, smoothing=SMOOTHING, source=source)
