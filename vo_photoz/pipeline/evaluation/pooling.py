"""Estimates of all folds, put together and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.judged import judge
from vo_photoz.datasets.store import Dataset
from vo_photoz.flow import FloatArray, MixturePDF
from vo_photoz.pipeline.evaluation.catalogue import Catalogue
from vo_photoz.pipeline.evaluation.densities import joined
from vo_photoz.pipeline.evaluation.estimators import Cost, Estimate
from vo_photoz.pipeline.evaluation.result import Evaluation
from vo_photoz.pipeline.evaluation.tasks import Task
from vo_photoz.pipeline.evaluation.truth import redshifts


def pooled(
    data: Dataset,
    tasks: list[Task],
    rows: Sequence[NDArray[np.intp]],
    parts: Sequence[Mapping[str, Estimate]],
    titles: Mapping[str, str],
    catalogue: Catalogue,
    prior: str,
) -> Evaluation:
    """The evaluation of all folds together.

    Parameters
    ----------
    data : Dataset
        Where the objects are from.
    tasks : list of Task
        What was scored.
    rows : sequence of int array
        For every task: rows of the data set that count.
    parts : sequence of mapping
        For every task: estimates of these rows by estimator, the first first.
    titles : mapping
        Words for every estimator.
    catalogue : Catalogue
        Photometry of the data set.
    prior : str
        Which prior the densities of the models were seen with.
    """
    chosen = np.concatenate(list(rows))
    z = redshifts(data)[chosen]
    pdfs = {name: joined([part[name].pdf for part in parts]) for name in titles}
    first = [next(iter(part.values())) for part in parts]
    return Evaluation(
        data=data,
        tasks=tasks,
        rows=chosen,
        pdfs=pdfs,
        judged={name: judge(pdf, z) for name, pdf in pdfs.items()},
        not_predicted=sum(len(task.test) for task in tasks) - len(chosen),
        titles=dict(titles),
        class_shares={name: _classes([part[name] for part in parts]) for name in titles},
        costs={name: _cost([part[name].cost for part in parts]) for name in titles},
        catalogue=catalogue,
        prior_seen=prior,
        natural=_natural(first),
        light=np.concatenate(
            [np.full(len(one.pdf), np.nan) if one.light is None else one.light for one in first]
        ),
    )


def _natural(parts: Sequence[Estimate]) -> MixturePDF | None:
    found = [part.natural for part in parts if part.natural is not None]
    return joined(found) if len(found) == len(parts) else None


def _classes(parts: Sequence[Estimate]) -> FloatArray | None:
    found = [part.classes for part in parts if part.classes is not None]
    return np.concatenate(found) if len(found) == len(parts) else None


def _cost(parts: Sequence[Cost | None]) -> dict[str, Any] | None:
    """Mean over the folds, and the options of the first."""
    found = [part for part in parts if part is not None]
    if not found:
        return None
    seconds = [part.seconds for part in found if part.seconds is not None]
    return {
        "objects": round(float(np.mean([part.objects for part in found]))),
        "seconds": float(np.mean(seconds)) if seconds else None,
        "options": found[0].options,
    }
