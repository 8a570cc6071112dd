"""The commands ``vo-photoz dataset import`` and ``show``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

group = typer.Typer(no_args_is_help=True, help="Make and show training sets.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(group, name="dataset")


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="npz with images (n, band, y, x), ra, dec, z.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    bands: Annotated[str, typer.Option(help="Bands of the images: ugriz, or names with commas.")] = "ugriz",
    pixel_arcsec: Annotated[float, typer.Option(help="Side of a pixel of the images, arcsec.")] = 0.396,
    unit: Annotated[str, typer.Option(help="Unit of the images, per pixel.")] = "nanomaggy",
    size: Annotated[int, typer.Option(help="Side of the stamps to make, pixels.")] = 28,
    scale: Annotated[float, typer.Option(help="Side of a pixel of the stamps to make, arcsec.")] = 0.4,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="The images are not of the real sky.")
    ] = False,
    title: Annotated[str, typer.Option(help="What the images are, for cards and reports.")] = "",
    citation: Annotated[str, typer.Option(help="What to cite when they are used.")] = "",
    licence: Annotated[str, typer.Option(help="Terms of use of the images.")] = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a training set of a file of stamps, cut as they are cut in predictions."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.pipeline.import_dataset import import_dataset

        about = {"title": title, "citation": citation, "licence": licence}
        about = {name: text for name, text in about.items() if text}
        words = ["--bands", bands, "--pixel-arcsec", f"{pixel_arcsec:g}", "--unit", unit]
        words += ["--size", str(size), "--scale", f"{scale:g}"]
        words += ["--simulated"] if simulated else []
        words += [word for name, text in about.items() for word in (f"--{name}", text)]
        command = shlex.join(["vo-photoz", "dataset", "import", file.name, "-o", output.name, *words])
        made = import_dataset(
            file,
            output,
            bands=bands.split(",") if "," in bands else list(bands),
            pixel_arcsec=pixel_arcsec,
            unit=unit,
            size=size,
            scale_arcsec=scale,
            source={**about, "made_by": command},
            real=not simulated,
            progress=progress,
        )
    say(
        f"{output}: {len(made)} objects, stamps of {size} pixels, {' '.join(made.manifest.bands)}",
        quiet,
    )


@group.command("show")
def show(
    folder: Annotated[Path, typer.Argument(help="A training set.")],
    check: Annotated[bool, typer.Option("--check", help="Read it all and compare its hash.")] = False,
    debug: Debug = False,
) -> None:
    """Print what a training set holds."""
    with errors_told(debug):
        from vo_photoz.datasets.store import open_dataset
        from vo_photoz.errors import TableError

        data = open_dataset(folder)
        held = data.manifest
        unlabelled = len(data) - int(data.labelled().sum())
        lines = {
            "objects": f"{held.n}, {unlabelled} without redshift",
            "sky": "real" if held.real else "simulated",
            "bands": " ".join(held.bands),
            "stamps": f"{held.stamp_pixels} pixels of {held.pixel_arcsec:g} arcsec, {held.unit}",
            "redshifts": " to ".join(f"{z:.3f}" for z in held.z_range) or "none",
            "folds": ", ".join(f"{fold}: {n}" for fold, n in held.folds.items()),
            **{name: str(text) for name, text in held.source.items()},
            "made": held.made,
            "sha256": held.sha256,
        }
        for name, text in lines.items():
            say(f"{name:<20} {text}")
        if check and data.hash() != held.sha256:
            raise TableError(
                f"The data set {folder} was changed: its hash is another.", advice="Make it again."
            )
        say("unchanged", not check)
