"""An evaluation as one HTML page that needs no other file, and its pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from vo_photoz.analysis.bin_plots import draw_bins
from vo_photoz.analysis.evaluation_plots import (
    draw_calibration,
    draw_comparisons,
    draw_pit,
    draw_redshifts,
    draw_stack,
)
from vo_photoz.analysis.evaluation_view import EvaluationView
from vo_photoz.analysis.high_z_plot import draw_high_redshift
from vo_photoz.analysis.plots import draw_sources

LISTED = 200
"""Suspected labels in the table of the page."""


@dataclass(frozen=True)
class Column:
    """A score in the tables: name, heading, form, definition, and whether it is seen at first sight."""

    name: str
    title: str
    form: str
    meaning: str
    main: bool = False


COLUMNS = (
    Column("crps", "CRPS", ".4f", "mean continuous ranked probability score, in redshift", main=True),
    Column("nll", "NLL", ".3f", "mean of -ln p(z)", main=True),
    Column("cde_loss", "CDE loss", ".3f", "mean of the integral of p squared, minus 2 p(z)"),
    Column("rmse", "RMSE", ".4f", "root mean square of z_phot - z", main=True),
    Column("bias", "bias", "+.4f", "mean of e", main=True),
    Column("bias_median", "median e", "+.4f", "median of e: the bias of the LSST DESC"),
    Column("nmad", "NMAD", ".4f", "1.4826 median |e - median(e)|", main=True),
    Column("sigma_iqr", "sigma IQR", ".4f", "interquartile range of e over 1.349"),
    Column("outliers", "> 0.15", ".2%", "share of objects with |e| > 0.15", main=True),
    Column("outliers_3sigma", "> 3 NMAD", ".2%", "share of objects with |e| > 3 NMAD"),
    Column(
        "outliers_desc", "DESC", ".2%", "outliers of the LSST DESC: |e| > max(0.06, 3 sigma IQR)", main=True
    ),
    Column("pit_ks", "PIT KS", ".4f", "Kolmogorov-Smirnov distance of the PIT from uniform", main=True),
    Column("pit_cvm", "CvM", ".2f", "Cramer-von Mises statistic of the PIT"),
    Column("pit_ad", "AD", ".1f", "Anderson-Darling statistic of the PIT against even values, as in RAIL"),
    Column("pit_outliers", "PIT ends", ".2%", "share of objects with a PIT below 0.0001 or above 0.9999"),
    Column("coverage_50", "in 50 %", ".1%", "share of objects inside the central 50 %"),
    Column("coverage_68", "in 68 %", ".1%", "share of objects inside the central 68 %", main=True),
    Column("coverage_95", "in 95 %", ".1%", "share of objects inside the central 95 %"),
)
COMPARED = {"crps": "CRPS", "nll": "NLL", "nmad": "NMAD", "outliers": "outliers"}


def pictures_of(view: EvaluationView) -> dict[str, bytes]:
    """All pictures as PNG by name: redshifts, stack, pit, and so on; bins_* and suspects at the end."""
    figures: dict[str, Figure] = {
        "redshifts": draw_redshifts(view),
        "stack": draw_stack(view),
        "pit": draw_pit(view),
        "calibration": draw_calibration(view),
    }
    if view.natural is not None:
        figures["high_redshift"] = draw_high_redshift(view.natural.several)
    if view.comparisons:
        figures["comparisons"] = draw_comparisons(view)
    for quantity, bins in view.binned:
        figures[f"bins_{quantity.name}"] = draw_bins(view, quantity, list(bins))
    if view.pictures:
        figures["suspects"] = draw_sources(list(view.pictures))
    return {name: _png(figure) for name, figure in figures.items()}


def page_of(view: EvaluationView, pictures: Mapping[str, bytes]) -> str:
    """The page, with its pictures inside; every value is escaped."""
    environment = Environment(
        loader=PackageLoader("vo_photoz.analysis", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "duration": _duration, "options": _options}
    template = environment.get_template("evaluation.html")
    first = next(iter(view.comparisons.values()), None)
    return template.render(
        view=view,
        columns=COLUMNS,
        compared=COMPARED,
        bootstrap=first,
        listed=LISTED,
        pictures={name: base64.b64encode(png).decode() for name, png in pictures.items()},
    )


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _number(value: Any, form: str) -> str:
    """A number in a form of its own; a dash where there is none."""
    if value is None or not np.isfinite(value):
        return "-"
    return format(float(value), form)


def _duration(seconds: float | None) -> str:
    """Seconds in words; a dash where they are not known."""
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _options(options: Mapping[str, Any]) -> str:
    """Options in words."""
    texts = {key: f"{one:.4g}" if isinstance(one, float) else str(one) for key, one in options.items()}
    return ", ".join(f"{key.replace('_', ' ')} {text}" for key, text in texts.items())
