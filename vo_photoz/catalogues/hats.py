"""Catalogues in HATS, of any size, through LSDB on Dask: crossmatch, filter by a coverage map."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_photoz.catalogues.hats_engine import computed, engine, failures_told, need_lsdb
from vo_photoz.catalogues.hats_places import FINEST_PART, Places, margin_order
from vo_photoz.catalogues.match import LARGEST_RADIUS_ARCSEC
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import Coverage, FloatArray, Match, NewColumn, Positions, Progress, no_progress
from vo_photoz.sky.moc import to_mocpy
from vo_photoz.sky.pairs import Pairs, best_partners, ranks, separation_arcsec
from vo_photoz.tables.formats.parquet import from_arrow

ROW, RA, DEC = "_vopz_row", "_vopz_ra", "_vopz_dec"
MOST_NEIGHBOURS = 500
"""LSDB keeps so many places for each row of the catalogue: 500 times a million rows are 8 GB."""


def match_hats(
    positions: Positions,
    address: str | Path,
    name: str,
    *,
    radius_arcsec: float,
    columns: Sequence[str] | None = None,
    coverage: Coverage | None = None,
    scheduler: str | None = None,
    progress: Progress = no_progress,
) -> Match:
    """Best partner of every row in a HATS catalogue.

    Parameters
    ----------
    positions : Positions
        ICRS positions of the user's rows.
    address : str or Path
        Folder or address of the catalogue or collection.
    name : str
        Prefix of the new columns.
    radius_arcsec : float
        Largest separation, at most one degree.
    columns : sequence of str or None
        Columns to join; None takes the catalogue's default columns, all where it names none.
    coverage : Coverage or None
        Partners outside of it do not count.
    scheduler : str or None
        Address of a Dask scheduler; None works in threads of this process.
    progress : Progress
        Told how much of the work on the catalogue is done.

    Returns
    -------
    Match

    Raises
    ------
    TableError
        Raised if there is no catalogue, or it lacks a column.
    UsageError
        Raised if LSDB is not installed, or an option cannot be meant.
    ServiceError
        Raised if a server or the scheduler fails.
    """
    started = time.monotonic()
    pairs, infos = hats_pairs(
        positions, address, radius_arcsec=radius_arcsec, columns=columns, coverage=coverage,
        scheduler=scheduler, progress=progress,
    )  # fmt: skip
    infos |= {"query": name, "seconds": f"{time.monotonic() - started:.1f}"}
    return Match(name, best_partners(name, pairs, len(positions)), infos=infos)


def hats_pairs(
    positions: Positions,
    address: str | Path,
    *,
    radius_arcsec: float,
    columns: Sequence[str] | None = None,
    coverage: Coverage | None = None,
    scheduler: str | None = None,
    progress: Progress = no_progress,
) -> tuple[Pairs, dict[str, str]]:
    """All pairs of rows within the radius, and what is told of them; else as `match_hats`.

    Notes
    -----
    LSDB takes the catalogue as the left and the positions as the right side. So no margin is needed of the
    catalogue, whose absence would lose pairs at the borders of its parts; the positions get one. LSDB finds a
    number of neighbours that is fixed beforehand: it is taken large enough for every row of the catalogue.
    """
    if not 0 < radius_arcsec <= LARGEST_RADIUS_ARCSEC:
        raise UsageError(
            f"A radius of {radius_arcsec:g} arcsec cannot be meant.",
            advice=f"Give more than 0 and at most {LARGEST_RADIUS_ARCSEC:g} arcsec.",
        )
    lsdb = need_lsdb()
    catalogue, wanted, left_out = _opened(address, columns, coverage)
    places = Places.of(positions)
    with engine(scheduler) as client, failures_told(address):
        parts = _crossmatched(catalogue, places, radius_arcsec)
        frame = None if parts is None else computed(parts, client, progress)
    pairs = _pairs(frame, catalogue, wanted, places, radius_arcsec)
    infos = {
        "service": f"the HATS catalogue {address}, by LSDB {lsdb.__version__}"
        + (f" on the Dask scheduler {scheduler}" if scheduler else ""),
        "radius_arcsec": f"{radius_arcsec:g}",
        "pairs": str(len(pairs)),
        "matched": str(len(np.unique(pairs.rows))),
    }
    if coverage is not None:
        infos["coverage"] = coverage.origin
    if left_out:
        infos["columns_left_out"] = f"{', '.join(left_out)} (nested tables)"
    return pairs, infos


def _opened(
    address: str | Path, columns: Sequence[str] | None, coverage: Coverage | None
) -> tuple[Any, list[str], list[str]]:
    """The catalogue, the columns to join, and those that no table of the VO can hold."""
    catalogue = open_hats(address)
    info = catalogue.hc_structure.catalog_info
    nested = list(catalogue.nested_columns)
    if columns is None:
        wanted = [column for column in catalogue.columns if column not in nested]
        left_out = nested
    else:
        wanted, left_out = list(dict.fromkeys(columns)), []
        missing = [one for one in wanted if one not in catalogue.all_columns]
        if missing:
            raise TableError(
                f"The HATS catalogue {address} has no column '{missing[0]}'.",
                advice=f"Its columns are {', '.join(catalogue.all_columns[:60])}.",
            )
    needed = list(dict.fromkeys([*wanted, info.ra_column, info.dec_column]))
    return open_hats(address, columns=needed, coverage=coverage), wanted, left_out


def open_hats(
    address: str | Path, *, columns: Sequence[str] | None = None, coverage: Coverage | None = None
) -> Any:
    """`lsdb.catalog.Catalog` of a folder or address, of which nothing is read yet.

    Parameters
    ----------
    address : str or Path
        Folder or address.
    columns : sequence of str or None
        Columns to read; None takes the default ones.
    coverage : Coverage or None
        Rows outside of it are left out.

    Raises
    ------
    TableError, ServiceError
        Raised if there is no catalogue of objects.
    """
    lsdb = need_lsdb()
    search = None if coverage is None else lsdb.MOCSearch(to_mocpy(coverage), fine=True)
    with failures_told(address):
        try:
            catalogue = lsdb.open_catalog(
                str(address),
                columns=None if columns is None else list(columns),
                search_filter=search,
                error_empty_filter=False,
            )
        except (TypeError, NotImplementedError, ValueError) as error:
            raise TableError(f"{address} is not a HATS catalogue of sources ({error}).") from None
    info = catalogue.hc_structure.catalog_info
    if not info.ra_column or not info.dec_column:
        raise TableError(f"The HATS catalogue {address} does not say where its positions are.")
    return catalogue


def _crossmatched(catalogue: Any, places: Places, radius_arcsec: float) -> Any:
    """LSDB's crossmatch, not computed yet; None where the two do not meet."""
    lsdb, pandas = need_lsdb(), need_lsdb("pandas")
    if not len(places) or not catalogue.npartitions:
        return None
    neighbours = places.most_within(radius_arcsec)
    if neighbours > MOST_NEIGHBOURS:
        raise UsageError(
            f"Up to {neighbours} positions of the table lie within {radius_arcsec:g} arcsec of one place.",
            advice="Give a smaller radius.",
        )
    # A little more than asked for: the exact separation decides afterwards.
    limit = radius_arcsec * (1 + 1e-9) + 1e-6
    frame = pandas.DataFrame({RA: places.ra, DEC: places.dec, ROW: np.arange(len(places))})
    margin = margin_order(limit)
    finest = min(FINEST_PART, margin - 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Ignoring margin_threshold", RuntimeWarning)
        right = lsdb.from_dataframe(
            frame, ra_column=RA, dec_column=DEC, catalog_name="positions", margin_order=margin,
            highest_order=finest, partition_rows=places.part_rows(finest), should_generate_moc=False,
        )  # fmt: skip
    try:
        return catalogue.crossmatch(
            right, n_neighbors=neighbours, radius_arcsec=limit, suffix_method="overlapping_columns",
            log_changes=False,
        )  # fmt: skip
    except RuntimeError as error:
        if "do not overlap" in str(error):
            return None
        raise


def _pairs(frame: Any, catalogue: Any, wanted: list[str], places: Places, radius_arcsec: float) -> Pairs:
    """Pairs of rows, of what LSDB found."""
    info = catalogue.hc_structure.catalog_info
    frame = catalogue.meta if frame is None else frame
    columns = {name: frame[name].array for name in dict.fromkeys([*wanted, info.ra_column, info.dec_column])}
    if ROW not in frame:
        none = np.zeros(0, np.int64)
        empty = [_column(catalogue, name, columns[name], none) for name in wanted]
        return Pairs(none, np.zeros(0), empty)
    place = frame[ROW].to_numpy(dtype=np.int64)
    ra, dec = (columns[name].to_numpy(dtype=np.float64) for name in (info.ra_column, info.dec_column))
    separation = separation_arcsec(places.ra[place], places.dec[place], ra, dec)
    near = np.flatnonzero(separation <= radius_arcsec)
    rows, pair = places.expanded(place[near])
    order = np.lexsort((separation[near][pair], rows))
    rows, pair = rows[order], near[pair[order]]
    found = [_column(catalogue, name, columns[name], pair) for name in wanted]
    return Pairs(rows, separation[pair], found, _numbers(ra[pair], dec[pair], found))


def _numbers(ra: FloatArray, dec: FloatArray, columns: list[NewColumn]) -> NDArray[np.int64]:
    """Number of the partner of each pair; partners are the same when place and values are."""
    values = [ranks(column.values) for column in columns if column.values.ndim == 1]
    keys = np.stack([ranks(ra), ranks(dec), *values], axis=1)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _column(catalogue: Any, name: str, values: Any, pairs: NDArray[np.int64]) -> NewColumn:
    """A column of the partners, with what the catalogue's schema tells of it."""
    schema = catalogue.original_schema
    notes = schema.field(name).metadata or {} if schema is not None and name in schema.names else {}
    told = {key.decode().lower(): text.decode("utf-8", "replace") for key, text in notes.items()}
    array = pa.chunked_array([pa.array(values)]).take(pa.array(pairs))
    return NewColumn(
        name, from_arrow(array, name), told.get("unit", ""), told.get("ucd", ""), told.get("description", "")
    )
