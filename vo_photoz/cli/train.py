"""The command ``vo-photoz train``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say
from vo_photoz.cli.evaluate import score_table


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("train")(train)


def train(
    dataset: Annotated[Path, typer.Argument(help="A training set.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the model to make.")],
    name: Annotated[str, typer.Option(help="Name of the model; the folder's when not given.")] = "",
    title: Annotated[str, typer.Option(help="One line about the model.")] = "",
    members: Annotated[int, typer.Option(min=1, help="Networks of the ensemble.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Times that every object is shown.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, data and machine: same networks.")] = 1,
    loss: Annotated[Literal["crps", "nll", "blend"], typer.Option(help="What is made small.")] = "crps",
    components: Annotated[int, typer.Option(min=1, help="Gaussians of one network.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Objects a step.")] = 64,
    learning_rate: Annotated[float, typer.Option(help="Largest step size.")] = 2e-3,
    held_out_fold: Annotated[int, typer.Option(help="Fold of the sky for the scores of the card.")] = 0,
    stop_fold: Annotated[int, typer.Option(help="Fold that says when a network is at its best.")] = 1,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a model on DATASET: an ensemble of networks, scored on a part of the sky that none has seen."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.pipeline.train import train as run
        from vo_photoz.redshift.options import TrainingOptions

        chosen = TrainingOptions(
            members=members, epochs=epochs, seed=seed, loss=loss, components=components, batch=batch,
            learning_rate=learning_rate,
        )  # fmt: skip
        words = f"--members {members} --epochs {epochs} --seed {seed} --loss {loss} --components {components}"
        words += f" --batch {batch} --learning-rate {learning_rate:g}"
        words += f" --held-out-fold {held_out_fold} --stop-fold {stop_fold}"
        texts = [word for pair in (("--name", name), ("--title", title)) if pair[1] for word in pair]
        command = shlex.join(["vo-photoz", "train", dataset.name, "-o", output.name, *words.split(), *texts])
        model = run(
            dataset,
            output,
            options=chosen,
            name=name,
            title=title,
            held_out_fold=held_out_fold,
            stop_fold=stop_fold,
            made_by=(command,),
            report=lambda figures: _tell(figures, epochs, quiet),
            progress=progress,
        )
    say(f"{output}: {members} networks, {model.card.components} Gaussians", quiet)
    if model.card.scores:
        say(
            f"Scores on fold {held_out_fold}, which no network has seen:\n{score_table(model.card.scores)}",
            quiet,
        )


def _tell(figures: dict[str, Any], epochs: int, quiet: bool) -> None:
    """One line for every tenth epoch."""
    if figures["epoch"] % 10 == 0 or figures["epoch"] == epochs:
        say(
            f"network {figures['member'] + 1}  epoch {figures['epoch']:>4}  loss {figures['loss']:.4f}  "
            f"early stopping CRPS {figures['stop_crps']:.4f}",
            quiet,
        )
