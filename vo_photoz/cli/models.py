"""The commands ``vo-photoz models list``, ``show``, ``check``, ``export``, ``calibrate`` and ``join``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say
from vo_photoz.cli.evaluate import score_table
from vo_photoz.cli.options import one_or_eight

if TYPE_CHECKING:
    from vo_photoz.redshift.card import Card, Training
    from vo_photoz.redshift.inference.runner import Runtime
    from vo_photoz.redshift.model import Model
    from vo_photoz.redshift.specialist import Specialist

group = typer.Typer(no_args_is_help=True, help="List, show, check, export, calibrate and join models.")
Name = Annotated[str, typer.Argument(help="Name of a model, or its folder.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(group, name="models")


@group.command("list")
def list_(debug: Debug = False) -> None:
    """List the models there are."""
    with errors_told(debug):
        from vo_photoz.errors import ModelError
        from vo_photoz.redshift.card import read_card
        from vo_photoz.redshift.model import find_model, list_models

        for name in list_models():
            try:
                card = read_card(find_model(name))
                text = f"{' '.join(card.bands)}  z {card.z_min:.2f}-{card.z_max:.2f}  {card.title}"
            except ModelError as error:
                text = f"unusable: {error.message}"
            say(f"{name:<20} {text}")


@group.command("show")
def show(name: Name, debug: Debug = False) -> None:
    """Print the card of a model."""
    with errors_told(debug):
        from vo_photoz.redshift.model import load_model

        card = load_model(name).card
        for label, text in _facts(card).items():
            if text:
                say(f"{label:<14} {text}")
        if card.scores:
            say(f"\nFold {card.training.held_out_fold}, not seen in training:\n{score_table(card.scores)}")


@group.command("check")
def check(name: Name, debug: Debug = False) -> None:
    """Check that a model is whole and predicts: card, hashes, networks, one blank stamp."""
    with errors_told(debug):
        from vo_photoz.redshift.model import load_model

        for runtime in _runtimes(load_model(name)):
            model = load_model(name, runtime)
            _predict_a_blank(model)
            card = model.card
            say(
                f"{card.name}: {card.members} networks, as on the card, {card.components} Gaussians: good "
                f"({model.runner.name})"
            )


@group.command("export")
def export(
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="An ONNX file; else one in the model's folder."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Write the networks of a model for ONNX Runtime, which predicts without TensorFlow."""
    with errors_told(debug):
        from vo_photoz.redshift.inference.export import FILE, add_onnx, export_onnx
        from vo_photoz.redshift.model import find_model, load_model

        if output is None:
            folder = find_model(name)
            difference = add_onnx(folder, made_by=_command("export", name))
            path = folder / FILE
        else:
            difference, path = export_onnx(load_model(name, "tensorflow"), output), output
    say(f"Written: {path} ({path.stat().st_size / 1e6:.1f} MB), within {difference:.1g} of the networks")


@group.command("calibrate")
def calibrate(
    models: Annotated[
        list[str],
        typer.Argument(help="A model, or those of a cross-validation; a folder stands for all in it."),
    ],
    dataset: Annotated[Path, typer.Argument(help="Folder of a data set with redshifts.")],
    fold: Annotated[
        int | None,
        typer.Option(help="Fold that a single model learns from; by default that of its stopping."),
    ] = None,
    orientations: Annotated[
        int | None, typer.Option(help="1 or 8: in how many turns and flips stamps are shown from now on.")
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make the densities of models hold what they promise, by objects that no network was fitted to."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.pipeline.calibrate import calibrate as run

        shown = one_or_eight(orientations)
        options = {"--fold": fold, "--orientations": orientations}
        command = _command("calibrate", *models, dataset, **options)
        done = run(models, dataset, fold=fold, orientations=shown, made_by=command, progress=progress)
    for model in done:
        card = model.card
        learned = card.calibration or {}
        say(
            f"{card.name}: calibrated on {learned.get('rows')} objects of folds {learned.get('folds')}", quiet
        )
        say(f"Fold {card.training.held_out_fold}:\n{score_table(card.scores)}", quiet)


@group.command("join")
def join(
    general: Annotated[str, typer.Argument(help="Name or folder of a model of all redshifts.")],
    specialists: Annotated[
        list[str],
        typer.Argument(
            help="The same of one or more that were trained on a part of them, or of a joined one alone."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the joined model.")],
    below: Annotated[
        float | None,
        typer.Option(help="Share of sources below the specialists' redshifts; else that of the training."),
    ] = None,
    beyond: Annotated[float | None, typer.Option(help="The same beyond them.")] = None,
    name: Annotated[str, typer.Option(help="Its name; else that of the folder.")] = "",
    title: Annotated[str, typer.Option(help="Its title; else that of the general model.")] = "",
    debug: Debug = False,
) -> None:
    """Join a model with specialists for some of its redshifts; calibrate the joined one afterwards."""
    with errors_told(debug):
        from vo_photoz.pipeline.join import join as run

        options = {"-o": output.name, "--below": below, "--beyond": beyond, "--name": name, "--title": title}
        command = _command("join", general, *specialists, **options)
        model = run(
            general,
            specialists,
            output,
            below=below,
            beyond=beyond,
            name=name,
            title=title,
            made_by=(command,),
        )
        say(f"{output}: {_facts(model.card)['densities']}; {_facts(model.card)['specialist']}")


def _command(name: str, *given: str | Path, **options: str | float | None) -> str:
    """The command for the card; paths without their folders."""
    words = ["vo-photoz", "models", name, *(Path(one).name or str(one) for one in given)]
    for option, value in options.items():
        words += [] if value is None or value == "" else [option, str(value)]
    return shlex.join(words)


def _runtimes(model: Model) -> tuple[Runtime, ...]:
    """What can run a model here, none of them opened."""
    from importlib.util import find_spec

    from vo_photoz.redshift.inference.runner import chosen

    if chosen(model, "auto") == "tensorflow":
        return ("tensorflow",)
    return ("onnx", "tensorflow") if find_spec("keras") else ("onnx",)


def _predict_a_blank(model: Model) -> None:
    import numpy as np

    from vo_photoz.errors import ModelError
    from vo_photoz.flow import Stamps
    from vo_photoz.redshift.predict import predict_stamps

    card = model.card
    blank = np.zeros((1, len(card.bands), card.stamp_pixels, card.stamp_pixels), dtype=np.float32)
    flags = np.zeros(1, dtype=np.int16)
    pdf = predict_stamps(
        model, Stamps(blank, flags, tuple(card.bands), card.pixel_arcsec, card.pixel_unit, card.dereddened)
    )
    if not np.isfinite(pdf.mean).all() or abs(float(pdf.weight.sum()) - 1) > 1e-4:
        raise ModelError(f"The model {card.name} does not give a density for a blank stamp.")


def _calibration(card: Card) -> str:
    kept = card.calibration
    if kept is None:
        return "none: densities are as the networks give them (see `vo-photoz models calibrate`)"
    folds = " ".join(map(str, kept.get("folds", []))) or "?"
    return f"on {kept.get('rows', '?')} objects of {kept.get('dataset', '?')}, folds {folds}"


def _sky(trained: Training) -> str:
    """Of which sky the networks were shown stamps."""
    real = sum(float(one["share"]) for one in trained.sources if one["real"])
    if trained.real or not real:
        return "real sky" if trained.real else "simulated sky"
    return f"of what is shown, {100 * real:.0f} % real sky, {100 - 100 * real:.0f} % simulated"


def _specialist(one: Specialist | None, of: str = "the networks") -> str:
    if one is None:
        return ""
    told = (
        f"{one.members} of {of}, for {one.z_min:.3f} to {one.z_max:.3f}; assumed are "
        f"{100 * one.assumed[0]:.3g} % of the sources below and {100 * one.assumed[2]:.3g} % beyond"
    )
    inner = _specialist(one.inner, "these")
    return f"{told}\n               {inner}" if inner else told


def _facts(card: Card) -> dict[str, str]:
    from vo_photoz.datasets.manifest import dereddening_text

    trained = card.training
    return {
        "name": f"{card.name}, version {card.model_version}",
        "title": card.title,
        "bands": " ".join(card.bands),
        "stamps": f"{card.stamp_pixels} pixels of {card.pixel_arcsec:g} arcsec, {card.pixel_unit}",
        "dereddened": dereddening_text(card.dereddened, card.dereddening),
        "densities": f"{card.components} Gaussians from {card.members} networks",
        "specialist": _specialist(card.specialist),
        "classes": " ".join(card.classes) or "none: every source is taken for what it was trained on",
        "redshifts": f"{card.z_min:.3f} to {card.z_max:.3f}; not to be trusted outside",
        "trained on": f"{trained.rows} objects of {trained.name}: {_sky(trained)}",
        "ONNX": ", ".join(card.onnx) or "no file: needs TensorFlow",
        "calibration": _calibration(card),
        "orientations": "8: averaged over turns and flips" if card.orientations == 8 else "1: as it is",
        "licence": card.licence or "not told",
        "citation": card.citation or "not told",
        "made": card.made,
        "made by": "\n               ".join(card.made_by),
    }
