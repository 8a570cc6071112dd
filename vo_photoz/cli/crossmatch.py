"""The command ``vo-photoz crossmatch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

ENDINGS = {".fits": "fits", ".fit": "fits", ".parquet": "parquet"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("crossmatch")(crossmatch)


def crossmatch(
    table: Annotated[Path, typer.Argument(help="VOTable, FITS, CSV, ECSV or Parquet with positions.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the result is written.")],
    with_: Annotated[
        list[str], typer.Option("--with", help="Query, .adql file or table to match with; may be repeated.")
    ],
    radius: Annotated[float | None, typer.Option(help="Largest separation, arcsec.")] = None,
    matches: Annotated[
        Literal["best", "all"],
        typer.Option(help="best: the closest partner of each row; all: a table of all pairs."),
    ] = "best",
    service: Annotated[str | None, typer.Option(help="TAP address instead of the query's own.")] = None,
    ra: Annotated[str | None, typer.Option(help="Column of the right ascension or longitude.")] = None,
    dec: Annotated[str | None, typer.Option(help="Column of the declination or latitude.")] = None,
    frame: Annotated[str | None, typer.Option(help="Frame of the positions: icrs, fk5, galactic.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file.")] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Join what archives or other tables know of the sources of TABLE."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz import settings
        from vo_photoz.pipeline.crossmatch import crossmatch as run

        chosen = settings.load(config, radius_arcsec=radius)
        result = run(
            table,
            output,
            with_=with_,
            radius_arcsec=chosen.radius_arcsec,
            matches=matches,
            service=service,
            seconds=chosen.tap_seconds,
            ra=ra,
            dec=dec,
            frame=frame,
            format=ENDINGS.get(output.suffix.lower(), "votable"),
            progress=progress,
        )
    for match in result.matches:
        say(
            f"{match.name}: {match.infos['pairs']} pairs for {result.n_rows} rows, "
            f"{match.infos['matched']} of them matched",
            quiet,
        )
    say(f"Written: {result.path}", quiet)
