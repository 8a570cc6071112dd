"""The command ``vo-photoz discover``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

ENDINGS = {".fits": "fits", ".fit": "fits", ".parquet": "parquet"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("discover")(discover)


def discover(
    what: Annotated[
        str, typer.Argument(help="Part of the sky (MOC, survey, ...), query that lists one, or a table.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ranked table.")],
    z_min: Annotated[float, typer.Option("--z-min", help="Candidates are ranked by P(z > this).")],
    survey: Annotated[str | None, typer.Option(help="Survey: a name or a TOML file.")] = None,
    model: Annotated[str | None, typer.Option(help="Model: a name or a folder.")] = None,
    runtime: Annotated[
        Literal["auto", "tensorflow", "onnx"] | None,
        typer.Option(help="What runs the networks; auto: ONNX Runtime where it and the file are there."),
    ] = None,
    inside: Annotated[str | None, typer.Option(help="Part of the sky for a query or a table.")] = None,
    query: Annotated[
        str | None, typer.Option(help="Query that lists the sources of a part of the sky.")
    ] = None,
    table: Annotated[Path | None, typer.Option(help="Candidates of a part of the sky, as a table.")] = None,
    service: Annotated[str | None, typer.Option(help="TAP address instead of the query's own.")] = None,
    rows: Annotated[int, typer.Option(help="Candidates on the contact sheet.")] = 24,
    ra: Annotated[str | None, typer.Option(help="Column of the right ascension or longitude.")] = None,
    dec: Annotated[str | None, typer.Option(help="Column of the declination or latitude.")] = None,
    frame: Annotated[str | None, typer.Option(help="Frame of the positions: icrs, fk5, galactic.")] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Open no connection: use what was fetched before.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run was killed.")] = False,
    ebv_map: Annotated[
        Path | None,
        typer.Option(help="HEALPix map of E(B-V): flags dusty sky, corrects where the model wants."),
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(help="training, sky or a file; by default candidates are ranked as on the sky."),
    ] = None,
    orientations: Annotated[
        int | None,
        typer.Option(help="1 or 8: in how many turns and flips a stamp is shown; else as on the card."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file.")] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Find sources of high redshift: candidates ranked by P(z > Z), their stamps, the area searched."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz import settings
        from vo_photoz.cli.coverage import area
        from vo_photoz.cli.predict import one_or_eight
        from vo_photoz.pipeline.discovery.candidates import Search
        from vo_photoz.pipeline.discovery.discover import discover as run

        chosen = settings.load(config, survey=survey, model=model, runtime=runtime, ebv_map=ebv_map)
        found = run(
            Search(what, inside, query, str(table) if table else None, service, ra, dec, frame),
            output,
            z_min=z_min,
            survey=chosen.survey,
            model=chosen.model,
            runtime=chosen.runtime,
            prior=prior,
            orientations=one_or_eight(orientations),
            rows=rows,
            format=ENDINGS.get(output.suffix.lower(), "votable"),
            offline=offline,
            resume=resume,
            ebv_map=chosen.ebv_map,
            ebv_high=chosen.ebv_high,
            progress=progress,
        )
    if found.route:
        say(found.route, quiet)
    for text, n in found.ledger():
        say(f"{n:8d} {text}", quiet)
    for text in found.caveats():
        say(f"Mind: {text}", quiet)
    say(f"Searched: {area(found.searched.sky_fraction)}, written: {found.moc_path}", quiet)
    if found.pictures:
        say(f"The best {found.pictures}: {found.sheet_path}", quiet)
    say(f"Written: {found.path}", quiet)
