"""The command ``vo-photoz sandbox``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

group = typer.Typer(
    no_args_is_help=True, help="The offline world: a small simulated survey with its catalogues."
)


@group.command()
def make(
    folder: Annotated[Path, typer.Argument(help="Folder to make; 110 MB (26 MB with --small).")],
    small: Annotated[bool, typer.Option("--small", help="A field of 0.08 deg with 64 sources.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a sandbox that stands there.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a sandbox: five FITS HiPS, what a user sends, a spectroscopic catalogue and the truth."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.sandbox import world

        plan = world.SMALL if small else world.FULL
        made = world.make(folder, plan, overwrite=overwrite, progress=progress)
        say(f"{made}: {plan.sources} sources; survey.toml, sources.vot, spectra.vot, truth.fits", quiet)


@group.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path(
        "demo-output"
    ),
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run the main job from end to end on the sandbox sky, offline: service, SAMP, predictions, scores."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.cli.demo import run_demo

        run_demo(output, quiet=quiet, progress=progress)


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.add_typer(group, name="sandbox")
