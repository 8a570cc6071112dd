"""Open what a training names: folders of data sets, descriptions of simulated skies."""

from __future__ import annotations

from pathlib import Path

from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.pipeline.training.data import DatasetIngredient, split
from vo_photoz.pipeline.training.ingredients import Ingredient
from vo_photoz.pipeline.training.skies import SkyIngredient
from vo_photoz.simulation.sky import SimulatedSky
from vo_photoz.simulation.sky_file import list_skies


def opened(
    named: str | Path | Dataset, share: float, held_out_fold: int, stop_fold: int | None, seed: int
) -> Ingredient:
    """A data set or a simulated sky, by its path or the name of a description that comes with the program.

    Raises
    ------
    TableError
        Raised if it is no data set, or too small.
    UsageError
        Raised if the description cannot be used, or the folds cannot be meant.
    """
    if isinstance(named, Dataset):
        return split(named, share, held_out_fold, stop_fold)
    path = Path(named)
    if path.suffix == ".toml" or (str(named) in list_skies() and not path.exists()):
        return SkyIngredient(SimulatedSky(named), path.stem, share, seed)
    return split(open_dataset(path), share, held_out_fold, stop_fold)


def held_out_of(main: Ingredient, work: Path) -> Dataset | None:
    """The data set with objects that no network has seen, for the scores of the card; None without such."""
    if isinstance(main, SkyIngredient):
        return main.held_out(work / "held-out")
    return main.data if isinstance(main, DatasetIngredient) and len(main.held) else None
