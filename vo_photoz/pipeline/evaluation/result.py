"""What an evaluation found: every object judged by every estimator, and the scores made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.analysis.bootstrap import Comparison, compare
from vo_photoz.analysis.judged import Judged
from vo_photoz.analysis.metrics import Scores, scores_of
from vo_photoz.datasets.split import sky_cells
from vo_photoz.datasets.store import Dataset
from vo_photoz.flow import BoolArray, FloatArray, MixturePDF
from vo_photoz.pipeline.evaluation.catalogue import Catalogue
from vo_photoz.pipeline.evaluation.tasks import Task
from vo_photoz.pipeline.evaluation.truth import kinds

MODEL, NEIGHBOURS, PRIOR = "model", "neighbours", "prior"


@dataclass(frozen=True)
class Evaluation:
    """Estimators on the same objects, pooled over all folds that were scored.

    Parameters
    ----------
    data : Dataset
        Where the objects are from.
    tasks : list of Task
        Which model was scored on which fold, in the order of the objects.
    rows : int array, shape (n,)
        Rows of the data set with a redshift and a density of the model.
    pdfs : dict
        `MixturePDF` of n rows by estimator.
    judged : dict
        `Judged` of n rows by estimator: the model first, then its rivals; each learned from other objects.
    not_predicted : int
        Objects with a redshift, but without a usable stamp.
    titles : dict
        Words for every estimator.
    class_shares : dict
        Probabilities of `classes`, float array (n, class), by estimator; None where it tells none.
    costs : dict
        What the training cost, by estimator: objects, seconds, options; means over the folds.
    catalogue : Catalogue
        Photometry of the data set, measured when it is first asked for.
    prior_seen : str
        Which prior the densities of the models were seen with.
    natural : MixturePDF or None
        Densities of the model seen with the prior of the sky; None if that of its training is unknown.
    light : float array, shape (n,)
        Magnitudes in the band of the prior of the sky; NaN where they are not known.
    """

    data: Dataset
    tasks: list[Task]
    rows: NDArray[np.intp]
    pdfs: Mapping[str, MixturePDF]
    judged: Mapping[str, Judged]
    not_predicted: int
    titles: Mapping[str, str]
    class_shares: Mapping[str, FloatArray | None]
    costs: Mapping[str, dict[str, Any] | None]
    catalogue: Catalogue
    prior_seen: str
    natural: MixturePDF | None
    light: FloatArray

    @property
    def pdf(self) -> MixturePDF:
        """Densities of the model."""
        return self.pdfs[MODEL]

    @property
    def folds(self) -> list[int]:
        """Folds of the sky that were scored."""
        return [task.fold for task in self.tasks]

    @property
    def fold(self) -> int | None:
        """The fold, if there is only one."""
        return self.folds[0] if len(self.tasks) == 1 else None

    @property
    def seen(self) -> bool:
        """True if a model was trained on objects that it was scored on: its scores then mean little."""
        return any(task.seen for task in self.tasks)

    @cached_property
    def cells(self) -> NDArray[np.uint64]:
        """Cell of the sky of every object."""
        return sky_cells(self.data.rows.ra[self.rows], self.data.rows.dec[self.rows])

    @cached_property
    def kind(self) -> NDArray[np.str_] | None:
        """Class of every object, empty where it is not known; None unless there are several classes."""
        found = kinds(self.data)
        return None if found is None else found.kind[self.rows]

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the data set, if there are several."""
        found = kinds(self.data)
        return () if found is None else found.classes

    @cached_property
    def by_estimator(self) -> dict[str, Scores]:
        """Scores by name."""
        return {name: scores_of(one) for name, one in self.judged.items()}

    @property
    def model(self) -> Scores:
        """Scores of the model."""
        return self.by_estimator[MODEL]

    @property
    def neighbours(self) -> Scores:
        """Scores of the 15 nearest neighbours in colour."""
        return self.by_estimator[NEIGHBOURS]

    @property
    def prior(self) -> Scores:
        """Scores of the training redshifts as they are."""
        return self.by_estimator[PRIOR]

    @property
    def gain(self) -> float:
        """Mean of CRPS(neighbours) - CRPS(model), object by object."""
        return -self.comparisons[NEIGHBOURS].metrics["crps"].difference

    @property
    def gain_error(self) -> float:
        """Error of the gain, by the paired bootstrap over cells of the sky."""
        return self.comparisons[NEIGHBOURS].metrics["crps"].error

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """The model beside each rival."""
        return self.compared(np.ones(len(self.rows), dtype=bool))

    @cached_property
    def over_neighbours(self) -> dict[str, Comparison]:
        """Every other estimator but the prior beside the neighbours: the common measure."""
        return {
            name: compare(one, self.judged[NEIGHBOURS], self.cells)
            for name, one in self.judged.items()
            if name not in (NEIGHBOURS, PRIOR) and (one.counted & self.judged[NEIGHBOURS].counted).any()
        }

    def compared(self, chosen: BoolArray) -> dict[str, Comparison]:
        """The model beside each rival that has a density of any of the chosen objects."""
        mine, cells = self.judged[MODEL].take(chosen), self.cells[chosen]
        found = {}
        for name, one in self.judged.items():
            its = one.take(chosen)
            if name != MODEL and (mine.counted & its.counted).any():
                found[name] = compare(mine, its, cells)
        return found
