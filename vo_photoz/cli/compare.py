"""The command ``vo-photoz compare``."""

from __future__ import annotations

from typing import Annotated

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say
from vo_photoz.cli.evaluate import names_in, summary
from vo_photoz.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("compare")(compare)


def compare(
    dataset: given.Dataset,
    output: given.Report,
    networks: Annotated[
        str, typer.Option(help="Architectures to train: compact, dcmdn-1, dcmdn-2 (comma-separated).")
    ] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(help="A trained model, or a folder with one for each fold; may be repeated."),
    ] = None,
    rivals: Annotated[
        str, typer.Option(help="Rivals on photometry: forest, feature-mdn (comma-separated); or none.")
    ] = "forest,feature-mdn",
    folds: Annotated[
        str, typer.Option(help="Folds of the sky to score, comma-separated; several: a cross-validation.")
    ] = "0",
    members: Annotated[int, typer.Option(min=1, help="Networks of each ensemble that is trained.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Times that every object is shown.")] = 50,
    patience: Annotated[int, typer.Option(min=0, help="Epochs without gain that end a training.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, data and machine: same networks.")] = 1,
    prior: Annotated[
        str, typer.Option(help="What networks are seen with: training, selection, sky or a file.")
    ] = "training",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare networks on images with a random forest and a network on photometry, on the same split.

    Networks that are trained are kept in REPORT-models and used again.
    """
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.pipeline.compare import compare as run
        from vo_photoz.redshift.options import TrainingOptions

        found = run(
            dataset,
            output,
            networks=names_in(networks) or ([] if model else ["compact"]),
            models=model or [],
            rivals=[] if rivals.strip() == "none" else names_in(rivals),
            folds=_numbers(folds),
            options=TrainingOptions(members=members, epochs=epochs, patience=patience, seed=seed),
            prior=prior,
            tell=lambda sentence: say(sentence, quiet),
            progress=progress,
        )
    for line in summary(found):
        say(line, quiet)
    say(f"Report: {output}", quiet)


def _numbers(text: str) -> list[int]:
    try:
        found = [int(one) for one in names_in(text)]
    except ValueError:
        found = []
    if not found or len(set(found)) < len(found):
        raise UsageError(f"--folds {text} cannot be meant.", advice="Write for example --folds 0,1,2,3,4.")
    return found
