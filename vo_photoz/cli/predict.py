"""The command ``vo-photoz predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("predict")(predict)


def predict(
    table: Annotated[Path, typer.Argument(help="VOTable, FITS, CSV, ECSV or Parquet with positions.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the result is written.")],
    survey: Annotated[str | None, typer.Option(help="Survey: a name or a TOML file.")] = None,
    model: Annotated[str | None, typer.Option(help="Model: a name or a folder.")] = None,
    runtime: Annotated[
        Literal["auto", "tensorflow", "onnx"] | None,
        typer.Option(help="What runs the networks; auto: ONNX Runtime where it and the file are there."),
    ] = None,
    crossmatch: Annotated[
        list[str] | None, typer.Option(help="Query, .adql file or table to join; may be repeated.")
    ] = None,
    radius: Annotated[float | None, typer.Option(help="Radius of the crossmatch, arcsec.")] = None,
    z_min: Annotated[float | None, typer.Option("--z-min", help="p_high_z is P(z > this).")] = None,
    grid: Annotated[
        int | None, typer.Option(min=2, help="Add p(z) on so many points from 0 to the model's largest z.")
    ] = None,
    format_: Annotated[
        Literal["votable", "fits", "parquet", "qp"] | None,
        typer.Option("--format", help="Format of the result; the ending of OUT decides when not given."),
    ] = None,
    ra: Annotated[str | None, typer.Option(help="Column of the right ascension or longitude.")] = None,
    dec: Annotated[str | None, typer.Option(help="Column of the declination or latitude.")] = None,
    frame: Annotated[str | None, typer.Option(help="Frame of the positions: icrs, fk5, galactic.")] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Open no connection: use what was fetched before.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier run with --resume was killed.")
    ] = False,
    ebv_map: Annotated[
        Path | None,
        typer.Option(help="HEALPix map of E(B-V): flags dusty sky, corrects where the model wants."),
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(help="training, sky or a file; by default training, but sky for p_high_z."),
    ] = None,
    orientations: Annotated[
        int | None,
        typer.Option(help="1 or 8: in how many turns and flips a stamp is shown; else as on the card."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file.")] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Predict the redshift density of every row of TABLE."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz import settings
        from vo_photoz.pipeline.prediction.predict import predict as run

        chosen = settings.load(
            config,
            survey=survey,
            model=model,
            runtime=runtime,
            crossmatch=crossmatch,
            radius_arcsec=radius,
            z_min=z_min,
            ebv_map=ebv_map,
        )
        result = run(
            table,
            output=output,
            survey=chosen.survey,
            model=chosen.model,
            runtime=chosen.runtime,
            crossmatch=chosen.crossmatch,
            radius_arcsec=chosen.radius_arcsec,
            z_min=chosen.z_min,
            grid=grid,
            format=format_ or _format_of(output),
            ra=ra,
            dec=dec,
            frame=frame,
            offline=offline,
            resume=resume,
            ebv_map=chosen.ebv_map,
            ebv_high=chosen.ebv_high,
            prior=prior,
            orientations=one_or_eight(orientations),
            progress=progress,
        )
    for text, rows in result.ledger():
        say(f"{rows:8d} of {result.n_rows} rows: {text}", quiet)
    for match in result.matches:
        if match.failed:
            say(f"Crossmatch {match.name} failed: {match.failed}", quiet)
    if result.traffic.whole_bytes:  # of a survey on a server
        say(f"{result.traffic}", quiet)
    say(f"Written: {result.path}", quiet)


def one_or_eight(orientations: int | None) -> Literal[1, 8] | None:
    """The number of orientations, checked; for commands that predict."""
    if orientations is None:
        return None
    if orientations in (1, 8):
        return 1 if orientations == 1 else 8
    from vo_photoz.errors import UsageError

    raise UsageError(f"A stamp cannot be shown in {orientations} orientations.", advice="Give 1 or 8.")


def _format_of(output: Path) -> str:
    endings = {".fits": "fits", ".fit": "fits", ".parquet": "parquet", ".hdf5": "qp"}
    return endings.get(output.suffix.lower(), "votable")
