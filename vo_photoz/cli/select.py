"""The command ``vo-photoz select``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("select")(select)


def select(
    query: Annotated[str, typer.Argument(help="Name or .adql file of a query that lists a part of the sky.")],
    coverage: Annotated[
        str, typer.Option(help="The part of the sky: a coverage map (MOC), a survey, a HiPS or vizier:TABLE.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the table is written.")],
    service: given.Service = None,
    config: given.Config = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write all that an archive has inside a coverage map."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz import settings
        from vo_photoz.pipeline.coverage import coverage_of
        from vo_photoz.pipeline.select import select as run

        chosen = settings.load(config)
        result = run(
            query,
            output,
            coverage=coverage_of(coverage, progress=progress),
            service=service,
            seconds=chosen.tap_seconds,
            format=given.format_of(output),
            progress=progress,
        )
    for line in result.lines():
        say(line, quiet)
    say(f"Written: {result.path}", quiet)
