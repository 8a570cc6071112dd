"""Where the sources of a table are: the right columns, in ICRS degrees. Opens no file and no socket."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vo_photoz.errors import TableError
from vo_photoz.flow import FloatArray, Positions
from vo_photoz.tables.positions.angles import scale_of
from vo_photoz.tables.positions.columns import Pair, candidates, given, no_columns
from vo_photoz.tables.positions.frames import Frame, frame_named, to_icrs
from vo_photoz.tables.positions.plausible import Doubt, judge
from vo_photoz.tables.user_table import UserTable

OPTIONS = "Name the columns with --ra and --dec (and --frame)."
_UNITS = (
    "Give the units with the names, as in --ra '{lon} [{unit}]' --dec '{lat} [{other}]', "
    "or put them into the table."
)
_AGREE_DEG = 2 / 3600
"""Two pairs of columns mean the same places when nearly all of their rows lie this close."""


@dataclass(frozen=True)
class Chosen:
    """The columns that hold the positions of a table.

    Parameters
    ----------
    pair : Pair
        The columns, with the units that their values have.
    positions : Positions
        What they hold.
    """

    pair: Pair
    positions: Positions


def find_positions(
    table: UserTable, *, ra: str | None = None, dec: str | None = None, frame: str | None = None
) -> Positions:
    """Find the positions of the rows.

    The columns are found by UCD (the pair marked ``meta.main`` first), then by name; equatorial ones before
    galactic, ecliptic and supergalactic. The frame follows from the COOSYS that the column refers to, else
    from UCD, name or description, else ICRS. Units that are not told are found from the values where these
    leave no doubt.

    Parameters
    ----------
    table : UserTable
        The user's table.
    ra, dec : str or None
        Names of the columns, where the user gives them: longitude and latitude in ``frame``. A unit in
        brackets may follow ("ra [rad]").
    frame : str or None
        ICRS, FK5, FK4 (both also with an equinox), galactic, ecliptic or supergalactic, where the user
        gives it.

    Returns
    -------
    Positions
        ICRS, one a row; rows without a usable position are not valid.

    Raises
    ------
    TableError
        Raised if there is no pair of columns, several that disagree, values that contradict their unit or can
        be in several, or no row with a position.
    UsageError
        Raised if only one of ``ra`` and ``dec`` is given, or the frame is not known.
    """
    return choose(table, ra=ra, dec=dec, frame=frame).positions


def choose(
    table: UserTable, *, ra: str | None = None, dec: str | None = None, frame: str | None = None
) -> Chosen:
    """Columns and positions of a table; arguments and errors as of `find_positions`."""
    if not table.n_rows:
        raise TableError(f"{_name(table)} has no rows.", advice="Send a table with sources.")
    chosen_frame = frame_named(frame) if frame else None
    if ra or dec:
        pair = given(table, ra, dec, chosen_frame)
        return _checked(table, _read(table, pair), pair)
    found, doubts = _readable(table, candidates(table, chosen_frame))
    if not found:
        raise doubts[0] if doubts else no_columns(table, _name(table), OPTIONS)
    for other in found[1:]:
        if not _agree(found[0].positions, other.positions):
            pairs = "; ".join(one.pair.told(table) for one in found)
            raise TableError(
                f"{_name(table)} has several pairs of positions that disagree: {pairs}.", advice=OPTIONS
            )
    return _checked(table, found[0], found[0].pair)


def _name(table: UserTable) -> str:
    return table.source or table.title or "The table"


def _readable(table: UserTable, pairs: list[Pair]) -> tuple[list[Chosen], list[TableError]]:
    """Pairs that hold angles, and why others are in doubt."""
    found, doubts = [], []
    for pair in pairs:
        try:
            chosen = _read(table, pair)
        except TableError as error:
            doubts.append(error)
            continue
        if chosen is not None:
            found.append(chosen)
    return found, doubts


def _checked(table: UserTable, chosen: Chosen | None, pair: Pair) -> Chosen:
    columns = pair.told(table)
    if chosen is None:
        units = {table.columns[axis.place].unit or "none" for axis in (pair.lon, pair.lat)}
        raise TableError(
            f"The columns {columns} of {_name(table)} hold no angles (unit {', '.join(sorted(units))}).",
            advice=OPTIONS,
        )
    if not chosen.positions.valid.any():
        raise TableError(f"No row of {_name(table)} has a position in the columns {columns}.", advice=OPTIONS)
    return chosen


def _read(table: UserTable, pair: Pair) -> Chosen | None:
    """Positions of a pair; None where its columns hold no angles.

    Raises
    ------
    TableError
        Raised if the values contradict the unit, or can be in several.
    """
    try:
        pair, remark = _judged(table, pair)
    except Doubt as doubt:
        lon, lat = (table.columns[axis.place].name for axis in (pair.lon, pair.lat))
        units = {"unit": "h" if "hours" in str(doubt) else "rad" if "radians" in str(doubt) else "deg"}
        units["other"] = "rad" if units["unit"] == "rad" else "deg"
        raise TableError(
            f"The columns {pair.told(table)} of {_name(table)} {doubt}.",
            advice=OPTIONS if "swapped" in str(doubt) else _UNITS.format(lon=lon, lat=lat, **units),
        ) from None
    angles = angles_of_rows(table, pair)
    if angles is None:
        return None
    told = f"columns {pair.told(table)} ({pair.how}), {pair.frame.told}{remark and ', ' + remark}"
    return Chosen(pair, positions_of(*angles, pair.frame, told.encode("ascii", "replace").decode()))


def angles_of_rows(table: UserTable, pair: Pair) -> tuple[FloatArray, FloatArray] | None:
    """Longitudes and latitudes in the frame of the pair, degrees; None where the columns hold no angles."""
    lon = pair.lon.degrees(table, hours=pair.frame.kind == "equatorial")
    lat = pair.lat.degrees(table, hours=False)
    return None if lon is None or lat is None else (lon, lat)


def _judged(table: UserTable, pair: Pair) -> tuple[Pair, str]:
    """Give the pair the units that its values have, and a remark where they were concluded."""
    lon_axis, lat_axis = pair.lon, pair.lat
    if lon_axis.asserted or lat_axis.asserted or lon_axis.words(table) or lat_axis.words(table):
        return pair, ""
    angles = angles_of_rows(table, pair)
    if angles is None:
        return pair, ""
    lon, lat = (
        values / (scale_of(axis.unit) or 1.0)
        for values, axis in zip(angles, (lon_axis, lat_axis), strict=True)
    )
    units = judge(lon, lat, lon_axis.unit, lat_axis.unit)
    judged = replace(pair, lon=replace(lon_axis, unit=units.lon), lat=replace(lat_axis, unit=units.lat))
    return judged, units.remark


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
