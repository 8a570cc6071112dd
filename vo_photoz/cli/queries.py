"""The commands ``vo-photoz queries list | show | check``."""

from __future__ import annotations

from typing import Annotated

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, say
from vo_photoz.errors import UsageError

Name = Annotated[str, typer.Argument(help="Name of a query, or the path of an .adql file.")]

group = typer.Typer(no_args_is_help=True, help="Queries that match sources in archives.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(group, name="queries")


@group.command("list")
def list_(debug: Debug = False) -> None:
    """List all queries: those of the program and your own."""
    with errors_told(debug):
        from vo_photoz.tap.queries import list_queries, load_query

        for name in list_queries():
            try:
                title = load_query(name).title
            except UsageError as error:  # a file of the user's; the others can be used all the same
                title = f"cannot be used: {error}"
            typer.echo(f"{name:20} {title}")


@group.command()
def show(name: Name, debug: Debug = False) -> None:
    """Show what a query asks, where, and what it returns."""
    with errors_told(debug):
        from vo_photoz.tap.queries import load_query

        query = load_query(name)
        told = {
            "title": query.title,
            "file": query.origin,
            "service": " ".join(query.services),
            "upload": "yes" if query.upload else "no",
            "parameters": ", ".join(f"{key} = {p.told}" for key, p in query.parameters.items()),
            "returns": ", ".join(query.returns),
            "positions": f"ICRS, epoch {query.epoch}",
            "verified": query.verified,
            "cite": query.cite,
        }
    for key, value in told.items():
        typer.echo(f"{key:11} {value}")
    typer.echo(f"\n{query.adql}")


@group.command()
def check(
    name: Name,
    service: Annotated[str | None, typer.Option(help="TAP address instead of the query's own.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Total time allowed.")] = 60,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Ask the archive for one position, to see that it answers with the columns it should."""
    with errors_told(debug):
        from vo_photoz.pipeline.crossmatch import check_query

        match = check_query(name, service=service, seconds=seconds)
    say(f"{match.infos['service']} answered in {match.infos['seconds']} s with:", quiet)
    for column in match.columns:
        say(f"  {column.name:30} {column.unit:10} {column.ucd}", quiet)
