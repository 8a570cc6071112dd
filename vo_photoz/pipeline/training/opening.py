"""Open what a training names: folders of data sets, files of simulated skies."""

from __future__ import annotations

from pathlib import Path

from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.pipeline.training.data import DatasetIngredient, split
from vo_photoz.pipeline.training.ingredients import Ingredient


def opened(
    named: str | Path | Dataset,
    share: float,
    held_out_fold: int,
    stop_fold: int,
) -> Ingredient:
    """A data set or a simulated sky, by its path.

    Raises
    ------
    TableError
        Raised if it is none, or too small.
    UsageError
        Raised if the folds cannot be meant.
    """
    data = named if isinstance(named, Dataset) else open_dataset(named)
    return split(data, share, held_out_fold, stop_fold)


def held_out_of(main: Ingredient) -> Dataset | None:
    """The data set with objects that no network has seen, for the scores of the card; None without such."""
    if isinstance(main, DatasetIngredient):
        return main.data if len(main.held) else None
    return None
