"""The command ``vo-photoz score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vo_photoz.cli.common import Debug, Quiet, errors_told, say
from vo_photoz.cli.evaluate import COLUMNS, names_in
from vo_photoz.errors import UsageError

if TYPE_CHECKING:
    from vo_photoz.pipeline.score import ScoredList


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("score")(score)


def score(
    table: Annotated[Path, typer.Argument(help="What `predict` wrote: VOTable, FITS or Parquet.")],
    z: Annotated[
        str | None, typer.Option(help="Column with known redshifts; found by UCD or name when not given.")
    ] = None,
    edges: Annotated[
        str, typer.Option(help="Edges of ranges of the known redshift to score apart: 2.75,3.9,5.")
    ] = "",
    against: Annotated[
        Path | None, typer.Option(help="Another prediction of the same rows, to be compared with.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="All scores and comparisons as JSON.")
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score the predictions of TABLE against known redshifts that stand in one of its columns."""
    with errors_told(debug):
        from vo_photoz.pipeline.evaluation.report import write_json
        from vo_photoz.pipeline.score import score as run

        found = run(table, z=z, edges=_numbers(edges), against=against)
        if output is not None:
            write_json(found.as_dict(), output)
    for line in summary(found):
        say(line, quiet)
    if output is not None:
        say(f"Written: {output}", quiet)


def summary(found: ScoredList) -> list[str]:
    """Scores of a table of predictions, for a terminal."""
    lines = [f"Known redshifts: column {found.table.column}. Rows: {len(found.table)}."]
    lines += [f"{n:8d} {words}" for words, n in found.table.ledger()]
    lines.append(f"{'':14}{'n':>7}" + "".join(f"{title:>10}" for title in COLUMNS.values()))
    for name, one in found.scores.items():
        numbers = one.as_dict()
        shown = "".join(f"{numbers.get(column, float('nan')):>10.4f}" for column in COLUMNS)
        lines.append(f"{name:<14}{one.n:>7}{shown}")
    for name, other in found.against.items():
        crps = other.metrics["crps"]
        lines.append(
            f"{name}: CRPS over that of the other table {other.crps_ratio:.4f} +- "
            f"{other.crps_ratio_error:.4f} (difference {crps.difference:+.5f} +- {crps.error:.5f})"
        )
    return lines


def _numbers(text: str) -> list[float]:
    try:
        return [float(one) for one in names_in(text)]
    except ValueError:
        raise UsageError(f"--edges {text} cannot be meant.", advice="Write 2.75,3.9,5.") from None
