"""The command ``vo-photoz coverage``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

WHAT = (
    "Name or file of a survey; folder or address of a HiPS; file or address of a coverage map (FITS, JSON, "
    "ASCII); ivo:// identifier; vizier:TABLE; or a table or HATS folder, whose sources make the map."
)


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("coverage")(coverage)


def coverage(
    what: Annotated[list[str], typer.Argument(help=WHAT, metavar="WHAT...")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Coverage map to write: FITS, or .json or .txt (ASCII).")
    ],
    combine: Annotated[
        Literal["intersection", "union"],
        typer.Option(help="Of several: where all of them, or any of them, are. Of bands always all."),
    ] = "intersection",
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Make it from the pixels that have a value; reads every tile.")
    ] = False,
    order: Annotated[
        int | None, typer.Option(help="Order of a map that is made; one that exists is made coarser.")
    ] = None,
    near: Annotated[
        Path | None,
        typer.Option(help="Table: of a HiPS without a map, look only for tiles that hold its sources."),
    ] = None,
    moc_version: Annotated[
        int,
        typer.Option(help="Of FITS. 1: every reader takes it; 2: ranges, which old readers see as empty."),
    ] = 1,
    offline: given.Offline = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a coverage map (MOC): where a survey has images in all its bands, or a table has sources."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.hips.moc_files import write_moc
        from vo_photoz.pipeline.coverage import combined_coverage
        from vo_photoz.tables.positions import find_positions
        from vo_photoz.tables.read import read_table

        found = combined_coverage(
            what,
            combine=combine,
            pixels=pixels,
            order=order,
            near=find_positions(read_table(near)) if near else None,
            offline=offline,
            progress=progress,
        )
        write_moc(found, output, version=moc_version)
    say(f"From {found.origin}", quiet)
    say(f"{area(found.sky_fraction)} ({found.sky_fraction:.6%} of the sky), order {found.max_order}", quiet)
    say(f"Written: {output}", quiet)


def area(sky_fraction: float) -> str:
    """Area in the unit that suits it."""
    degrees = sky_fraction * 41252.96124941928  # 4 pi steradian in square degrees
    return f"{degrees:,.2f} deg2" if degrees >= 0.1 else f"{degrees * 3600:,.2f} arcmin2"
