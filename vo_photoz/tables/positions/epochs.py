"""The epoch of a table's positions: from a column, a coordinate system, a description, a parameter."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.tables.positions.frames import Frame
from vo_photoz.tables.positions.names import words
from vo_photoz.tables.user_table import ColumnInfo, UserTable

_REFERENCE = ("refepoch", "referenceepoch", "epochref", "epref")
_PLAIN = ("epoch", "ep", "epochyr", "posepoch", "epochpos")
_STATED = re.compile(r"\bEp(?:och)?\s*[=:]?\s*([JB]?\s*(?:18|19|20)\d\d(?:\.\d+)?)", re.IGNORECASE)
_ORIGINS = {"mjd-origin": 2400000.5, "jd-origin": 0.0}
_J2000 = 2451545.0


def julian_year(text: str) -> float | None:
    """Julian year of an epoch: "J2015.5", "B1950.0", "2000", "MJD 57388"; None where it is none."""
    found = re.fullmatch(r"\s*(J|B|MJD|JD)?\s*(\d+(?:\.\d*)?)\s*", text, re.IGNORECASE)
    if not found:
        return None
    letter, number = (found[1] or "").upper(), float(found[2])
    if letter in ("MJD", "JD"):
        return 2000.0 + (number + (2400000.5 if letter == "MJD" else 0.0) - _J2000) / 365.25
    if not 1700 < number < 2200:
        return None
    return float(Time(number, format="byear").jyear) if letter == "B" else number


def epochs_of(table: UserTable, place: int, frame: Frame) -> tuple[FloatArray, str]:
    """Julian years of the positions of all rows, and what told them.

    Parameters
    ----------
    table : UserTable
        The table.
    place : int
        Column of the longitude.
    frame : Frame
        Frame of the positions, with the epoch of its coordinate system.

    Notes
    -----
    A column of reference epochs (``ref_epoch``) goes first, then the description of the longitude
    ("Ep=2016.0"), the coordinate system, a plain column of epochs, and a PARAM, INFO or header card. A plain
    column comes late, because many catalogues give there when a source was seen, not the epoch to which its
    position was carried.
    """
    column = table.columns[place]
    reference = _epoch_column(table, _REFERENCE, "meta.ref")
    if reference is not None:
        return _of_column(table, reference)
    for text, how in (
        (_match(_STATED, column.description), f"description of {column.name}"),
        (frame.epoch, "coordinate system"),
    ):
        year = julian_year(text) if text else None
        if year is not None:
            return np.full(table.n_rows, year), f"epoch {year:g} ({how})"
    plain = _epoch_column(table, _PLAIN, "time.epoch")
    if plain is not None:
        return _of_column(table, plain)
    return _of_document(table, frame)


def _match(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _epoch_column(table: UserTable, names: tuple[str, ...], word: str) -> int | None:
    for place, column in enumerate(table.columns):
        ucd = words(column.ucd)
        named = re.sub(r"[\s_.-]", "", column.name.lower()) in names
        if (named and not ucd[0].startswith(("stat.", "pos."))) or ("time.epoch" in ucd and word in ucd):
            return place
    return None


def _of_column(table: UserTable, place: int) -> tuple[FloatArray, str]:
    column = table.columns[place]
    values = table.data[place]
    gone = np.ma.getmaskarray(values)
    data = np.ma.getdata(values)
    if data.ndim != 1:
        return np.full(table.n_rows, np.nan), f"no epochs (the column {column.name} holds arrays)"
    years = _of_texts(data) if data.dtype.kind == "O" else _of_numbers(table, column, data.astype("f8"))
    years = np.where(gone, np.nan, years)
    known = years[np.isfinite(years)]
    if not len(known):
        return years, f"no epochs (the column {column.name} holds none)"
    span = f"{known.min():g}" if known.min() == known.max() else f"{known.min():g} to {known.max():g}"
    return years, f"epoch {span} (column {column.name})"


def _of_texts(cells: NDArray[Any]) -> FloatArray:
    known: dict[str, float] = {}
    for cell in set(cells.tolist()):
        year = julian_year(str(cell))
        known[cell] = _iso_year(str(cell)) if year is None else year
    return np.array([known[cell] for cell in cells.tolist()], dtype="f8")


def _iso_year(text: str) -> float:
    if not re.match(r"\d{4}-\d\d", text):
        return float("nan")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(Time(text).jyear)
    except ValueError:
        return float("nan")


def _of_numbers(table: UserTable, column: ColumnInfo, numbers: FloatArray) -> FloatArray:
    """Years stay; days count from the origin of the column's TIMESYS, else JD and MJD are told by size."""
    origin = _origin(table, column.ref)
    days = (column.unit or "").strip().lower() in ("d", "day", "days") or origin is not None
    with np.errstate(invalid="ignore"):
        if origin is None:
            origin_of_row = np.where(numbers > 2_000_000, 0.0, 2400000.5)
            as_days = days | (numbers > 10_000)
        else:
            origin_of_row, as_days = np.full(len(numbers), origin), np.full(len(numbers), True)
        years = np.where(as_days, 2000.0 + (numbers + origin_of_row - _J2000) / 365.25, numbers)
        return np.where((years > 1700) & (years < 2200), years, np.nan)


def _origin(table: UserTable, reference: str | None) -> float | None:
    """Julian date from which the TIMESYS counts to which a column refers; None without one."""
    for system in table.root.iter("TIMESYS"):
        if reference and system.get("ID") == reference:
            text = system.get("timeorigin", "").strip().lower()
            try:
                return _ORIGINS.get(text) if text in _ORIGINS else float(text) if text else None
            except ValueError:
                return None
    return None


def _of_document(table: UserTable, frame: Frame) -> tuple[FloatArray, str]:
    told = {**table.infos, **table.params}
    for name, value in told.items():
        if re.sub(r"[\s_.-]", "", name.lower()) in (*_REFERENCE, "epoch"):
            year = julian_year(value)
            if year is not None:
                return np.full(table.n_rows, year), f"epoch {year:g} ({name} of the table)"
    if frame.name == "fk4":
        year = float(julian_year(frame.equinox) or 1950.0)
        return np.full(table.n_rows, year), f"epoch {frame.equinox} (the equinox; no epoch is told)"
    return np.full(table.n_rows, 2000.0), "epoch 2000 (assumed; none is told)"
