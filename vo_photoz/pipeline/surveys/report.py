"""Keep the photometry of a survey check: tables, a picture, the survey file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz.analysis.survey_plots import BandPanel, save_check
from vo_photoz.errors import UsageError
from vo_photoz.hips.checks.photometry import Calibration, Sources
from vo_photoz.hips.checks.survey_file import keep_check
from vo_photoz.hips.survey import Survey
from vo_photoz.pipeline.surveys.check import BandResult

COLUMNS = {
    "band": ("", "meta.id;instr.bandpass", "band of the survey"),
    "column": ("", "meta.id", "magnitude column of the catalogue"),
    "region": ("", "meta.id;pos.healpix", "HEALPix cell (nested, ICRS), order/number; all: every star"),
    "stars": ("", "meta.number", "stars used"),
    "expected": ("mag", "phot.mag;arith.zp", "AB zero point that the survey states"),
    "zero_point": ("mag", "phot.mag;arith.zp", "AB zero point measured: magnitude of a pixel value of 1"),
    "zero_point_error": ("mag", "stat.error;phot.mag;arith.zp", "its error"),
    "scatter": ("mag", "stat.stdev;phot.mag", "robust scatter of single stars"),
    "slope": ("", "stat.fit.param", "change of the zero point with magnitude"),
    "slope_error": ("", "stat.error;stat.fit.param", "its error"),
    "east": ("arcsec", "pos.eq.ra;arith.diff", "median offset of the images to the east"),
    "north": ("arcsec", "pos.eq.dec;arith.diff", "median offset of the images to the north"),
    "rms": ("arcsec", "stat.stdev;pos", "rms of the offsets of stars, per axis"),
}
"""Unit, UCD and description of the columns."""


def write_report(results: Sequence[BandResult], survey: Survey, catalogue: Path, folder: Path) -> list[Path]:
    """Write ``photometry.vot``, ``photometry.ecsv`` and ``photometry.png`` into a folder.

    Raises
    ------
    UsageError
        Raised if the folder cannot be written.
    """
    paths = [folder / f"photometry.{ending}" for ending in ("vot", "ecsv", "png")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        table = _table(results, survey, catalogue)
        for path, kind in zip(paths[:2], ("votable", "ascii.ecsv"), strict=True):
            _write(table, path, kind)
        panels = [_panel(one, one.found, one.sources) for one in results if one.found and one.sources]
        save_check(panels, f"{survey.title}: pixels", paths[2])
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {folder}: {error.strerror or error}.", url=str(folder)
        ) from None
    return paths


def keep_results(results: Sequence[BandResult], survey: Survey) -> Path:
    """Write the outcome into the survey's file; see `vo_photoz.hips.checks.survey_file.keep_check`."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    told = {one.band: f"{'yes' if one.good else 'no'} {today} {one.summary()}" for one in results}
    measured = any(one.found for one in results)
    return keep_check(survey.file, told, tried=today if measured else "")


def _table(results: Sequence[BandResult], survey: Survey, catalogue: Path) -> Any:
    from astropy.table import Table  # noqa: PLC0415 - slow to import

    rows = [row for one in results for row in _rows(one)]
    table = Table({name: [row.get(name, np.nan) for row in rows] for name in COLUMNS})
    for name, (unit, ucd, description) in COLUMNS.items():
        table[name].unit = unit or None
        table[name].description = description
        table[name].meta["ucd"] = ucd
    table.meta["description"] = f"Photometry of {survey.name} against {catalogue.name}"
    table.meta["problems"] = [problem for one in results for problem in one.problems]
    return table


def _rows(one: BandResult) -> list[dict[str, Any]]:
    """The row of all stars, and one for each region."""
    expected = np.nan if one.expected is None else one.expected
    same = {"band": one.band, "column": one.column, "expected": expected}
    if one.found is None:
        return [{**same, "region": "all", "stars": 0}]
    names = ("zero_point", "zero_point_error", "scatter", "slope", "slope_error", "east", "north", "rms")
    rows = [{**same, "region": "all", "stars": one.found.stars, **{k: getattr(one.found, k) for k in names}}]
    for region in one.regions:
        known = {k: getattr(region, k) for k in ("stars", "zero_point", "scatter", "east", "north")}
        rows.append({**same, "region": f"{one.region_order}/{region.cell}", **known})
    return rows


def _write(table: Any, path: Path, kind: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if kind == "votable":
            from astropy.io.votable import from_table, writeto  # noqa: PLC0415 - slow to import
            from astropy.io.votable.tree import Info  # noqa: PLC0415

            document = from_table(table)
            document.resources[0].infos.extend(
                Info(name="vo_photoz.problem", value=problem) for problem in table.meta["problems"]
            )
            for field in document.get_first_table().fields:
                field.ucd = COLUMNS[field.name][1]
            writeto(document, str(part))
        else:
            table.write(part, format=kind)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _panel(one: BandResult, found: Calibration, sources: Sources) -> BandPanel:
    used = found.used
    return BandPanel(
        one.band,
        one.summary(),
        one.magnitude[used],
        found.zero_points[used],
        one.expected,
        found.zero_point,
        sources.east[used],
        sources.north[used],
        one.good,
    )
