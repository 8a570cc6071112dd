"""The comparison of the DCMDN paper in one run: networks on images, rivals on photometry, the same split.

D'Isanto & Polsterer 2018 (A&A 609, A111) set their network beside a random forest and a mixture density
network on photometric features. Here all of them, and the nearest neighbours in colour, learn from the same
objects and are scored on the same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.errors import UsageError
from vo_photoz.flow import Progress, no_progress
from vo_photoz.pipeline.evaluate import estimated
from vo_photoz.pipeline.evaluation.catalogue import Catalogue, choosing
from vo_photoz.pipeline.evaluation.estimators import Estimator, Neighbours, Networks, Prior
from vo_photoz.pipeline.evaluation.output import check_output, write_report
from vo_photoz.pipeline.evaluation.result import MODEL, Evaluation
from vo_photoz.pipeline.evaluation.rivals import RIVALS, feature_rivals
from vo_photoz.pipeline.evaluation.tasks import Task, check_model, held_out, open_models, split, stop_fold
from vo_photoz.pipeline.training.train import train
from vo_photoz.redshift.card import FILE as CARD
from vo_photoz.redshift.model import Model, load_model
from vo_photoz.redshift.networks.shape import ARCHITECTURES
from vo_photoz.redshift.options import TrainingOptions
from vo_photoz.redshift.priors import TRAINING


def compare(
    dataset: str | Path | Dataset,
    output: str | Path,
    *,
    networks: Sequence[str] = (),
    models: Sequence[str | Path] = (),
    rivals: Sequence[str] = RIVALS,
    folds: Sequence[int] = (0,),
    options: TrainingOptions | None = None,
    prior: str = TRAINING,
    tell: Callable[[str], None] = lambda _sentence: None,
    progress: Progress = no_progress,
) -> Evaluation:
    """Score networks and their rivals on the same objects.

    Parameters
    ----------
    dataset : path or Dataset
        Stamps with redshifts.
    output : path
        The report: a folder, or a file that ends in .html or .json. Networks that are trained are kept in
        ``<output>-models`` and taken from there when the comparison is made again.
    networks : sequence of str
        Architectures to train: ``compact``, ``dcmdn-1``, ``dcmdn-2``.
    models : sequence of str or path
        Models that are trained already: names, folders, or folders of models, one for each fold.
    rivals : sequence of str
        Rivals on photometry: ``forest``, ``feature-mdn``.
    folds : sequence of int
        Folds of the sky to score; with several, each network is trained for each.
    options : TrainingOptions or None
        How networks are trained.
    prior : str
        What the densities of networks are seen with; see `evaluate`.
    tell : callable
        Takes sentences for the user.
    progress : Progress
        Told how far it is.

    Raises
    ------
    UsageError
        Raised if there is no network, one is not known, or a model does not hold out the fold.
    TableError, ModelError
        Raised if the data set is too small or a model does not fit it.
    """
    check_output(Path(output))
    data = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    _check(data, networks, models, rivals, folds)
    catalogue = Catalogue(data, progress)
    further = feature_rivals(rivals, catalogue)  # told before hours of training if one is not known
    known = [_given(one, data, folds) for one in models]
    kept = Path(output).with_name(f"{Path(output).stem}-models")
    for name in networks:
        chosen = replace(options or TrainingOptions(), architecture=name)
        known.append((name, {fold: _trained(fold, data, kept, chosen, tell, progress) for fold in folds}))
    estimators: list[Estimator] = [
        Networks(MODEL if number == 0 else name, name, by_fold, data, progress, prior)
        for number, (name, by_fold) in enumerate(known)
    ]
    first = known[0][1]
    tasks = [Task(first[fold], fold, *split(data, fold), seen=False) for fold in folds]
    found = estimated(data, tasks, [*estimators, *further, Neighbours(data), Prior()], catalogue, prior)
    write_report(found, Path(output))
    return found


def _check(
    data: Dataset,
    networks: Sequence[str],
    models: Sequence[str | Path],
    rivals: Sequence[str],
    folds: Sequence[int],
) -> None:
    """Check what can be checked before hours of training."""
    strange = [name for name in networks if name not in ARCHITECTURES]
    if strange or not (networks or models):
        what = f"There is no architecture {strange[0]!r}." if strange else "There is no network to compare."
        raise UsageError(what, advice=f"Known: {', '.join(ARCHITECTURES)}; or give a model.")
    for fold in folds:
        _, others = split(data, fold)
        if rivals:
            choosing(data, others, fold)


def _given(named: str | Path, data: Dataset, folds: Sequence[int]) -> tuple[str, dict[int, Model]]:
    """A trained model for every fold, and their common name."""
    models = open_models(named)
    for model in models:
        check_model(model, data)
    by_fold = {held_out(model): model for model in models}
    missing = [fold for fold in folds if fold not in by_fold]
    if missing:
        raise UsageError(
            f"No model in {named} holds out fold {missing[0]}.",
            advice=f"They hold out {', '.join(map(str, sorted(by_fold)))}: use --folds.",
        )
    return Path(named).name, {fold: by_fold[fold] for fold in folds}


def _trained(
    fold: int,
    data: Dataset,
    kept: Path,
    options: TrainingOptions,
    tell: Callable[[str], None],
    progress: Progress,
) -> Model:
    """A network that never saw a fold: trained now, or in an earlier run of the same comparison."""
    name = options.architecture
    folder = kept / f"{name}-fold-{fold}"
    if (folder / CARD).is_file():
        model = load_model(folder)
        if model.card.training.sha256 != data.manifest.sha256 or held_out(model) != fold:
            raise UsageError(
                f"{folder} was trained on other data.", advice="Remove it, or choose another report."
            )
        tell(f"{name}: taken from {folder}.")
        return model
    tell(f"{name}: trains without fold {fold}.")
    return train(
        data,
        folder,
        options=options,
        held_out_fold=fold,
        stop_fold=stop_fold(data, fold),
        resume=True,
        tell=tell,
        progress=progress,
    )
