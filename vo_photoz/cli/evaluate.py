"""The command ``vo-photoz evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

COLUMNS = {
    "crps": "CRPS", "nll": "NLL", "rmse": "RMSE", "bias": "bias", "nmad": "NMAD", "outliers": "outliers",
    "pit_ks": "PIT KS", "coverage_68": "in 68 %",
}  # fmt: skip
NAMES = {"model": "model", "neighbours": "15 neighbours", "prior": "prior"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("evaluate")(evaluate)


def evaluate(
    model: Annotated[str, typer.Argument(help="Model: a name or a folder.")],
    dataset: Annotated[Path, typer.Argument(help="A data set with redshifts.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Report to write (JSON).")],
    fold: Annotated[
        int | None, typer.Option(help="Fold of the sky; the card's held-out one when not given.")
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score MODEL on DATASET, beside nearest neighbours in colour and the prior."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.pipeline.evaluate import evaluate as run

        found = run(model, dataset, output=output, fold=fold, progress=progress)
    scores = {name: one.as_dict() for name, one in found.by_estimator.items()}
    say(f"Fold {found.fold}, {found.model.n} objects:\n{score_table(scores)}", quiet)
    say(
        f"CRPS gained over the neighbours, object by object: {found.gain:.4f} +- {found.gain_error:.4f}",
        quiet,
    )
    if found.not_predicted:
        say(f"{found.not_predicted} objects have no usable stamp and do not count.", quiet)
    if found.seen:
        say("Warning: the networks have seen these objects in training; the scores say little.", quiet)


def score_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """Scores as a table for a terminal."""
    head = " " * 14 + "".join(f"{title:>10}" for title in COLUMNS.values())
    lines = [
        f"{NAMES.get(name, name):<14}"
        + "".join(f"{one.get(column, float('nan')):>10.4f}" for column in COLUMNS)
        for name, one in scores.items()
    ]
    return "\n".join([head, *lines])
