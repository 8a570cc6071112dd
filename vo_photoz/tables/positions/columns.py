"""Pairs of columns that may hold the positions: by UCD, by name, or as the user gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.tables.positions.angles import degrees, scale_of, sexagesimal
from vo_photoz.tables.positions.frames import Frame, frame_of_column
from vo_photoz.tables.positions.names import (
    NAMES,
    denies,
    equinox_in,
    is_main,
    kind_by_ucd,
    stem,
    unit_in_name,
)
from vo_photoz.tables.user_table import ColumnInfo, UserTable, listed

_COMPONENTS = {
    "lon": ("", "rah", "ram", "ras"),
    "lat": ("de-", "ded", "dem", "des"),
}
"""Names of sign, whole, minutes and seconds where they stand in columns of their own."""

_MOST = 50
"""Longitudes among which a choice is tried."""


@dataclass(frozen=True)
class Axis:
    """A column that may hold a longitude or latitude; or several, with sign, minutes and seconds apart.

    Parameters
    ----------
    places : tuple of int
        The column; or sign (-1 where there is none), whole, minutes, and perhaps seconds.
    unit : str or None
        Of the column, from the user, the FIELD or the name; None where nobody tells.
    asserted : bool
        Whether the user gave the unit, which is then beyond doubt.
    """

    places: tuple[int, ...]
    unit: str | None = None
    asserted: bool = False

    @property
    def place(self) -> int:
        """The first column of the axis."""
        return next(place for place in self.places if place >= 0)

    def told(self, table: UserTable) -> str:
        """Names of its columns."""
        return " ".join(listed([table.columns[place].name]) for place in self.places if place >= 0)

    def words(self, table: UserTable) -> bool:
        """Whether minutes stand apart, so that the values need no guess of their unit."""
        return len(self.places) > 1 or sexagesimal(table.data[self.place])

    def degrees(self, table: UserTable, *, hours: bool) -> FloatArray | None:
        """Degrees of all rows; None where the columns hold no angles."""
        if len(self.places) == 1:
            return degrees(table.data[self.place], self.unit, hours=hours)
        parts = [_numbers(table, place) for place in self.places[1:]]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        size: FloatArray = np.sum([np.abs(part) / 60**power for power, part in enumerate(known)], axis=0)
        negative = np.signbit(known[0]) if self.places[0] < 0 else _signs(table.data[self.places[0]])
        angles: FloatArray = np.where(negative, -1.0, 1.0) * (15.0 if hours else 1.0) * size
        return angles


@dataclass(frozen=True)
class Pair:
    """Two axes that may hold the positions.

    Parameters
    ----------
    lon, lat : Axis
        The columns.
    frame : Frame
        Of the positions.
    how : str
        What told: "UCD", "name", "as given".
    """

    lon: Axis
    lat: Axis
    frame: Frame
    how: str

    def told(self, table: UserTable) -> str:
        """Names of the columns."""
        return f"{self.lon.told(table)} and {self.lat.told(table)}"


def _numbers(table: UserTable, place: int) -> FloatArray | None:
    return degrees(table.data[place], "", hours=False)


def _signs(values: NDArray[Any]) -> NDArray[np.bool_]:
    texts = [str(cell).strip() for cell in np.ma.filled(np.ma.asanyarray(values), "")]
    return np.array([text.startswith(("-", "\u2212", "\u2013")) for text in texts], dtype=bool)


def axis_of(table: UserTable, place: int) -> Axis:
    """An axis of one column, with the unit of the FIELD, else of the name."""
    column = table.columns[place]
    return Axis((place,), (column.unit or "").strip() or unit_in_name(column.name))


def given(table: UserTable, ra: str | None, dec: str | None, frame: Frame | None) -> Pair:
    """The pair that the user names; a unit in brackets may follow each name.

    Raises
    ------
    UsageError
        Raised if only one is given, or the unit is no angle.
    TableError
        Raised if there is no such column.
    """
    if not ra or not dec:
        raise UsageError("--ra and --dec go together, but only one is given.")
    lon, lat = _named(table, ra), _named(table, dec)
    column = table.columns[lon.place]
    by_name = next((kind for kind, names in NAMES.items() if stem(column.name)[0] in names), "equatorial")
    kind = kind_by_ucd(column.ucd, "lon") or by_name
    return Pair(lon, lat, frame or frame_of_column(table, lon.place, kind), "as given")


def _named(table: UserTable, name: str) -> Axis:
    found = re.fullmatch(r"(.*\S)\s*\[([^\[\]]+)\]", name.strip())
    lower = [known.lower() for known in table.names]
    if not found or name.lower() in lower:
        return axis_of(table, table.index(name))
    if scale_of(found[2]) is None:
        raise UsageError(
            f"The unit '{found[2]}' of {found[1]} is no angle.",
            advice="Units are deg, rad, h, arcmin, arcsec.",
        )
    return Axis((table.index(found[1]),), found[2], asserted=True)


def candidates(table: UserTable, frame: Frame | None) -> list[Pair]:
    """Pairs of the first search that gives any: UCD with meta.main, UCD, name, and minutes apart.

    Equatorial pairs go before galactic, ecliptic and supergalactic ones, ICRS before other frames.
    """
    searches: list[tuple[Callable[[UserTable, str], Iterator[tuple[Axis, Axis]]], str]] = [
        (_main, "UCD"),
        (_by_ucd, "UCD"),
        (_by_name, "name"),
        (_apart, "name"),
    ]
    for kind in [frame.kind] if frame else NAMES:
        for search, how in searches:
            pairs = [
                Pair(lon, lat, frame or frame_of_column(table, lon.place, kind), how)
                for lon, lat in search(table, kind)
            ]
            if pairs:
                return sorted(pairs, key=lambda pair: pair.frame.name != "icrs")
    return []


def _main(table: UserTable, kind: str) -> Iterator[tuple[Axis, Axis]]:
    return _paired(table, kind, lambda column: is_main(column.ucd))


def _by_ucd(table: UserTable, kind: str) -> Iterator[tuple[Axis, Axis]]:
    return _paired(table, kind, lambda _: True)


def _paired(table: UserTable, kind: str, wanted: Callable[[ColumnInfo], bool]) -> Iterator[tuple[Axis, Axis]]:
    """Longitudes and latitudes by UCD: first those whose names belong together, the rest in their order."""
    columns = [(place, column) for place, column in enumerate(table.columns) if wanted(column)]
    lons = [place for place, column in columns if kind_by_ucd(column.ucd, "lon") == kind]
    lats = [place for place, column in columns if kind_by_ucd(column.ucd, "lat") == kind]
    partners, rest = _matched(table, kind, lons, lats)
    for lon in lons:
        lat = partners[lon] if lon in partners else rest.pop(0) if rest else None
        if lat is not None:
            yield axis_of(table, lon), axis_of(table, lat)


def _by_name(table: UserTable, kind: str) -> Iterator[tuple[Axis, Axis]]:
    columns = [
        (place, stem(column.name)[0])
        for place, column in enumerate(table.columns)
        if scale_of(column.unit) is not None and not denies(column.ucd)
    ]
    latitudes = {lat for partners in NAMES[kind].values() for lat in partners}
    lons = [place for place, name in columns if name in NAMES[kind]]
    lats = [place for place, name in columns if name in latitudes]
    for lon, lat in _matched(table, kind, lons, lats)[0].items():
        yield axis_of(table, lon), axis_of(table, lat)


def _matched(
    table: UserTable, kind: str, lons: list[int], lats: list[int]
) -> tuple[dict[int, int], list[int]]:
    """Longitudes to the latitudes whose names belong to theirs, and the latitudes that are left."""
    if max(len(lons), len(lats)) > _MOST:
        raise TableError(
            f"{len(lons)} columns of the table may be {kind} longitudes; these are too many to choose from.",
            advice="Name the columns with --ra and --dec (and --frame).",
        )
    free, found = list(lats), {}
    for same_mark in (True, False):
        for lon in lons:
            name, suffix = stem(table.columns[lon].name)
            wanted = {(partner, suffix) for partner in NAMES[kind].get(name, ())}
            mark = _mark(table.columns[lon].name)
            for lat in [] if lon in found else list(free):
                other = table.columns[lat].name
                if stem(other) in wanted and (not same_mark or _mark(other) == mark):
                    found[lon] = lat
                    free.remove(lat)
                    break
    return dict(sorted(found.items())), free


def _mark(name: str) -> tuple[str, str | None, bool, bool]:
    """What else names of one pair share: the equinox, the unit, the underscore of VizieR, capitals."""
    return equinox_in(name), unit_in_name(name), name.startswith("_"), name.isupper()


def _apart(table: UserTable, kind: str) -> Iterator[tuple[Axis, Axis]]:
    """``RAh RAm RAs`` and ``DE- DEd DEm DEs``, as tables for printing have them."""
    places = {name.lower(): place for place, name in reversed(list(enumerate(table.names)))}
    axes = []
    for names in _COMPONENTS.values():
        found = tuple(places.get(name, -1) for name in names)
        if kind != "equatorial" or -1 in found[1:3]:
            return
        axes.append(Axis(found if found[3] >= 0 else found[:3], "h" if names[0] == "" else "deg"))
    yield axes[0], axes[1]


def no_columns(table: UserTable, told: str, advice: str) -> TableError:
    """Error of a table in which no pair was found; it lists the columns."""
    return TableError(
        f"{told} has no columns with positions; its columns are {listed(table.names)}.", advice=advice
    )
