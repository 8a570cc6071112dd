"""Compare the pixels of a survey with a catalogue, to know whether they can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vo_photoz.catalogues.magnitudes import find_magnitudes, magnitudes
from vo_photoz.errors import PhotozError, TableError
from vo_photoz.flow import FloatArray, Positions, Progress, no_progress
from vo_photoz.hips.checks.photometry import (
    LEAST_STARS,
    STAMP_ARCSEC,
    Calibration,
    Sources,
    calibrate,
    measure_sources,
)
from vo_photoz.hips.cutouts import cut_stamps
from vo_photoz.hips.survey import Survey
from vo_photoz.pipeline.surveys.verdict import Limits, Region, region_problems, verdict
from vo_photoz.sky.frames import unit_vectors
from vo_photoz.sky.pixels import cells_of
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.read import read_table

ALONE_ARCSEC = 12.0
"""A star with another source of the catalogue this near is left out: its sky ring would not be empty."""
MOST_STARS = 2000
BATCH = 128
STARS_A_REGION = 20
DEEPEST_REGION = 9
"""Cells of a seventh of a degree: the size of a camera's field or detector."""


@dataclass(frozen=True)
class BandResult:
    """What was found out about the pixels of one band.

    Parameters
    ----------
    band, column : str
        The band, and the column of the catalogue it was compared with.
    expected : float or None
        AB zero point that the survey states.
    found : Calibration or None
        None when there were too few stars.
    magnitude : float64 array, shape (n,)
        Of the stars that were looked at, as in ``found``.
    sources : Sources or None
        Their measurements.
    regions : list of Region
        By cell of the sky.
    region_order : int
        HEALPix order of the cells.
    problems : list of str
        Why the band cannot be trusted, one sentence each.
    """

    band: str
    column: str
    expected: float | None
    found: Calibration | None
    magnitude: FloatArray
    sources: Sources | None
    regions: list[Region] = field(default_factory=list)
    region_order: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether the band passed."""
        return self.found is not None and not self.problems

    def summary(self) -> str:
        """Figures in one line, for the terminal, the survey file and provenance."""
        if self.found is None:
            return "no photometry"
        f = self.found
        return (
            f"zp={f.zero_point:.3f} scatter={f.scatter:.3f} slope={f.slope:+.4f} "
            f"dra={f.east:+.3f} ddec={f.north:+.3f} stars={f.stars}"
        )


def check_photometry(
    survey: Survey,
    catalogue: str | Path,
    *,
    band_columns: Mapping[str, str] | None = None,
    brightest: float = 14.0,
    faintest: float = 21.0,
    limits: Limits | None = None,
    most_stars: int = MOST_STARS,
    region_order: int | None = None,
    ra: str | None = None,
    dec: str | None = None,
    progress: Progress = no_progress,
) -> list[BandResult]:
    """Compare aperture fluxes of a catalogue's stars with their magnitudes, band by band.

    Parameters
    ----------
    survey : Survey
        Survey with FITS tiles.
    catalogue : path
        Table with positions and AB magnitudes.
    band_columns : mapping of str to str or None
        Columns of the magnitudes by band; what is left out is found by name or UCD.
    brightest, faintest : float
        Magnitudes between which stars are used; brighter ones may be saturated.
    limits : Limits or None
        What is tolerated.
    most_stars : int
        At most so many stars a band, chosen over the whole catalogue: each may cost a tile.
    region_order : int or None
        HEALPix order of the regions; None takes the deepest that leaves enough stars in a cell.
    ra, dec : str or None
        Position columns.
    progress : Progress
        Told after each band.

    Returns
    -------
    list of BandResult
        One for each band of the survey that the catalogue has.

    Raises
    ------
    TableError
        Raised if the catalogue cannot be read, or lacks positions, magnitudes or isolated stars.
    """
    table = read_table(catalogue)
    positions = find_positions(table, ra=ra, dec=dec)
    columns = find_magnitudes(table, survey.bands, band_columns)
    every = {band: magnitudes(table, column) for band, column in columns.items()}
    vectors = _vectors(positions)
    alone = _alone(positions, vectors)
    results = []
    for done, (band, column) in enumerate(columns.items()):
        with np.errstate(invalid="ignore"):
            fit = alone & (every[band] >= brightest) & (every[band] <= faintest)
        rows = _spread(np.flatnonzero(fit), most_stars)
        if not len(rows):
            raise TableError(
                f"The catalogue {table.source} has no isolated sources between magnitude {brightest:g} and "
                f"{faintest:g} in {column}.",
                advice="Give another range with --magnitudes.",
            )
        magnitude = {name: values[rows] for name, values in every.items()}
        results.append(
            _check_band(
                survey.only([band]), column, positions.take(rows), magnitude, vectors[rows],
                region_order, limits or Limits(),
            )
        )  # fmt: skip
        progress("photometry", done + 1, len(columns))
    return results


def _vectors(positions: Positions) -> FloatArray:
    return unit_vectors(np.nan_to_num(positions.ra), np.nan_to_num(positions.dec))


def _alone(positions: Positions, vectors: FloatArray) -> NDArray[np.bool_]:
    """Rows with a position and without another source near."""
    rows = np.flatnonzero(positions.valid)
    alone = np.zeros(len(positions), dtype=bool)
    if len(rows) == 1:
        alone[rows] = True
    elif len(rows):
        chord, _ = cKDTree(vectors[rows]).query(vectors[rows], k=2)
        alone[rows] = chord[:, 1] > 2 * math.sin(math.radians(ALONE_ARCSEC / 3600) / 2)
    return alone


def _spread(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of them, the same at every call."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def _check_band(
    survey: Survey,
    column: str,
    positions: Positions,
    every: Mapping[str, FloatArray],
    vectors: FloatArray,
    region_order: int | None,
    limits: Limits,
) -> BandResult:
    band = survey.bands[0]
    magnitude, expected = every[band], survey.zero_point(band)
    try:
        sources = _measure(survey, positions)
    except PhotozError as error:
        return BandResult(band, column, expected, None, magnitude, None, problems=[error.message])
    found = calibrate(sources, magnitude)
    if found is None:
        seen = int(np.isfinite(sources.flux).sum())
        why = (
            f"Band {band}: fewer than {LEAST_STARS} stars could be measured well; {seen} of {len(positions)} "
            "sources of the catalogue lie on pixels with values."
        )
        return BandResult(band, column, expected, None, magnitude, sources, problems=[why])
    order, regions = _regions(found, sources, vectors, region_order)
    problems = verdict(band, found, expected, limits, sources, every)
    problems += region_problems(band, found, order, regions, limits)
    return BandResult(band, column, expected, found, magnitude, sources, regions, order, problems)


def _measure(survey: Survey, positions: Positions) -> Sources:
    pixel = survey.pixel_arcsec
    size = 2 * math.ceil(STAMP_ARCSEC / pixel / 2) + 1
    parts, rows = [], []
    for here, stamps in cut_stamps(
        survey, positions, size=size, pixel_arcsec=pixel, flux="per_pixel", batch=BATCH
    ):
        parts.append(measure_sources(stamps.pixels[:, 0], pixel))
        rows.append(here)
    return Sources.joined(parts, rows, len(positions))


def _regions(
    found: Calibration, sources: Sources, vectors: FloatArray, wanted: int | None
) -> tuple[int, list[Region]]:
    """Stars by HEALPix cell; cells with few stars say nothing and are left out."""
    stars = np.flatnonzero(found.used)
    order = _region_order(vectors[stars]) if wanted is None else wanted
    cells = cells_of(vectors[stars], order)
    regions = []
    for cell in np.unique(cells):
        here = stars[cells == cell]
        if len(here) < LEAST_STARS:
            continue
        zero_points = found.zero_points[here]
        middle = float(np.median(zero_points))
        scatter = 1.4826 * float(np.median(np.abs(zero_points - middle)))
        east, north = float(np.median(sources.east[here])), float(np.median(sources.north[here]))
        regions.append(Region(int(cell), len(here), middle, scatter, east, north))
    return order, regions


def _region_order(vectors: FloatArray) -> int:
    """Deepest order at which half of the occupied cells have enough stars."""
    for order in range(DEEPEST_REGION, 0, -1):
        _, counts = np.unique(cells_of(vectors, order), return_counts=True)
        if np.median(counts) >= STARS_A_REGION:
            return order
    return 0
