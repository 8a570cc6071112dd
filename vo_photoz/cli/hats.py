"""The commands ``vo-photoz hats import | filter``."""

from __future__ import annotations

from typing import Annotated

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say


def add_to(app: typer.Typer) -> None:
    """Add the group to the program."""
    group = typer.Typer(
        no_args_is_help=True, help="Catalogues in HATS, of any size (needs the extra 'hats')."
    )
    group.command("import")(import_)
    group.command("filter")(filter_)
    app.add_typer(group, name="hats")


def import_(
    table: given.Table,
    output: given.NewFolder,
    ra: given.Ra = None,
    dec: given.Dec = None,
    frame: given.Frame = None,
    part_rows: Annotated[int, typer.Option(min=1, help="Rows of a part of the sky at most.")] = 500_000,
    scheduler: given.Scheduler = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a HATS catalogue of TABLE, in bounded memory."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.catalogues.hats_write import import_hats

        done = import_hats(
            table, output, ra=ra, dec=dec, frame=frame, part_rows=part_rows, scheduler=scheduler,
            progress=progress,
        )  # fmt: skip
    left = f"; {done.without_position} rows without a position are left out" if done.without_position else ""
    say(f"{done.n_rows} rows in {done.parts} parts of the sky{left}", quiet)
    say(f"Positions: {done.positions}", quiet)
    say(f"Written: {done.path}", quiet)


def filter_(
    catalogue: Annotated[str, typer.Argument(help="Folder or address of a HATS catalogue.")],
    output: given.NewFolder,
    coverage: Annotated[
        str,
        typer.Option(help="Rows inside are kept: a coverage map (MOC), a survey, a HiPS or vizier:TABLE."),
    ],
    scheduler: given.Scheduler = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Keep the part of a HATS catalogue that a coverage map covers."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.catalogues.hats_write import filter_hats
        from vo_photoz.pipeline.coverage import coverage_of

        kept = filter_hats(catalogue, coverage_of(coverage, progress=progress), output, scheduler=scheduler)
    say(f"{kept} rows kept", quiet)
    say(f"Written: {output}", quiet)
