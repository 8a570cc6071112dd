"""Where the sources of a table are: the right columns, in ICRS degrees. Opens no file and no socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import FloatArray, Positions
from vo_photoz.tables.angles import degrees, scale_of
from vo_photoz.tables.frames import Frame, frame_named, frame_of_column, to_icrs
from vo_photoz.tables.user_table import ColumnInfo, UserTable

_OPTIONS = "Name the columns with --ra and --dec (and --frame)."

# Names without letter case, blanks, underscores and a leading or trailing "deg".
_EQUATORIAL = {
    "ra": ("dec", "de", "decl"),
    "rightascension": ("declination",),
    "raicrs": ("deicrs", "decicrs"),
    "raj2000": ("dej2000", "decj2000"),
    "ra2000": ("de2000", "dec2000"),
    "rafk5": ("defk5", "decfk5"),
    "rab1950": ("deb1950", "decb1950"),
    "ra1950": ("de1950", "dec1950"),
    "alpha": ("delta",),
    "alphaj2000": ("deltaj2000",),
    "alphasky": ("deltasky",),
    "sra": ("sdec",),
    "ramean": ("decmean",),
    "rastack": ("decstack",),
    "meanra": ("meandec",),
    "targetra": ("targetdec",),
    "plugra": ("plugdec",),
    "fiberra": ("fiberdec",),
    "radegree": ("decdegree",),
    "radegrees": ("decdegrees",),
    "rad": ("decd", "ded"),
    "coordra": ("coorddec",),
}
_GALACTIC = {
    "l": ("b",),
    "glon": ("glat",),
    "lii": ("bii",),
    "gall": ("galb",),
    "galacticlongitude": ("galacticlatitude",),
    "gallon": ("gallat",),
}
_AGREE_DEG = 2 / 3600
"""Two pairs of columns mean the same places when nearly all of their rows lie this close."""


@dataclass(frozen=True)
class _Pair:
    """Two columns that may hold the positions."""

    lon: int
    lat: int
    frame: Frame
    how: str

    def told(self, columns: list[ColumnInfo]) -> str:
        return f"{columns[self.lon].name} and {columns[self.lat].name}"


def find_positions(
    table: UserTable, *, ra: str | None = None, dec: str | None = None, frame: str | None = None
) -> Positions:
    """Find the positions of the rows.

    The columns are found by UCD (the pair marked ``meta.main`` first), then by name; equatorial ones before
    galactic. The frame follows from the COOSYS that the column refers to, else from UCD or name, else ICRS.

    Parameters
    ----------
    table : UserTable
        The user's table.
    ra, dec : str or None
        Names of the columns, where the user gives them: longitude and latitude in ``frame``.
    frame : str or None
        ICRS, FK5, FK4 or galactic, where the user gives it.

    Returns
    -------
    Positions
        ICRS, one a row; rows without a usable position are not valid.

    Raises
    ------
    TableError
        Raised if there is no pair of columns, several that disagree, or no row with a position.
    UsageError
        Raised if only one of ``ra`` and ``dec`` is given, or the frame is not known.
    """
    if not table.n_rows:
        raise TableError(f"{_name(table)} has no rows.", advice="Send a table with sources.")
    chosen_frame = frame_named(frame) if frame else None
    if ra or dec:
        pair = _given(table, ra, dec, chosen_frame)
        return _checked(table, pair, _positions(table, pair))
    candidates = _candidates(table, chosen_frame)
    found = [(pair, positions) for pair in candidates if (positions := _positions(table, pair)) is not None]
    if not found:
        raise TableError(
            f"{_name(table)} has no columns with positions; its columns are {_listed(table.names)}.",
            advice=_OPTIONS,
        )
    first, positions = found[0]
    for _, other in found[1:]:
        if not _agree(positions, other):
            pairs = "; ".join(pair.told(table.columns) for pair, _ in found)
            raise TableError(
                f"{_name(table)} has several pairs of positions that disagree: {pairs}.", advice=_OPTIONS
            )
    return _checked(table, first, positions)


def _name(table: UserTable) -> str:
    return table.source or table.title or "The table"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:60])
    return f"{shown} and {len(names) - 60} more" if len(names) > 60 else shown


def _given(table: UserTable, ra: str | None, dec: str | None, frame: Frame | None) -> _Pair:
    if not ra or not dec:
        raise UsageError("--ra and --dec go together, but only one is given.")
    lon, lat = table.index(ra), table.index(dec)
    kind = "galactic" if _word(table.columns[lon], "lon") == "galactic" or _plain(ra) in _GALACTIC else "icrs"
    return _Pair(lon, lat, frame or frame_of_column(table, lon, kind), "as given")


def _checked(table: UserTable, pair: _Pair, positions: Positions | None) -> Positions:
    columns = pair.told(table.columns)
    if positions is None:
        units = {table.columns[place].unit or "none" for place in (pair.lon, pair.lat)}
        raise TableError(
            f"The columns {columns} of {_name(table)} hold no angles (unit {', '.join(sorted(units))}).",
            advice=_OPTIONS,
        )
    if not positions.valid.any():
        raise TableError(
            f"No row of {_name(table)} has a position in the columns {columns}.", advice=_OPTIONS
        )
    return positions


# Candidates


def _candidates(table: UserTable, frame: Frame | None) -> list[_Pair]:
    """Pairs of the first kind that gives any: UCD with meta.main, UCD, name; equatorial before galactic."""
    kinds = ["icrs", "galactic"]
    if frame is not None:
        kinds = ["galactic" if frame.name == "galactic" else "icrs"]
    searches: list[Callable[[UserTable, str], Iterator[tuple[int, int]]]] = [_main, _by_ucd, _by_name]
    hows = ("UCD", "UCD", "name")
    for kind in kinds:
        for search, how in zip(searches, hows, strict=True):
            pairs = [
                _Pair(lon, lat, frame or frame_of_column(table, lon, kind), how)
                for lon, lat in search(table, kind)
            ]
            if pairs:
                return sorted(pairs, key=lambda pair: pair.frame.name != "icrs")
    return []


def _main(table: UserTable, kind: str) -> Iterator[tuple[int, int]]:
    return _paired(table, kind, lambda column: _is_main(column.ucd or ""))


def _by_ucd(table: UserTable, kind: str) -> Iterator[tuple[int, int]]:
    return _paired(table, kind, lambda _: True)


def _paired(table: UserTable, kind: str, wanted: Callable[[ColumnInfo], bool]) -> Iterator[tuple[int, int]]:
    """Longitudes and latitudes by UCD; the first goes with the first, the second with the second."""
    columns = [(place, column) for place, column in enumerate(table.columns) if wanted(column)]
    lons = [place for place, column in columns if _word(column, "lon") == kind]
    lats = [place for place, column in columns if _word(column, "lat") == kind]
    return zip(lons, lats, strict=False)


def _is_main(ucd: str) -> bool:
    return "meta.main" in ucd.lower().split(";") or ucd.upper().endswith("_MAIN")


_WORDS = {
    ("lon", "pos.eq.ra"): "icrs",
    ("lat", "pos.eq.dec"): "icrs",
    ("lon", "pos.galactic.lon"): "galactic",
    ("lat", "pos.galactic.lat"): "galactic",
    ("lon", "pos_eq_ra"): "icrs",
    ("lat", "pos_eq_dec"): "icrs",
    ("lon", "pos_gal_lon"): "galactic",
    ("lat", "pos_gal_lat"): "galactic",
}
_NOT_A_PLACE = (
    "stat.error",
    "stat.stdev",
    "stat.variance",
    "stat.covariance",
    "arith.diff",
    "stat.min",
    "stat.max",
)


def _word(column: ColumnInfo, axis: str) -> str | None:
    """Whether a column is a longitude or latitude by its UCD, and of which kind."""
    words = [word.strip().removeprefix("ivoa:") for word in (column.ucd or "").lower().split(";")]
    if any(word.startswith(_NOT_A_PLACE) for word in words):
        return None
    return _WORDS.get((axis, words[0].removesuffix("_main")))


def _by_name(table: UserTable, kind: str) -> Iterator[tuple[int, int]]:
    names: dict[str, int] = {}
    for place, column in enumerate(table.columns):
        if scale_of(column.unit) is not None and not _contradicts(column):
            names.setdefault(_plain(column.name), place)
    pairs = _GALACTIC if kind == "galactic" else _EQUATORIAL
    for name, place in names.items():
        stem, suffix = _stem(name)
        for partner in pairs.get(stem, ()):
            if partner + suffix in names:
                yield place, names[partner + suffix]
                break


def _contradicts(column: ColumnInfo) -> bool:
    """Whether the UCD says that a column with the name of a position is none."""
    return bool(column.ucd) and not (column.ucd or "").lower().startswith(
        ("pos.eq", "pos_eq", "pos.gal", "pos_gal")
    )


def _plain(name: str) -> str:
    plain = re.sub(r"[\s_.()\[\]-]", "", name.lower())
    return re.sub(r"(?<=.)deg$|^deg(?=.)", "", plain)


def _stem(name: str) -> tuple[str, str]:
    """Name and the number that TOPCAT adds when tables are joined (``ra_1``)."""
    if name in _EQUATORIAL or name in _GALACTIC:
        return name, ""
    found = re.fullmatch(r"(.*\D)([1-9])", name) or re.fullmatch(r"(.*2000)([1-9])", name)
    return (found[1], found[2]) if found else (name, "")


# Values


def _positions(table: UserTable, pair: _Pair) -> Positions | None:
    """Positions from a pair of columns; None where they hold no angles."""
    lon_column, lat_column = table.columns[pair.lon], table.columns[pair.lat]
    hours = pair.frame.name != "galactic"
    lon = degrees(table.data[pair.lon], lon_column.unit, hours=hours)
    lat = degrees(table.data[pair.lat], lat_column.unit, hours=False)
    if lon is None or lat is None:
        return None
    origin = f"columns {lon_column.name} and {lat_column.name} ({pair.how}), {pair.frame.told}"
    return positions_of(lon, lat, pair.frame, origin)


def positions_of(lon: FloatArray, lat: FloatArray, frame: Frame, origin: str = "") -> Positions:
    """Positions from angles in a frame.

    Parameters
    ----------
    lon, lat : float64 array, shape (n,)
        Degrees. A longitude from -180 to 360 and a latitude from -90 to 90 count; all else is not valid.
    frame : Frame
        Of the angles.
    origin : str
        As in `Positions`.
    """
    with np.errstate(invalid="ignore"):
        valid = np.isfinite(lon) & np.isfinite(lat) & (lon >= -180) & (lon <= 360) & (np.abs(lat) <= 90)
    ra = np.full(len(lon), np.nan)
    dec = np.full(len(lat), np.nan)
    if valid.any():
        ra[valid], dec[valid] = to_icrs(lon[valid] % 360.0, lat[valid], frame)
    return Positions(ra, dec, valid, origin)


def _agree(one: Positions, other: Positions) -> bool:
    """Whether nearly all rows that both have lie within 2 arcsec."""
    both = one.valid & other.valid
    if not both.any():
        return True
    ra = (one.ra - other.ra + 180) % 360 - 180
    distance = np.hypot(ra[both] * np.cos(np.radians(one.dec[both])), (one.dec - other.dec)[both])
    return bool(np.mean(distance < _AGREE_DEG) > 0.99)
