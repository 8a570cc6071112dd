"""The commands ``vo-photoz queries list | show | check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, say
from vo_photoz.errors import UsageError

if TYPE_CHECKING:
    from vo_photoz.pipeline.check_query import Checked
    from vo_photoz.tap.queries import Query

Name = Annotated[
    str, typer.Argument(help="Name of a query, or an .adql file; values behind a colon: gaia-stars:snr=7.")
]

group = typer.Typer(no_args_is_help=True, help="Queries that match sources in archives.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(group, name="queries")


@group.command("list")
def list_(debug: Debug = False) -> None:
    """List all queries: those of the program and your own."""
    with errors_told(debug):
        from vo_photoz.tap.queries import list_queries, own_folders

        for name in list_queries():
            typer.echo(f"{name:22} {_title(name)}")
        typer.echo(f"\nYour own: {' or '.join(str(folder) for folder in own_folders())}")


def _title(name: str) -> str:
    from vo_photoz.tap.queries import load_query, shipped_folder

    try:
        query = load_query(name)
    except UsageError as error:  # a file of the user's; the others can be used all the same
        return f"cannot be used: {error}"
    if query.hides:
        return f"{query.title} (yours, instead of the program's)"
    return query.title if query.origin.startswith(str(shipped_folder())) else f"{query.title} (yours)"


@group.command()
def show(name: Name, debug: Debug = False) -> None:
    """Show what a query asks, where, and what it returns."""
    with errors_told(debug):
        from vo_photoz.tap.queries import load_query

        query = load_query(name)
        told = {
            "title": query.title,
            "file": query.origin + (f" (instead of {query.hides})" if query.hides else ""),
            "service": " ".join(query.services),
            "positions go": _route(query),
            "epoch": f"ICRS, {query.epoch}",
            "VizieR": query.vizier.name if query.vizier else "",
            "verified": query.verified,
            "cite": query.cite,
        }
    for key, value in told.items():
        if value:
            typer.echo(f"{key:13} {value}")
    for line in _details(query):
        typer.echo(line)
    typer.echo(f"\n{query.adql}")


def _route(query: Query) -> str:
    if query.sky:
        return "nowhere: it lists a part of the sky"
    return "as an uploaded table" if query.upload else "into the text"


def _details(query: Query) -> list[str]:
    """Parameters and returned columns, one a line."""
    lines = ["\nparameters"] if query.parameters else []
    for name, one in query.parameters.items():
        limits = f" ({one.limits})" if one.limits else ""
        lines.append(f"  {name:18} {one.told}{limits}  {one.about}".rstrip())
    lines.append("\nreturns")
    for name in query.returns:
        column = query.returned[name]
        lines.append(f"  {name:18} {column.unit:8} {column.ucd:28} {column.about}".rstrip())
    return lines


@group.command()
def check(
    name: Name,
    service: Annotated[
        str | None, typer.Option(help="Also ask this TAP service; 'own' is that of the query.")
    ] = None,
    position: Annotated[
        list[str] | None, typer.Option(help="Ask about 'RA DEC', ICRS degrees; may be repeated.")
    ] = None,
    radius: Annotated[float | None, typer.Option(min=0.001, help="Largest separation, arcsec.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Total time allowed for the service.")] = 60,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Check a query file: header, ADQL, columns; with --service also what the archive answers."""
    with errors_told(debug):
        from vo_photoz.pipeline.check_query import PLACES, check_query
        from vo_photoz.tap.queries import load_query

        query = load_query(name)
        where = query.services[0] if service == "own" else service
        places = tuple(_place(text) for text in position) if position else PLACES
        checked = check_query(query, service=where, places=places, radius_arcsec=radius, seconds=seconds)
        _tell(checked, quiet)
        if checked.findings:
            words = "\n  ".join(one.words for one in checked.findings)
            raise UsageError(f"{query.origin} is not as it should be:\n  {words}")


def _place(text: str) -> tuple[float, float]:
    try:
        ra, dec = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        ra, dec = 0.0, 100.0
    if not abs(dec) <= 90 or not 0 <= ra <= 360:
        raise UsageError(f"'{text}' is no position.", advice="Write --position '150.1 2.2', degrees, ICRS.")
    return ra, dec


def _tell(checked: Checked, quiet: bool) -> None:
    from vo_photoz.sky.pairs import column_prefix

    query = checked.query
    if checked.service and checked.columns:
        say(f"{checked.service} answered in {checked.seconds:.1f} s with {checked.n_rows} rows:", quiet)
        prefix = "" if query.sky else f"{column_prefix(query.name)}_"
        for column in checked.columns:
            say(f"  {prefix + column.name:30} {column.unit:10} {column.ucd}", quiet)
    if not checked.findings:
        asked = "" if checked.service else "; no archive was asked (--service)"
        what = f"header, ADQL and {len(query.returns)} columns"
        say(f"{query.name}: {what} are as they should be{asked}.", quiet)
