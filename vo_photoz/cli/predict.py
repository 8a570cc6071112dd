"""The command ``vo-photoz predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

if TYPE_CHECKING:
    from vo_photoz.pipeline.prediction.predict import PredictionResult

Crossmatch = Annotated[
    list[str] | None, typer.Option(help="Query, .adql file or table to join; may be repeated.")
]
Grid = Annotated[
    int | None, typer.Option(min=2, help="Add p(z) on so many points from 0 to the model's largest z.")
]
Format = Annotated[
    Literal["votable", "fits", "parquet", "qp"] | None,
    typer.Option("--format", help="Format of the result; the ending of OUT decides when not given."),
]
Prior = Annotated[
    str | None, typer.Option(help="training, sky or a file; by default training, but sky for p_high_z.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("predict")(predict)


def predict(
    table: given.Table,
    output: given.Result,
    survey: given.Survey = None,
    model: given.Model = None,
    runtime: given.RuntimeName = None,
    crossmatch: Crossmatch = None,
    radius: Annotated[float | None, typer.Option(help="Radius of the crossmatch, arcsec.")] = None,
    z_min: Annotated[float | None, typer.Option("--z-min", help="p_high_z is P(z > this).")] = None,
    grid: Grid = None,
    format_: Format = None,
    ra: given.Ra = None,
    dec: given.Dec = None,
    frame: given.Frame = None,
    offline: given.Offline = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier run with --resume was killed.")
    ] = False,
    ebv_map: given.EbvMap = None,
    prior: Prior = None,
    orientations: given.ShownTurns = None,
    config: given.Config = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Predict the redshift density of every row of TABLE."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz import settings
        from vo_photoz.pipeline.prediction.predict import predict as run

        chosen = settings.load(
            config, survey=survey, model=model, runtime=runtime, crossmatch=crossmatch, radius_arcsec=radius,
            z_min=z_min, ebv_map=ebv_map,
        )  # fmt: skip
        result = run(
            table, output=output, format=format_ or given.format_of(output, hdf5="qp"), grid=grid,
            survey=chosen.survey, model=chosen.model, runtime=chosen.runtime, prior=prior,
            orientations=given.one_or_eight(orientations), crossmatch=chosen.crossmatch,
            radius_arcsec=chosen.radius_arcsec, z_min=chosen.z_min, ra=ra, dec=dec, frame=frame,
            offline=offline, resume=resume, ebv_map=chosen.ebv_map, ebv_high=chosen.ebv_high,
            progress=progress,
        )  # fmt: skip
    _tell(result, quiet)


def _tell(result: PredictionResult, quiet: bool) -> None:
    """Say what became of the rows, what failed and what was fetched."""
    for text, rows in result.ledger():
        say(f"{rows:8d} of {result.n_rows} rows: {text}", quiet)
    for doubt in result.doubts:
        say(f"Note: {doubt}", quiet)
    for match in result.matches:
        if match.failed:
            say(f"Crossmatch {match.name} failed: {match.failed}", quiet)
    if result.traffic.whole_bytes:  # of a survey on a server
        say(f"{result.traffic}", quiet)
    say(f"Written: {result.path}", quiet)
