"""Picture of the separations of matches, with what chance alone would give."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vo_photoz.analysis.plots import BLUE, DPI, VERMILION
from vo_photoz.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vo_photoz.catalogues.report import MatchReport

KINDS = (".png", ".pdf", ".svg")


def draw_separations(reports: Sequence[MatchReport], path: str | Path) -> None:
    """Draw a histogram for each crossmatch; the file appears only when complete.

    Parameters
    ----------
    reports : sequence of MatchReport
        What was found.
    path : path
        PNG, PDF or SVG.

    Raises
    ------
    UsageError
        Raised if the picture cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in KINDS:
        raise UsageError(f"{target} is no picture.", advice=f"Let it end in {', '.join(KINDS)}.")
    figure = Figure(figsize=(6, 3.2 * len(reports)), layout="constrained")
    FigureCanvasAgg(figure)
    for place, report in enumerate(reports, start=1):
        _draw(figure.add_subplot(len(reports), 1, place), report)
    part = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        figure.savefig(part, dpi=DPI)
        os.replace(part, target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)


def _draw(axes: Axes, report: MatchReport) -> None:
    found, expected = report.separations, report.expected_by_chance
    axes.stairs(
        found.counts, found.edges, fill=True, color=BLUE, label=f"{report.ledger.matched} matched rows"
    )
    if expected is not None:
        label = f"by chance: about {expected:.2g}"
        axes.stairs(expected * found.by_chance, found.edges, color=VERMILION, lw=2, label=label)
    if np.isfinite(found.median):
        axes.axvline(found.median, color="black", ls=":", label=f"median {found.median:.3g} arcsec")
    axes.set(xlim=(0, found.edges[-1]), xlabel="separation (arcsec)", ylabel="matches", title=report.name)
    axes.legend()
