"""The commands ``vo-photoz dataset import``, ``build``, ``simulate`` and ``show``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say

group = typer.Typer(no_args_is_help=True, help="Make and show training sets.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(group, name="dataset")


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="npz with images (n, band, y, x), ra, dec, z.")],
    output: given.NewFolder,
    bands: Annotated[str, typer.Option(help="Bands of the images: ugriz, or names with commas.")] = "ugriz",
    pixel_arcsec: Annotated[float, typer.Option(help="Side of a pixel of the images, arcsec.")] = 0.396,
    unit: Annotated[str, typer.Option(help="Unit of the images, per pixel.")] = "nanomaggy",
    size: Annotated[int, typer.Option(help="Side of the stamps to make, pixels.")] = 28,
    scale: Annotated[float, typer.Option(help="Side of a pixel of the stamps to make, arcsec.")] = 0.4,
    ebv_map: Annotated[
        Path | None, typer.Option(help="HEALPix map of E(B-V): correct the images for extinction.")
    ] = None,
    dereddened_by: Annotated[
        str, typer.Option(help="The images are corrected for extinction already: by which map.")
    ] = "",
    extinction: Annotated[
        str, typer.Option(help="A / E(B-V), one number a band with commas, for either of these.")
    ] = "",
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
        from vo_photoz.pipeline.datasets.import_stamps import import_dataset

        about = {"title": title, "citation": citation, "licence": licence}
        about = {name: text for name, text in about.items() if text}
        asked = {
            "bands": bands, "pixel-arcsec": f"{pixel_arcsec:g}", "unit": unit, "size": str(size),
            "scale": f"{scale:g}", "ebv-map": ebv_map.name if ebv_map else "",
            "dereddened-by": dereddened_by, "extinction": extinction,
        }  # fmt: skip
        words = [*_words(asked), *(["--simulated"] if simulated else []), *_words(about)]
        command = shlex.join(["vo-photoz", "dataset", "import", file.name, "-o", output.name, *words])
        names = bands.split(",") if "," in bands else list(bands)
        made = import_dataset(
            file, output, bands=names, pixel_arcsec=pixel_arcsec, unit=unit, size=size, scale_arcsec=scale,
            ebv_map=ebv_map, dereddened_by=dereddened_by, extinction=_numbers(extinction, names),
            source={**about, "made_by": command}, real=not simulated, progress=progress,
        )  # fmt: skip
    say(
        f"{output}: {len(made)} objects, stamps of {size} pixels, {' '.join(made.manifest.bands)}",
        quiet,
    )


def _words(options: dict[str, str]) -> list[str]:
    """Options with a value, as they stand on a command line."""
    return [word for name, text in options.items() if text for word in (f"--{name}", text)]


def _numbers(text: str, bands: list[str]) -> dict[str, float] | None:
    """One number a band, from words with commas between them."""
    from vo_photoz.errors import UsageError

    if not text:
        return None
    try:
        return dict(zip(bands, [float(word) for word in text.split(",")], strict=True))
    except ValueError:
        raise UsageError(
            f"--extinction {text} is not one number for each of the bands {', '.join(bands)}.",
            advice="Give A / E(B-V) in the order of --bands, for example 4.239,3.303,2.285,1.698,1.263.",
        ) from None


@group.command("build")
def build(
    recipe: Annotated[str, typer.Argument(help="TOML file, or the name of a recipe that comes along.")],
    output: given.NewFolder,
    offline: Annotated[bool, typer.Option("--offline", help="Take images from disk only.")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Build a training set by a recipe; the same command goes on where a run was stopped."""
    with errors_told(debug):
        from vo_photoz.pipeline.datasets.build.build import build_dataset

        with progress_bar(quiet) as progress:
            made = build_dataset(recipe, output, offline=offline, progress=progress)
        for line in made.ledger.lines():
            say(line, quiet)
        word = "built" if made.steps else "was built already"
        say(f"{output}: {len(made.dataset)} objects, {word}", quiet)


@group.command("simulate")
def simulate(
    sky: Annotated[
        str,
        typer.Argument(
            help="TOML file, or one of: quasars, high-redshift-quasars, distant-quasars, "
            "sdss-redshift-quasars, all-classes."
        ),
    ],
    output: given.NewFolder,
    n: Annotated[int, typer.Option("--n", help="Number of sources.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Same seed, same pixels.")] = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a training set of a simulated sky, with stamps that went the way of real ones."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.pipeline.datasets.simulate import simulate_dataset

        words = [Path(sky).name, "-o", output.name, "--n", str(n), "--seed", str(seed)]
        told = {"made_by": shlex.join(["vo-photoz", "dataset", "simulate", *words])}
        made = simulate_dataset(sky, output, n=n, seed=seed, source=told, progress=progress)
    held = [] if made.rows.kind is None else made.rows.kind.tolist()
    kinds = ", ".join(f"{held.count(kind)} {kind}" for kind in ("QSO", "GALAXY", "STAR"))
    say(f"{output}: {len(made)} objects: {kinds}", quiet)


@group.command("show")
def show(
    folder: Annotated[Path, typer.Argument(help="A training set.")],
    check: Annotated[bool, typer.Option("--check", help="Read it all and compare its hash.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Draw it: one page (.png), or a folder of pictures."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Print what a training set holds, and draw it."""
    with errors_told(debug):
        from vo_photoz.pipeline.datasets.show import check_hash, draw, open_and_tell

        data, lines = open_and_tell(folder)
        for line in lines:
            say(line)
        if check:
            check_hash(data)
            say("unchanged")
        for picture in draw(data, output) if output is not None else []:
            say(f"drawn in {picture}")
