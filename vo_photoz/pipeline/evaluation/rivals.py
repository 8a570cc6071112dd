"""Rivals that read photometry measured on the stamps, not images: they learn on the other folds of a task."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from vo_photoz.analysis.forest import fit_forest
from vo_photoz.errors import UsageError
from vo_photoz.pipeline.evaluation.catalogue import Catalogue
from vo_photoz.pipeline.evaluation.estimators import Cost, Estimate, Estimator
from vo_photoz.pipeline.evaluation.tasks import Task
from vo_photoz.pipeline.evaluation.truth import kinds, redshifts
from vo_photoz.redshift.classes import class_indices, class_probabilities

FOREST, FEATURE_MDN = "forest", "feature-mdn"
RIVALS = (FOREST, FEATURE_MDN)


@dataclass(frozen=True)
class FeatureForest:
    """A random forest on photometry; see `analysis.forest`."""

    catalogue: Catalogue
    seed: int = 1
    name: str = FOREST
    title: str = "random forest on photometry"

    def estimate(self, task: Task) -> Estimate:
        """Densities from the leaves."""
        start = time.perf_counter()
        x, test, stop = self.catalogue.for_task(task)
        data, known = self.catalogue.data, kinds(self.catalogue.data)
        number = None if known is None else class_indices(known.kind[task.others], known.classes)
        forest = fit_forest(
            x,
            redshifts(data)[task.others],
            stop,
            kind=number,
            classes=0 if known is None else len(known.classes),
            seed=self.seed,
            progress=self.catalogue.progress,
        )
        cost = Cost(len(x), time.perf_counter() - start, forest.options)
        shares = forest.class_probabilities(test) if forest.shares else None
        return Estimate(forest.predict(test), shares, cost)


@dataclass(frozen=True)
class FeatureNetwork:
    """A mixture density network on photometry; see `redshift.feature_mdn`."""

    catalogue: Catalogue
    members: int = 4
    epochs: int = 200
    seed: int = 1
    name: str = FEATURE_MDN
    title: str = "MDN on photometry"

    def estimate(self, task: Task) -> Estimate:
        """Densities of the ensemble."""
        from vo_photoz.redshift.feature_mdn import fit_feature_mdn  # noqa: PLC0415 - keras takes seconds

        start = time.perf_counter()
        x, test, stop = self.catalogue.for_task(task)
        data, known = self.catalogue.data, kinds(self.catalogue.data)
        fitted = fit_feature_mdn(
            x,
            redshifts(data)[task.others],
            stop,
            kind=None if known is None else known.kind[task.others],
            classes=() if known is None else known.classes,
            members=self.members,
            epochs=self.epochs,
            seed=self.seed,
            progress=self.catalogue.progress,
        )
        cost = Cost(int((~stop).sum()), time.perf_counter() - start, fitted.options)
        pdf = fitted.predict(test)
        owners = fitted.component_classes
        shares = class_probabilities(pdf, owners, known.classes) if known is not None and owners else None
        return Estimate(pdf, shares, cost)


def feature_rivals(names: Sequence[str], catalogue: Catalogue, seed: int = 1) -> list[Estimator]:
    """Rivals by name.

    Raises
    ------
    UsageError
        Raised if one is not known.
    """
    strange = [name for name in names if name not in RIVALS]
    if strange:
        raise UsageError(f"There is no rival {strange[0]!r}.", advice=f"Known: {', '.join(RIVALS)}.")
    known: dict[str, Estimator] = {
        FOREST: FeatureForest(catalogue, seed=seed),
        FEATURE_MDN: FeatureNetwork(catalogue, seed=seed),
    }
    return [known[name] for name in names]
