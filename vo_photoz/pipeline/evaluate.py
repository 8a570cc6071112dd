"""Score models on a data set, beside the nearest neighbours and the prior, all in one run.

One model is scored on one fold of the sky. Several models that held out different folds are a
cross-validation: each is scored on its own fold, and the scores are those of all objects together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.judged import Judged, judge
from vo_photoz.analysis.judged import joined as judged_together
from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.errors import TableError
from vo_photoz.flow import MixturePDF, Progress, no_progress
from vo_photoz.pipeline.evaluation import densities
from vo_photoz.pipeline.evaluation.report import report, write_json
from vo_photoz.pipeline.evaluation.result import MODEL, Evaluation
from vo_photoz.pipeline.evaluation.tasks import Named, Task, open_models, tasks_of


def evaluate(
    model: Named | Sequence[Named],
    dataset: str | Path | Dataset,
    *,
    output: str | Path | None = None,
    fold: int | None = None,
    all_folds: bool = False,
    progress: Progress = no_progress,
) -> Evaluation:
    """Score one model on a fold of a data set, or several models each on the fold that it held out.

    Parameters
    ----------
    model : name, path or Model, or a sequence of them
        What is scored; a folder that holds folders of models stands for all of them.
    dataset : path or Dataset
        Stamps with redshifts; the other folds teach the neighbours.
    output : path or None
        Where a report is written as JSON.
    fold : int or None
        Fold to score; None takes the one that the model's card says was held out.
    all_folds : bool
        One model is scored on all folds: for one that was trained on other data.
    progress : Progress
        Told how far it is.

    Raises
    ------
    ModelError
        Raised if the model does not eat such stamps.
    TableError
        Raised if the fold, or the rest, has no object with a redshift.
    UsageError
        Raised if models and folds do not fit together, or the report cannot be written.
    """
    data = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    tasks = tasks_of(open_models(model), data, fold, all_folds)
    found = _pooled(data, tasks, [_scored(task, data, progress) for task in tasks])
    if output is not None:
        write_json(report(found), Path(output))
    return found


def _scored(
    task: Task, data: Dataset, progress: Progress
) -> tuple[NDArray[np.intp], MixturePDF, dict[str, Judged]]:
    """Rows of one fold that the model has a density for, these densities, all estimators judged."""
    pdf = densities.of_model(task.model, data, task.test, progress)
    good = np.flatnonzero(np.isfinite(pdf.weight).all(1))
    z = data.rows.z[task.test]
    by_estimator = {
        MODEL: pdf,
        "neighbours": densities.of_neighbours(task, data),
        "prior": densities.of_prior(task),
    }
    judged = {name: judge(one.take(good), z[good]) for name, one in by_estimator.items()}
    return task.test[good], pdf.take(good), judged


def _pooled(
    data: Dataset,
    tasks: list[Task],
    parts: list[tuple[NDArray[np.intp], MixturePDF, dict[str, Judged]]],
) -> Evaluation:
    rows = np.concatenate([part[0] for part in parts])
    if not len(rows):
        folds = " or ".join(str(task.fold) for task in tasks)
        raise TableError(f"No object in fold {folds} of {data.folder} has a usable stamp.")
    return Evaluation(
        data=data,
        tasks=tasks,
        rows=rows,
        pdf=densities.joined([part[1] for part in parts]),
        judged={name: judged_together([part[2][name] for part in parts]) for name in parts[0][2]},
        not_predicted=sum(len(task.test) for task in tasks) - len(rows),
    )
