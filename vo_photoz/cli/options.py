"""Options that several commands share: one name, one meaning, one line of help. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vo_photoz.errors import UsageError

# What comes in
Table = Annotated[Path, typer.Argument(help="VOTable, FITS, CSV, ECSV or Parquet with positions.")]
Dataset = Annotated[Path, typer.Argument(help="A data set with redshifts.")]
Ra = Annotated[str | None, typer.Option(help="Column of the right ascension or longitude.")]
Dec = Annotated[str | None, typer.Option(help="Column of the declination or latitude.")]
Frame = Annotated[str | None, typer.Option(help="Frame of the positions: icrs, fk5, galactic.")]

# What goes out
Result = Annotated[Path, typer.Option("--output", "-o", help="Where the result is written.")]
Report = Annotated[Path, typer.Option("--output", "-o", help="Report: a folder, or a file .html or .json.")]
NewFolder = Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")]

# How densities are made
Survey = Annotated[str | None, typer.Option(help="Survey: a name or a TOML file.")]
Model = Annotated[str | None, typer.Option(help="Model: a name or a folder.")]
RuntimeName = Annotated[
    Literal["auto", "tensorflow", "onnx"] | None,
    typer.Option(help="What runs the networks; auto: ONNX Runtime where it and the file are there."),
]
EbvMap = Annotated[
    Path | None, typer.Option(help="HEALPix map of E(B-V): flags dusty sky, corrects where the model wants.")
]
ShownTurns = Annotated[
    int | None,
    typer.Option(
        "--orientations", help="1 or 8: in how many turns and flips a stamp is shown; else as on the card."
    ),
]

# Archives, and how a command runs
Service = Annotated[str | None, typer.Option(help="TAP address instead of the query's own.")]
Scheduler = Annotated[
    str | None, typer.Option(help="Dask scheduler (tcp://host:8786) for HATS catalogues, else this process.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Open no connection: use what was fetched before.")]
Config = Annotated[Path | None, typer.Option(help="Settings file.")]


def format_of(output: Path, **others: str) -> str:
    """Format of a table by the ending of its name, a VOTable when in doubt.

    Parameters
    ----------
    output : Path
        The table to write.
    **others : str
        Formats of further endings (without their dot), of one command alone.
    """
    endings = {"fits": "fits", "fit": "fits", "parquet": "parquet", **others}
    return endings.get(output.suffix.lower().removeprefix("."), "votable")


def one_or_eight(orientations: int | None) -> Literal[1, 8] | None:
    """The number of orientations, checked.

    Raises
    ------
    UsageError
        Raised if it is another number.
    """
    if orientations is None:
        return None
    if orientations in (1, 8):
        return 1 if orientations == 1 else 8
    raise UsageError(f"A stamp cannot be shown in {orientations} orientations.", advice="Give 1 or 8.")
