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
    "radian": 180 / np.pi,
    "radians": 180 / np.pi,
    "arcmin": 1 / 60,
    "arcsec": 1 / 3600,
    "mas": 1 / 3_600_000,
    "h": _HOUR,
    "hr": _HOUR,
    "hour": _HOUR,
    "hours": _HOUR,
    "hourangle": _HOUR,
    "hms": _HOUR,
    "dms": 1.0,
}
_SEXAGESIMAL = re.compile(
    r"""\s*(?P<sign>[+-]?)\s*(?P<whole>\d{1,3})
        (?:\s*(?P<mark>[:hd]|deg|\xb0)\s*|\s+)(?P<minutes>\d{1,2}(?:\.\d*)?)
        (?:(?:\s*[:m'\u2032]\s*|\s+)(?P<seconds>\d{1,2}(?:\.\d*)?))?\s*[ms'"\u2032\u2033]*\s*""",
    re.VERBOSE | re.IGNORECASE,
)


def scale_of(unit: str | None) -> float | None:
    """Degrees in one unit; None where the unit is no angle.

    VizieR's ``"h:m:s"`` and ``"d:m:s"`` count as hours and degrees.
    """
    plain = re.sub(r"[^a-z]", "", (unit or "").lower())
    if not plain and (unit or "").strip() not in ("", "\xb0", "-", "--"):
        return None
    return _UNITS.get(plain)


def degrees(values: NDArray[Any], unit: str | None, *, hours: bool) -> FloatArray | None:
    """Angles in degrees, NaN where there is none.

    Parameters
    ----------
    values : array, shape (n,)
        Numbers, or text: numbers, ``12 34 56.7``, ``12:34:56.7``, ``12h34m56.7s``, ``-1d2m3s``.
    unit : str or None
        Of the column.
    hours : bool
        Whether sexagesimal text without a mark counts hours (a right ascension does).

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
    parsed = [_angle(cell, scale, in_hours) for cell in data.tolist()]
    result = np.where(gone, np.nan, np.array(parsed, dtype="f8"))
    filled = sum(bool(str(cell).strip()) for cell in data)
    return result if np.isfinite(result).sum() * 2 >= max(filled, 1) else None


def _angle(text: Any, scale: float, hours: bool) -> float:
    if not isinstance(text, str):
        return float("nan")
    found = _SEXAGESIMAL.fullmatch(text)
    if found is None:
        try:
            return float(text) * scale
        except ValueError:
            return float("nan")
    minutes = float(found["minutes"])
    seconds = float(found["seconds"] or 0)
    if minutes > 60 or seconds > 60:
        return float("nan")
    mark = (found["mark"] or "").lower()
    in_hours = mark == "h" or (hours and mark in ("", ":"))
    size = int(found["whole"]) + minutes / 60 + seconds / 3600
    if in_hours:
        size *= _HOUR
    return -size if found["sign"] == "-" else size
