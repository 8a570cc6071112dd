"""The commands ``vo-photoz surveys list | show | check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vo_photoz.cli import options as given
from vo_photoz.cli.common import Debug, Quiet, errors_told, progress_bar, say
from vo_photoz.errors import UsageError

if TYPE_CHECKING:
    from vo_photoz.hips.checks.survey import BandCheck
    from vo_photoz.hips.survey import Survey
    from vo_photoz.pipeline.surveys.check import BandResult

Name = Annotated[str, typer.Argument(help="Name of a survey, or a survey file (TOML).")]
Catalogue = Annotated[
    Path | None, typer.Option(help="Table of stars with positions and AB magnitudes: compare the fluxes.")
]
BandColumns = Annotated[
    list[str] | None,
    typer.Option("--band-columns", help="Magnitudes of the bands: g=gmag,r=psfMag_r; may be repeated."),
]
Magnitudes = Annotated[
    tuple[float, float], typer.Option(help="Brightest and faintest magnitude of the stars used.")
]
MostStars = Annotated[
    int, typer.Option("--stars", min=5, help="At most so many stars a band: each may cost a tile.")
]
RegionOrder = Annotated[
    int | None, typer.Option(min=0, max=12, help="HEALPix order of the sky regions; found when not given.")
]


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
        if known.checked_result:
            facts[-1] += f" ({known.checked_result})"
        if known.source_pixel_arcsec:
            facts.append(f"source pixel {known.source_pixel_arcsec} arcsec")
        if known.zero_point is not None:
            facts.append(f"zero point {known.zero_point} (AB)")
        say(f"{band}: {', '.join(facts)}")
        for address in survey.hips[band].addresses:
            say(f"   {address}")


def check(
    name: Name,
    catalogue: Catalogue = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the tables and the picture.")
    ] = None,
    band_columns: BandColumns = None,
    magnitudes: Magnitudes = (14.0, 21.0),
    tolerance: Annotated[float, typer.Option(help="Tolerated error of the zero point, mag.")] = 0.05,
    offset: Annotated[float, typer.Option(help="Tolerated astrometric offset, arcsec.")] = 0.2,
    most_stars: MostStars = 2000,
    region_order: RegionOrder = None,
    ra: given.Ra = None,
    dec: given.Dec = None,
    keep: Annotated[bool, typer.Option(help="Write the outcome into the survey file.")] = True,
    offline: given.Offline = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Look whether a survey can be used, and compare it with a catalogue; exit code 1 when it cannot."""
    with errors_told(debug), progress_bar(quiet) as progress:
        from vo_photoz.hips.checks.survey import check_survey
        from vo_photoz.hips.survey import load_survey

        survey = load_survey(name, offline=offline)
        columns = _pairs(band_columns or [])
        problems = _tell(check_survey(survey), quiet)
        if catalogue is not None:
            from vo_photoz.pipeline.surveys.check import check_photometry
            from vo_photoz.pipeline.surveys.verdict import Limits

            results = check_photometry(
                survey, catalogue, band_columns=columns, brightest=magnitudes[0], faintest=magnitudes[1],
                limits=Limits(zero_point=tolerance, offset_arcsec=offset), most_stars=most_stars,
                region_order=region_order, ra=ra, dec=dec, progress=progress,
            )  # fmt: skip
            problems += _tell_fluxes(results, survey, quiet)
            _write(results, survey, catalogue, output, keep=keep, quiet=quiet)
    for problem in problems:
        typer.secho(f"   {problem}", fg=typer.colors.RED, err=True)
    if problems:
        raise typer.Exit(1)
    say("usable for stamps" if catalogue is None else "usable: stamps and fluxes", quiet)


def _tell(found: list[BandCheck], quiet: bool) -> list[str]:
    """Tell what was found; the problems are returned."""
    for band in found:
        say(f"{band.band}: {band.address or 'no address works'}", quiet)
        for fact in band.facts:
            say(f"   {fact}", quiet)
        for doubt in band.doubts:
            say(f"   note: {doubt}", quiet)
    return [problem for band in found for problem in band.problems]


def _tell_fluxes(results: list[BandResult], survey: Survey, quiet: bool) -> list[str]:
    """Tell how the fluxes of the bands are; the problems are returned."""
    for one in results:
        say(f"{one.band}: {one.summary()} ({one.column}; {len(one.regions)} regions)", quiet)
    for band in survey.bands:
        if band not in {one.band for one in results}:
            say(f"{band}: not compared, the catalogue has no magnitudes of it", quiet)
    return [problem for one in results for problem in one.problems]


def _write(
    results: list[BandResult],
    survey: Survey,
    catalogue: Path,
    output: Path | None,
    *,
    keep: bool,
    quiet: bool,
) -> None:
    """Write the report where one is wanted, and the outcome into the survey file."""
    from vo_photoz.pipeline.surveys.report import keep_results, write_report

    if output is not None:
        paths = write_report(results, survey, catalogue, output)
        say(f"Written: {', '.join(map(str, paths))}", quiet)
    if keep:
        say(f"Kept in {keep_results(results, survey)}", quiet)


def _pairs(given: list[str]) -> dict[str, str]:
    """Bands and columns out of ``g=gmag,r=rmag``."""
    pairs = [one.partition("=") for text in given for one in text.split(",")]
    wrong = [band for band, _, column in pairs if not (band.strip() and column.strip())]
    if wrong:
        raise UsageError(f"--band-columns has no column for '{wrong[0]}'.", advice="Give BAND=COLUMN,...")
    return {band.strip(): column.strip() for band, _, column in pairs}
