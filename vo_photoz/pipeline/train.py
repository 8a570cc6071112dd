"""Train a model on a data set: networks, scores on a fold that none of them has seen, and the card."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.sky import sky_noise
from vo_photoz.datasets.split import STOP_FOLD, TEST_FOLD
from vo_photoz.datasets.store import Dataset, new_folder, open_dataset
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Progress, no_progress
from vo_photoz.pipeline.evaluate import evaluate
from vo_photoz.redshift import card as cards
from vo_photoz.redshift.domain import FILE as DOMAIN
from vo_photoz.redshift.domain import domain_of
from vo_photoz.redshift.model import Model, file_hash, load_model
from vo_photoz.redshift.options import TrainingOptions
from vo_photoz.redshift.predict import usable

if TYPE_CHECKING:
    from vo_photoz.redshift.training import Fitted

LOG = "training.jsonl"
DOMAIN_ROWS = 20_000
PART = 1024
Rows = NDArray[np.intp]
Report = Callable[[dict[str, Any]], None]


def train(
    dataset: str | Path | Dataset,
    output: str | Path,
    *,
    options: TrainingOptions | None = None,
    name: str = "",
    title: str = "",
    held_out_fold: int = TEST_FOLD,
    stop_fold: int = STOP_FOLD,
    made_by: tuple[str, ...] = (),
    report: Report | None = None,
    progress: Progress = no_progress,
) -> Model:
    """Train a model and write its folder, whole or not at all.

    One fold of the sky is held out for the scores in the card, another says when each network is at its best,
    the others are fitted.

    Parameters
    ----------
    dataset : path or Dataset
        Stamps with redshifts.
    output : path
        Folder to make.
    options : TrainingOptions or None
        How the networks are fitted.
    name, title : str
        For the card; the name of the folder, if empty.
    held_out_fold, stop_fold : int
        Folds of the sky.
    made_by : tuple of str
        The command that makes this model, for the card; that of the data set is put before it.
    report : callable or None
        Takes a dictionary of figures after every epoch: member, epoch, loss, stop_crps.
    progress : Progress
        Told how far it is.

    Returns
    -------
    Model

    Raises
    ------
    TableError
        Raised if the data set has no redshifts, or too few objects in some fold.
    ModelError
        Raised if the training breaks down.
    UsageError
        Raised if the folder exists or the options cannot be meant.
    """
    chosen = options or TrainingOptions()
    data = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    if held_out_fold == stop_fold:
        raise UsageError("The held-out fold and the fold for early stopping must differ.")
    good = trainable(data)
    fit = np.flatnonzero(good & ~np.isin(data.rows.fold, (held_out_fold, stop_fold)))
    stop = np.flatnonzero(good & (data.rows.fold == stop_fold))
    with new_folder(output, "model") as work:
        networks, fitted = _fit_all(data, fit, stop, chosen, work, report, progress)
        card = _card(data, np.concatenate([fit, stop]), chosen, held_out_fold)
        card.name, card.title = name or Path(output).name, title
        card.made_by = [str(data.manifest.source["made_by"])] if "made_by" in data.manifest.source else []
        card.made_by += made_by
        card.training.options["best_epochs"] = [one.epoch for one in fitted]
        card.training.options["stop_crps"] = [round(one.stop_crps, 5) for one in fitted]
        card.weights = _save_all(networks, work)
        domain_of(data.pixels(_some(np.concatenate([fit, stop])))).save(work / DOMAIN)
        card.domain = {DOMAIN: file_hash(work / DOMAIN)}
        if (good & (data.rows.fold == held_out_fold)).any():
            found = evaluate(Model(work, card), data, fold=held_out_fold)
            card.scores = {which: _rounded(one.as_dict()) for which, one in found.by_estimator.items()}
        (work / cards.FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return load_model(Path(output).resolve())


def trainable(data: Dataset) -> NDArray[np.bool_]:
    """Whether each object has a redshift and a usable stamp.

    Raises
    ------
    TableError
        Raised if none has.
    """
    good = data.labelled()
    if not good.any():
        raise TableError(
            f"No object of {data.folder} has a redshift.", advice="Training needs redshifts (column z)."
        )
    for start in range(0, len(data), PART):
        rows = np.arange(start, min(start + PART, len(data)))
        good[rows] &= usable(data.pixels(rows))
    if not good.any():
        raise TableError(f"No object of {data.folder} has a usable stamp.")
    return good


def _fit_all(
    data: Dataset,
    fit: Rows,
    stop: Rows,
    options: TrainingOptions,
    work: Path,
    report: Report | None,
    progress: Progress,
) -> tuple[list[Any], list[Fitted]]:
    from vo_photoz.redshift.training import fit_member  # noqa: PLC0415 - keras takes seconds to import

    with (work / LOG).open("w", encoding="utf-8", buffering=1) as file:

        def log(figures: dict[str, Any]) -> None:
            file.write(json.dumps(_rounded(figures)) + "\n")
            if report is not None:
                report(figures)

        done = [
            fit_member(data, fit, stop, options, number, log=log, progress=progress)
            for number in range(options.members)
        ]
    return [network for network, _ in done], [fitted for _, fitted in done]


def _save_all(networks: list[Any], work: Path) -> dict[str, str]:
    """Write the networks; hash of each file."""
    from vo_photoz.redshift.load import save_network  # noqa: PLC0415 - keras takes seconds to import

    (work / "weights").mkdir()
    names = [f"weights/member-{number}.keras" for number in range(len(networks))]
    for name, network in zip(names, networks, strict=True):
        save_network(network, work / name)
    return {name: file_hash(work / name) for name in names}


def _card(data: Dataset, used: Rows, options: TrainingOptions, held_out_fold: int) -> cards.Card:
    """The card, still without name, scores and weights."""
    held, z = data.manifest, data.rows.z[used]
    edges, counts = cards.histogram(z)
    noise = zip(held.bands, sky_noise(data.pixels(used[:PART])), strict=True)
    return cards.Card(
        name="",
        bands=held.bands,
        stamp_pixels=held.stamp_pixels,
        pixel_arcsec=held.pixel_arcsec,
        pixel_unit=held.unit,
        dereddened=held.dereddened,
        dereddening=held.dereddening,
        input_scaling={"kind": "asinh", "sky_noise": {band: round(float(sky), 4) for band, sky in noise}},
        components=options.components * options.members,
        members=options.members,
        z_min=float(z.min()),
        z_max=float(z.max()),
        training=cards.Training(
            name=data.name,
            rows=len(z),
            held_out_fold=held_out_fold,
            histogram_edges=edges,
            histogram_counts=counts,
            sha256=held.sha256,
            real=held.real,
            source=held.source,
            options=asdict(options),
        ),
        licence=str(held.source.get("licence", "")),
        citation=str(held.source.get("citation", "")),
        software={what: version(what) for what in ("vo-photoz", "keras", "tensorflow", "numpy")},
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        weights={"": ""},
    )


def _some(rows: Rows) -> Rows:
    """Rows from all over the data set, no more than fit into memory."""
    return rows[:: -(-len(rows) // DOMAIN_ROWS)]


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in figures.items()}
