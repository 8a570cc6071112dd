"""Score models on a data set, beside the nearest neighbours and the prior, all in one run.

One model is scored on one fold of the sky. Several models that held out different folds are a
cross-validation: each is scored on its own fold, and the scores are those of all objects together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.errors import TableError
from vo_photoz.flow import Progress, no_progress
from vo_photoz.pipeline.evaluation.catalogue import Catalogue
from vo_photoz.pipeline.evaluation.estimators import Estimate, Estimator, Neighbours, Networks, Prior
from vo_photoz.pipeline.evaluation.output import check_output, write_report
from vo_photoz.pipeline.evaluation.pooling import pooled
from vo_photoz.pipeline.evaluation.result import MODEL, Evaluation
from vo_photoz.pipeline.evaluation.rivals import feature_rivals
from vo_photoz.pipeline.evaluation.tasks import Named, Task, name_of, open_models, tasks_of
from vo_photoz.redshift.priors import TRAINING


def evaluate(
    model: Named | Sequence[Named],
    dataset: str | Path | Dataset,
    *,
    output: str | Path | None = None,
    fold: int | None = None,
    all_folds: bool = False,
    rivals: Sequence[str] = (),
    prior: str = TRAINING,
    progress: Progress = no_progress,
) -> Evaluation:
    """Score one model on a fold of a data set, or several models each on the fold that it held out.

    Parameters
    ----------
    model : name, path or Model, or a sequence of them
        What is scored; a folder that holds folders of models stands for all of them.
    dataset : path or Dataset
        Stamps with redshifts; the other folds teach the neighbours and the rivals.
    output : path or None
        Where a report is written; see `evaluation.output.write_report`.
    fold : int or None
        Fold to score; None takes the one that the model's card says was held out.
    all_folds : bool
        One model is scored on all folds: for one that was trained on other data.
    rivals : sequence of str
        Further rivals that are trained in the same run: ``forest``, ``feature-mdn``.
    prior : str
        What the densities of the model are seen with: ``training``, ``sky``, a file, or ``selection``, the
        distribution of the objects outside the scored fold.
    progress : Progress
        Told how far it is.

    Raises
    ------
    ModelError
        Raised if the model does not eat such stamps.
    TableError
        Raised if the fold, or the rest, has no object with a redshift.
    UsageError
        Raised if models and folds do not fit together, a rival is not known or the report cannot be written.
    """
    if output is not None:
        check_output(Path(output))
    data = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    tasks = tasks_of(open_models(model), data, fold, all_folds)
    catalogue = Catalogue(data, progress)
    models = {task.fold: task.model for task in tasks}
    estimators: list[Estimator] = [
        Networks(MODEL, name_of(tasks), models, data, progress, prior),
        *feature_rivals(rivals, catalogue),
        Neighbours(data),
        Prior(),
    ]
    found = estimated(data, tasks, estimators, catalogue, prior)
    if output is not None:
        write_report(found, Path(output))
    return found


def estimated(
    data: Dataset,
    tasks: list[Task],
    estimators: Sequence[Estimator],
    catalogue: Catalogue,
    prior: str = TRAINING,
) -> Evaluation:
    """Let every estimator speak on every task, and judge what it says.

    Objects that the first estimator has no density for do not count.

    Raises
    ------
    TableError
        Raised if no object is left.
    """
    parts: list[dict[str, Estimate]] = []
    rows = []
    for task in tasks:
        found = {one.name: one.estimate(task) for one in estimators}
        first = found[estimators[0].name].pdf
        good = np.flatnonzero(np.isfinite(first.weight).all(1))
        rows.append(task.test[good])
        parts.append({name: one.take(good) for name, one in found.items()})
    if not sum(map(len, rows)):
        folds = " or ".join(str(task.fold) for task in tasks)
        raise TableError(f"No object in fold {folds} of {data.folder} has a usable stamp.")
    return pooled(data, tasks, rows, parts, {one.name: one.title for one in estimators}, catalogue, prior)
