"""The command ``vo-photoz discover``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

if TYPE_CHECKING:
    from vo_photoz.pipeline.discovery.discover import Discovery

What = Annotated[
    str, typer.Argument(help="Part of the sky (MOC, survey, ...), query that lists one, or a table.")
]
Query = Annotated[str | None, typer.Option(help="Query that lists the sources of a part of the sky.")]
Candidates = Annotated[Path | None, typer.Option(help="Candidates of a part of the sky, as a table.")]
Prior = Annotated[
    str | None, typer.Option(help="training, sky or a file; by default candidates are ranked as on the sky.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("discover")(discover)


def discover(
    what: What,
    output: Annotated[Path, typer.Option("--output", "-o", help="The ranked table.")],
    z_min: Annotated[float, typer.Option("--z-min", help="Candidates are ranked by P(z > this).")],
    survey: given.Survey = None,
    model: given.Model = None,
    runtime: given.RuntimeName = None,
    inside: Annotated[str | None, typer.Option(help="Part of the sky for a query or a table.")] = None,
    query: Query = None,
    table: Candidates = None,
    service: given.Service = None,
    rows: Annotated[int, typer.Option(help="Candidates on the contact sheet.")] = 24,
    ra: given.Ra = None,
    dec: given.Dec = None,
    frame: given.Frame = None,
    offline: given.Offline = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run was killed.")] = False,
    ebv_map: given.EbvMap = None,
    prior: Prior = None,
    orientations: given.ShownTurns = None,
    config: given.Config = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find sources of high redshift: candidates ranked by P(z > Z), their stamps, the area searched."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz import settings
        from vo_photoz.pipeline.discovery.candidates import Search
        from vo_photoz.pipeline.discovery.discover import discover as run

        chosen = settings.load(config, survey=survey, model=model, runtime=runtime, ebv_map=ebv_map)
        found = run(
            Search(what, inside, query, str(table) if table else None, service, ra, dec, frame),
            output, z_min=z_min, survey=chosen.survey, model=chosen.model, runtime=chosen.runtime,
            prior=prior, orientations=given.one_or_eight(orientations), rows=rows,
            format=given.format_of(output), offline=offline, resume=resume, ebv_map=chosen.ebv_map,
            ebv_high=chosen.ebv_high, progress=progress,
        )  # fmt: skip
    _tell(found, quiet)


def _tell(found: Discovery, quiet: bool) -> None:
    """Say how candidates were found, how many there are, what to mind, and where it all is."""
    from vo_photoz.cli.coverage import area

    if found.route:
        say(found.route, quiet)
    for text, n in found.ledger():
        say(f"{n:8d} {text}", quiet)
    for text in found.caveats():
        say(f"Mind: {text}", quiet)
    say(f"Searched: {area(found.searched.sky_fraction)}, written: {found.moc_path}", quiet)
    if found.pictures:
        say(f"The best {found.pictures}: {found.sheet_path}, {found.page_path}", quiet)
    say(f"Written: {found.path}", quiet)
