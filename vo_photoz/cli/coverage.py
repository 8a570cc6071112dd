"""The command ``vo-photoz coverage``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("coverage")(coverage)


def coverage(
    surveys: Annotated[
        list[str], typer.Argument(help="Names of surveys or survey files.", metavar="SURVEY...")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Coverage map to write (MOC in FITS).")],
    combine: Annotated[
        Literal["intersection", "union"],
        typer.Option(help="Of several surveys: where all of them, or any of them, have images."),
    ] = "intersection",
    offline: Annotated[
        bool, typer.Option("--offline", help="Refuse the network: use what was fetched before.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write where surveys have images in all their bands."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.hips.coverage import survey_coverage, write_moc
        from vo_photoz.hips.survey import load_survey
        from vo_photoz.sky.moc import intersection, union

        maps = []
        for done, name in enumerate(surveys):
            progress("coverage", done, len(surveys))
            maps.append(survey_coverage(load_survey(name, offline=offline)))
        joined = intersection(maps) if combine == "intersection" else union(maps)
        write_moc(joined, output)
    say(f"{joined.sky_fraction:.6%} of the sky, order {joined.max_order}. Written: {output}", quiet)
