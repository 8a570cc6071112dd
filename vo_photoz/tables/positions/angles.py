"""Angles of a column in degrees, from numbers with a unit or from sexagesimal text; pure functions."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray

_HOUR = 15.0
_UNITS = {
    "": 1.0,
    "deg": 1.0,
    "degree": 1.0,
    "degrees": 1.0,
    "degs": 1.0,
    "d": 1.0,
    "rad": 180 / np.pi,
    "rads": 180 / np.pi,
    "radian": 180 / np.pi,
    "radians": 180 / np.pi,
    "arcmin": 1 / 60,
    "arcsec": 1 / 3600,
    "mas": 1 / 3_600_000,
    "h": _HOUR,
    "hr": _HOUR,
    "hrs": _HOUR,
    "hour": _HOUR,
    "hours": _HOUR,
    "hourangle": _HOUR,
    "hms": _HOUR,
    "dms": 1.0,
}
# Minus signs, blanks, primes and raised letters of printed tables, in plain words.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"),
        **dict.fromkeys("\xa0\u2002\u2003\u2007\u2009\u200a\u202f", " "),
        **dict.fromkeys("\u2018\u2019\u2032\xb4", "'"),
        **dict.fromkeys("\u201c\u201d\u2033", '"'),
        **dict.fromkeys("\xba\u02da", "\xb0"),
        "\u02b0": "h",
        "\u1d48": "d",
        "\u1d50": "m",
        "\u02e2": "s",
        "\ufeff": None,
    }
)
_SEXAGESIMAL = re.compile(
    r"""(?P<sign>[+-]?)\s*(?P<whole>\d{1,3})
        (?:\s*(?P<mark>[:hd]|deg|\xb0)\s*|\s+)(?P<minutes>\d{1,2}(?:\.\d*)?)
        (?:(?:\s*[:m']\s*|\s+)(?P<seconds>\d{1,2}(?:\.\d*)?))?\s*[ms'"]*""",
    re.VERBOSE | re.IGNORECASE,
)
_MARKED = re.compile(
    r"([+-]?\s*\d+(?:\.\d*)?)\s*(h|hr|hrs|hours?|d|deg|degrees?|\xb0|rad|radians?)", re.IGNORECASE
)
_NONE = float("nan")
_BLANK = ("", "-", "--", "---", "...", "nan", "null", "none", "n/a", "na", "#n/a", "\\n")


def scale_of(unit: str | None) -> float | None:
    """Degrees in one unit; None where the unit is no angle.

    VizieR's ``"h:m:s"`` and ``"d:m:s"`` count as hours and degrees, and ``15deg``, as astropy writes an hour
    angle, as 15 degrees.
    """
    text = (unit or "").strip().lower()
    found = re.fullmatch(r"(\d+(?:\.\d*)?)?[\s*.]*([^\d]*)", text)
    if not found:
        return None
    plain = re.sub(r"[^a-z]", "", found[2])
    if not plain and text not in ("", "\xb0", "-", "--"):
        return None
    scale = _UNITS.get(plain)
    return None if scale is None else scale * float(found[1] or 1)


def degrees(values: NDArray[Any], unit: str | None, *, hours: bool) -> FloatArray | None:
    """Angles in degrees, NaN where there is none.

    Parameters
    ----------
    values : array, shape (n,)
        Numbers, or text: numbers, ``12 34 56.7``, ``12:34:56.7``, ``12h34m56.7s``, ``-1d2m3s``, ``12:34.5``,
        with the minus signs and primes of print as well.
    unit : str or None
        Of the column.
    hours : bool
        Whether sexagesimal text without a mark counts hours (a right ascension does, unless most of its rows
        are beyond 24).

    Returns
    -------
    float64 array, shape (n,), or None
        None where the column cannot be an angle.
    """
    scale = scale_of(unit)
    if scale is None or values.ndim != 1:
        return None
    gone = np.ma.getmaskarray(values)
    data = np.ma.getdata(values)
    if data.dtype.kind in "iuf":
        return np.where(gone, np.nan, data.astype("f8") * scale)
    if data.dtype.kind != "O":
        return None
    in_hours = hours and not re.match(r'"?d', (unit or "").lower())
    result = np.where(gone, np.nan, _of_text(data.tolist(), scale, in_hours))
    filled = sum(str(cell).strip().lower() not in _BLANK for cell in data)
    # Rows that cannot be read are told one by one; a column in which hardly any can be is something else.
    return result if np.isfinite(result).sum() * 10 >= max(filled, 1) else None


def sexagesimal(values: NDArray[Any]) -> bool:
    """Whether a column is text in which minutes stand apart, so that its unit needs no guess."""
    data = np.ma.getdata(values)
    if data.dtype.kind != "O":
        return False
    texts = [str(cell).translate(_PLAIN).strip() for cell in data[:1000]]
    return any(_SEXAGESIMAL.fullmatch(text) or _MARKED.fullmatch(text) for text in texts)


def _of_text(cells: list[Any], scale: float, hours: bool) -> FloatArray:
    """Degrees of texts."""
    try:  # quick, for columns of numbers
        return np.array(list(map(float, cells))) * scale
    except (ValueError, TypeError):
        pass
    angles = np.empty(len(cells))
    bare = np.zeros(len(cells), dtype=bool)
    for row, cell in enumerate(cells):
        angles[row], bare[row] = _angle(cell, scale)
    if hours and bare.any() and np.mean(np.abs(angles[bare]) >= 24) <= 0.5:
        angles[bare] *= _HOUR
    return angles


def _angle(text: Any, scale: float) -> tuple[float, bool]:
    """An angle, and whether it is sexagesimal without a word on hours or degrees."""
    if not isinstance(text, str) or len(text) > 60:
        return _NONE, False
    if not text.isascii():
        text = text.translate(_PLAIN)
    text = text.strip()
    found = _SEXAGESIMAL.fullmatch(text)
    if found is None:
        return _number(text, scale), False
    minutes, seconds = float(found["minutes"]), float(found["seconds"] or 0)
    if minutes > 60 or seconds > 60:
        return _NONE, False
    size = int(found["whole"]) + minutes / 60 + seconds / 3600
    mark = (found["mark"] or "").lower()
    if mark == "h":
        size *= _HOUR
    return (-size if found["sign"] == "-" else size), mark in ("", ":")


def _number(text: str, scale: float) -> float:
    """An angle written as one number, perhaps with its unit ("12.5h")."""
    marked = _MARKED.fullmatch(text)
    if marked:
        return float(marked[1].replace(" ", "")) * (scale_of(marked[2]) or 1.0)
    try:
        return float(text) * scale
    except ValueError:
        return _NONE
