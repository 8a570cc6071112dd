"""The commands ``vo-photoz surveys list | show | check``."""

from __future__ import annotations

from typing import Annotated

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, say

Name = Annotated[str, typer.Argument(help="Name of a survey, or a survey file (TOML).")]
Offline = Annotated[bool, typer.Option("--offline", help="Refuse the network.")]


def add_to(app: typer.Typer) -> None:
    """Add the group to the program."""
    group = typer.Typer(no_args_is_help=True, help="Surveys whose images can be used.")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("check")(check)
    app.add_typer(group, name="surveys")


def list_(debug: Debug = False) -> None:
    """List the surveys that come with the program."""
    with errors_told(debug):
        from vo_photoz.hips.survey import list_surveys, load_survey

        for name in list_surveys():
            survey = load_survey(name)
            say(f"{name:<12} {''.join(f'{band} ' for band in survey.bands):<12} {survey.title}")


def show(name: Name, debug: Debug = False) -> None:
    """Show what is known of a survey; nothing is fetched."""
    with errors_told(debug):
        from vo_photoz.hips.survey import load_survey

        survey = load_survey(name)
    say(f"{survey.name}: {survey.title}")
    say(f"file: {survey.file}")
    say(f"pixel unit: {survey.pixel_unit}")
    if survey.tried == "no":
        say("The addresses were never tried: see `vo-photoz surveys check`.")
    for band in survey.bands:
        known = survey.photometry[band]
        facts = [f"{known.scaling} values", "fluxes checked" if known.checked else "fluxes not checked"]
        if known.source_pixel_arcsec:
            facts.append(f"source pixel {known.source_pixel_arcsec} arcsec")
        if known.zero_point is not None:
            facts.append(f"zero point {known.zero_point} (AB)")
        say(f"{band}: {', '.join(facts)}")
        for address in survey.hips[band].addresses:
            say(f"   {address}")


def check(name: Name, offline: Offline = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Look whether a survey can be used; exit code 1 when it cannot."""
    with errors_told(debug):
        from vo_photoz.hips.check import check_survey
        from vo_photoz.hips.survey import load_survey

        found = check_survey(load_survey(name, offline=offline))
    for band in found:
        say(f"{band.band}: {band.address or 'no address works'}", quiet)
        for fact in band.facts:
            say(f"   {fact}", quiet)
        for doubt in band.doubts:
            say(f"   note: {doubt}", quiet)
        for problem in band.problems:
            typer.secho(f"   {problem}", fg=typer.colors.RED, err=True)
    if any(band.problems for band in found):
        raise typer.Exit(1)
    say("usable for stamps", quiet)
