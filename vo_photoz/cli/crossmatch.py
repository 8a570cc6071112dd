"""The command ``vo-photoz crossmatch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say
from vo_photoz.errors import UsageError

PICTURES = (".png", ".pdf", ".svg")

With = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        help="Query or .adql file (values behind a colon: gaia-stars:snr=7), vizier:TABLE, simbad, "
        "table, or folder or address of a HATS catalogue; may be repeated.",
    ),
]
Matches = Annotated[
    Literal["best", "all", "best-symmetric"],
    typer.Option(
        help="best: the closest partner of each row; all: a table of all pairs; best-symmetric: the "
        "closest partner where the row is also the closest one of the partner."
    ),
]
Coverage = Annotated[
    str | None,
    typer.Option(
        help="Rows outside are not searched for: a coverage map (MOC), a survey, a HiPS or vizier:TABLE."
    ),
]
Rows = Annotated[
    Literal["all", "covered", "matched"],
    typer.Option(
        help="Rows of the result: all of TABLE; those inside --coverage (then --with may be left out); "
        "or those with a partner."
    ),
]
Chance = Annotated[bool, typer.Option(help="Measure how many matches are chance, by a second, small search.")]
Plot = Annotated[Path | None, typer.Option(help="Draw the separations (PNG, PDF, SVG by its ending).")]
Service = Annotated[
    str | None, typer.Option(help="TAP address instead of the query's own; xmatch for CDS X-Match.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("crossmatch")(crossmatch)


def crossmatch(
    table: given.Table,
    output: given.Result,
    with_: With = None,
    radius: Annotated[float | None, typer.Option(help="Largest separation, arcsec.")] = None,
    matches: Matches = "best",
    coverage: Coverage = None,
    rows: Rows = "all",
    chance: Chance = True,
    plot: Plot = None,
    service: Service = None,
    scheduler: given.Scheduler = None,
    ra: given.Ra = None,
    dec: given.Dec = None,
    frame: given.Frame = None,
    config: given.Config = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Join what archives or other tables know of the sources of TABLE."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz import settings
        from vo_photoz.pipeline.coverage import coverage_of
        from vo_photoz.pipeline.crossmatch.chain import crossmatch as run

        if plot and plot.suffix.lower() not in PICTURES:
            raise UsageError(f"{plot} is no picture.", advice=f"Let it end in {', '.join(PICTURES)}.")
        chosen = settings.load(config, radius_arcsec=radius)
        result = run(
            table,
            output,
            with_=with_ or [],
            radius_arcsec=chosen.radius_arcsec,
            matches=matches,
            service=service,
            seconds=chosen.tap_seconds,
            scheduler=scheduler,
            coverage=coverage_of(coverage, progress=progress) if coverage else None,
            chance=chance,
            rows=rows,
            ra=ra,
            dec=dec,
            frame=frame,
            format=given.format_of(output),
            progress=progress,
        )
        if plot:
            from vo_photoz.analysis.separation_plot import draw_separations

            draw_separations(result.reports, plot)
    for report in result.reports:
        for line in report.lines():
            say(line, quiet)
    say(f"Written: {result.path}", quiet)
