"""The command ``vo-photoz evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

if TYPE_CHECKING:
    from vo_photoz.pipeline.evaluation.result import Evaluation

COLUMNS = {
    "crps": "CRPS", "nll": "NLL", "rmse": "RMSE", "bias": "bias", "nmad": "NMAD", "outliers": "outliers",
    "pit_ks": "PIT KS", "coverage_68": "in 68 %",
}  # fmt: skip
NAMES = {
    "model": "model", "neighbours": "15 neighbours", "prior": "prior", "forest": "random forest",
    "feature-mdn": "feature MDN",
}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("evaluate")(evaluate)


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Models: names or folders. Several, or a folder of several, are a cross-validation: each is "
            "scored on the fold that it held out."
        ),
    ],
    dataset: given.Dataset,
    output: given.Report,
    fold: Annotated[
        int | None, typer.Option(help="Fold of the sky; the card's held-out one when not given.")
    ] = None,
    all_folds: Annotated[
        bool, typer.Option("--all-folds", help="Score one model on all folds; for other data than its own.")
    ] = False,
    rivals: Annotated[
        str,
        typer.Option(help="Rivals to train in the same run: forest, feature-mdn (comma-separated)."),
    ] = "",
    prior: Annotated[
        str,
        typer.Option(
            help="What the densities are seen with: training, sky, a file, or selection (the redshifts of "
            "the objects outside the scored fold, which the rivals know too)."
        ),
    ] = "training",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score MODELS on DATASET, beside nearest neighbours in colour and the prior."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.pipeline.evaluate import evaluate as run

        found = run(
            models,
            dataset,
            output=output,
            fold=fold,
            all_folds=all_folds,
            rivals=names_in(rivals),
            prior=prior,
            progress=progress,
        )
    for line in summary(found):
        say(line, quiet)
    say(f"Report: {output}", quiet)


def names_in(text: str) -> list[str]:
    """Names that stand in an option, separated by commas."""
    return [name for name in (one.strip() for one in text.split(",")) if name]


def summary(found: Evaluation) -> list[str]:
    """An evaluation in words and a table, for a terminal."""
    several = len(found.folds) > 1
    where = f"Folds {', '.join(map(str, found.folds))}" if several else f"Fold {found.fold}"
    scores = {name: one.as_dict() for name, one in found.by_estimator.items()}
    lines = [f"{where}, {found.model.n} objects:", score_table(scores)]
    for name, one in found.comparisons.items():
        crps = one.metrics["crps"]
        lines.append(
            f"CRPS of the model over {NAMES.get(name, name)}: {one.crps_ratio:.3f} +- "
            f"{one.crps_ratio_error:.3f} (difference {crps.difference:+.4f} +- {crps.error:.4f})"
        )
    if found.not_predicted:
        lines.append(f"{found.not_predicted} objects have no usable stamp and do not count.")
    if found.seen:
        lines.append("Warning: the networks have seen these objects in training; the scores say little.")
    return lines


def score_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """Scores as a table for a terminal."""
    head = " " * 14 + "".join(f"{title:>10}" for title in COLUMNS.values())
    lines = [
        f"{NAMES.get(name, name):<14}"
        + "".join(f"{one.get(column, float('nan')):>10.4f}" for column in COLUMNS)
        for name, one in scores.items()
    ]
    return "\n".join([head, *lines])
