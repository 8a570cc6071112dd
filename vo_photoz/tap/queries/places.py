"""Places in the text of a query that positions go into: cones and boxes around them, a part of the sky."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from vo_photoz.tap.queries.parameters import number_text

PLACE = re.compile(r"\{([^{}]*)\}")
"""A place in the text that a value is put into."""

_WORD = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[^"{}]+")'
_COLUMN = rf"({_WORD}(?:\.{_WORD})*)"


def _place(name: str) -> re.Pattern[str]:
    return re.compile(rf"{name}\(\s*{_COLUMN}\s*,\s*{_COLUMN}\s*\)")


CONES = _place("cones")
"""The place for cones around the positions, where a service takes no upload: columns of the archive."""

BOXES = _place("boxes")
"""The same for services that know no geometry either: ranges of both columns that enclose the cones."""

INSIDE = _place("inside")
"""The place for a part of the sky, in a query that lists all an archive has there: columns of the archive."""


def cones_around(ra: str, dec: str, positions: tuple[tuple[float, float], ...], radius: str) -> str:
    """Condition for all that lies within a radius of any position.

    Parameters
    ----------
    ra, dec : str
        Columns of the archive.
    positions : tuple of (float, float)
        ICRS degrees.
    radius : str
        Degrees, as ADQL.
    """
    circles = (
        f"1 = CONTAINS(POINT('ICRS', {ra}, {dec}), "
        f"CIRCLE('ICRS', {number_text(lon)}, {number_text(lat)}, {radius}))"
        for lon, lat in positions
    )
    return "(" + "\n  OR ".join(circles) + ")"


def boxes_around(ra: str, dec: str, positions: tuple[tuple[float, float], ...], radius: float) -> str:
    """Condition for ranges of right ascension and declination that enclose a cone around any position.

    Parameters
    ----------
    ra, dec : str
        Columns of the archive; right ascension from 0 to 360 degrees.
    positions : tuple of (float, float)
        ICRS degrees.
    radius : float
        Degrees.
    """
    return "(" + "\n  OR ".join(_box(ra, dec, lon, lat, radius) for lon, lat in positions) + ")"


def _box(ra: str, dec: str, lon: float, lat: float, radius: float) -> str:
    # A little wider than the cone: numbers are rounded, and the exact separation decides afterwards.
    reach = radius * (1 + 1e-6) + 1e-9
    low, high = lat - reach, lat + reach
    rows = f"{dec} BETWEEN {number_text(low)} AND {number_text(high)}"
    if low <= -90 or high >= 90:
        return f"({rows})"
    # Half the width in right ascension of a small circle at this declination.
    ratio = math.sin(math.radians(reach)) / math.cos(math.radians(lat))
    width = math.degrees(math.asin(ratio)) * (1 + 1e-6) if ratio < 1 else 180.0
    if width >= 180:
        return f"({rows})"
    west, east = (lon - width) % 360, (lon + width) % 360
    join = "AND" if west <= east else "OR"
    return f"({rows} AND ({ra} >= {number_text(west)} {join} {ra} <= {number_text(east)}))"


def in_cone(ra: float, dec: float, radius: float) -> Callable[[str, str], str]:
    """A cone as the part of the sky of a query; degrees."""
    return lambda x, y: cones_around(x, y, ((ra, dec),), number_text(radius))
