"""Which column of a catalogue holds the magnitude of which band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vo_photoz.errors import TableError
from vo_photoz.flow import FloatArray
from vo_photoz.tables.user_table import ColumnInfo, UserTable

NAMES = (
    "{b}mag", "mag_{b}", "{b}_mag", "mag{b}", "psfMag_{b}", "{b}psfMag", "{b}_psfmag", "{b}psf", "{b}_psf",
    "{b}pmag", "{b}MeanPSFMag", "{b}PSFMag", "psfmag{b}", "mag_psf_{b}", "modelMag_{b}", "{b}'mag", "{b}",
)  # fmt: skip
"""Names that catalogues give to the magnitude of band b, the likelier first."""
UCD_LETTERS = {"u": "U", "g": "B", "b": "B", "v": "V", "r": "R", "i": "I", "z": "I", "blue": "B", "red": "R"}
"""Bands of the UCD vocabulary (em.opt.X) nearest to the usual filters."""
FAINTEST, BRIGHTEST = 40.0, -5.0
"""Magnitudes outside stand for "not measured" (99, -9999)."""


def find_magnitudes(
    table: UserTable, bands: Sequence[str], given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Name of the magnitude column of each band that has one.

    A column is taken when it was given, or has a usual name (``gmag``, ``psfMag_g``, ...; letter case counts
    where both are there), or is the only one with the UCD phot.mag;em.opt.X of that part of the spectrum.

    Raises
    ------
    TableError
        Raised if a given column is missing, or no band has a column.
    """
    given = dict(given or {})
    unknown = sorted(set(given) - set(bands))
    if unknown:
        raise TableError(f"The survey has no band '{unknown[0]}'.", advice=f"It has {', '.join(bands)}.")
    found = {band: table.columns[table.index(name)].name for band, name in given.items()}
    for band in bands:
        name = found.get(band) or _by_name(table, band) or _by_ucd(table, band, bands)
        if name:
            found[band] = name
    if not found:
        raise TableError(
            f"The catalogue {table.source} has no magnitudes in the bands {', '.join(bands)}.",
            advice=f"Name them: --band-columns {bands[0]}=COLUMN. It has {', '.join(table.names)}.",
        )
    return {band: found[band] for band in bands if band in found}


def _by_name(table: UserTable, band: str) -> str:
    numbers = [column.name for column in table.columns if not column.kind.text and column.kind.count == 1]
    for pattern in NAMES:
        wanted = pattern.format(b=band)
        same = [name for name in numbers if name == wanted]
        close = [name for name in numbers if name.lower() == wanted.lower()]
        if same or len(close) == 1:
            return (same or close)[0]
    return ""


def _by_ucd(table: UserTable, band: str, bands: Sequence[str]) -> str:
    """The only column of this part of the spectrum, where only one band of the survey lies there."""
    letter = UCD_LETTERS.get(band.lower())
    rivals = [other for other in bands if UCD_LETTERS.get(other.lower()) == letter]
    columns = [column.name for column in table.columns if letter and _is_magnitude(column, letter)]
    return columns[0] if len(columns) == 1 and len(rivals) == 1 else ""


def _is_magnitude(column: ColumnInfo, letter: str) -> bool:
    words = [word.strip().lower() for word in (column.ucd or "").split(";")]
    return words[0] == "phot.mag" and f"em.opt.{letter.lower()}" in words and "stat.error" not in words


def magnitudes(table: UserTable, column: str) -> FloatArray:
    """Values of a magnitude column, float64, shape (n,); NaN where there is none.

    Raises
    ------
    TableError
        Raised if the column holds no numbers.
    """
    try:
        values = np.ma.filled(np.ma.asarray(table.values(column)).astype(np.float64), np.nan)
    except (TypeError, ValueError):
        raise TableError(f"The column '{column}' of {table.source} holds no numbers.") from None
    if values.ndim != 1:
        raise TableError(f"The column '{column}' of {table.source} holds arrays, not magnitudes.")
    with np.errstate(invalid="ignore"):
        return np.where((values > BRIGHTEST) & (values < FAINTEST), values, np.nan)
