"""The command ``vo-photoz``. Every group is a file of its own; heavy imports happen inside the commands."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from vo_photoz import __version__

GROUPS = (
    "predict", "discover", "serve", "cutouts", "crossmatch", "select", "coverage", "surveys", "models",
    "queries", "hats", "dataset", "train", "evaluate", "compare", "score", "hub", "sandbox",
)  # fmt: skip

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Redshift probability densities from survey images, inside the Virtual Observatory.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"vo-photoz {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Carry the options that stand before a command."""


for group in GROUPS:
    import_module(f"vo_photoz.cli.{group}").add_to(app)


def main() -> None:
    """Entry point of the console script."""
    app()
