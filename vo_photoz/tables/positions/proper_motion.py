"""Proper motions of any table, in ICRS and mas/yr. Opens no file and no socket."""

from __future__ import annotations

import warnings

import erfa
import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.sky.frames import rotation_to_icrs, unit_vectors
from vo_photoz.sky.motion import Motion
from vo_photoz.tables.positions.columns import Pair
from vo_photoz.tables.positions.epochs import epochs_of
from vo_photoz.tables.positions.find import angles_of_rows, choose
from vo_photoz.tables.positions.frames import Frame
from vo_photoz.tables.positions.motion_columns import (
    MAS,
    MotionColumns,
    is_galactic,
    motion_axis,
    motion_columns,
    numbers,
    third,
)
from vo_photoz.tables.user_table import UserTable


def find_motion(
    table: UserTable, *, ra: str | None = None, dec: str | None = None, frame: str | None = None
) -> Motion | None:
    """Find the proper motions that belong to the positions of a table.

    Columns are found by UCD (1 and 1+), then by name; of several, those that go by the name of the position
    (``pmra_1`` with ``ra_1``). Parallax and radial velocity are taken where there are any.

    Parameters
    ----------
    table : UserTable
        The user's table.
    ra, dec, frame : str or None
        As of `vo_photoz.tables.positions.find_positions`.

    Returns
    -------
    Motion or None
        ICRS, with the epoch of each row; ``told`` says what was assumed. None where there are no columns of
        proper motion.

    Raises
    ------
    TableError, UsageError
        Raised where `find_positions` raises.
    """
    if not any(motion_axis(column) for column in table.columns):
        return None
    pair = choose(table, ra=ra, dec=dec, frame=frame).pair
    columns = motion_columns(table, pair)
    angles = angles_of_rows(table, pair)
    if columns is None or angles is None:
        return None
    epoch, told_epoch = epochs_of(table, pair.lon.place, pair.frame)
    lon, lat = angles
    speeds = [numbers(table.data[place]) for place in (columns.lon, columns.lat)]
    pm_lon, pm_lat = (speed * scale for speed, scale in zip(speeds, columns.scales, strict=True))
    if not columns.with_cosine:
        pm_lon = pm_lon * np.cos(np.radians(lat))
    pm_ra, pm_dec = _in_icrs(lon, lat, pm_lon, pm_lat, _frame_of(table, columns, pair))
    told = f"Proper motions from the columns {columns.told}, {told_epoch}.".encode(
        "ascii", "replace"
    ).decode()
    parallax, velocity = third(table, pair, "parallax"), third(table, pair, "velocity")
    return Motion(pm_ra, pm_dec, epoch, parallax, velocity, told)


def _frame_of(table: UserTable, columns: MotionColumns, pair: Pair) -> Frame:
    """Frame of the motions: the galactic one has its own columns, all others are those of the position."""
    galactic = is_galactic(table.columns[columns.lon])
    if galactic == (pair.frame.name == "galactic"):
        return pair.frame
    return Frame("galactic") if galactic else Frame("icrs")


def _in_icrs(
    lon: FloatArray, lat: FloatArray, pm_lon: FloatArray, pm_lat: FloatArray, frame: Frame
) -> tuple[FloatArray, FloatArray]:
    """Motions (the first with the cosine) along the axes of ICRS, mas/yr."""
    if frame.name == "icrs":
        return pm_lon, pm_lat
    if frame.name == "fk4":
        return _from_fk4(lon, lat, pm_lon, pm_lat)
    return _turned(lon, lat, pm_lon, pm_lat, rotation_to_icrs(frame.name, frame.equinox or "J2000"))


def _turned(
    lon: FloatArray, lat: FloatArray, pm_lon: FloatArray, pm_lat: FloatArray, matrix: FloatArray
) -> tuple[FloatArray, FloatArray]:
    centre = unit_vectors(lon, lat) @ matrix.T
    east, north = _axes(np.radians(lon), np.radians(lat))
    speed = (pm_lon[:, None] * east + pm_lat[:, None] * north) @ matrix.T
    there = (
        np.arctan2(centre[:, 1], centre[:, 0]),
        np.arctan2(centre[:, 2], np.hypot(centre[:, 0], centre[:, 1])),
    )
    new_east, new_north = _axes(*there)
    return np.sum(speed * new_east, axis=1), np.sum(speed * new_north, axis=1)


def _axes(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit vectors to east and north; radians."""
    zero = np.zeros_like(lon)
    east = np.stack([-np.sin(lon), np.cos(lon), zero], axis=-1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    return east, north


def _from_fk4(
    lon: FloatArray, lat: FloatArray, pm_lon: FloatArray, pm_lat: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Motions of FK4 (B1950), in which the system itself turns, by SOFA's ``fk425`` to FK5."""
    known = np.isfinite(lon) & np.isfinite(lat) & np.isfinite(pm_lon) & np.isfinite(pm_lat)
    result = np.full((2, len(lon)), np.nan)
    ra, dec = np.radians(lon[known]), np.radians(lat[known])
    tropical = 365.242198781 / 365.25
    zero = np.zeros(len(ra))
    rates = pm_lon[known] * MAS * tropical / np.cos(dec), pm_lat[known] * MAS * tropical
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        ra5, dec5, pm_ra5, pm_dec5, _, _ = erfa.fk425(ra, dec, *rates, zero, zero)
        moved = erfa.pmsafe(ra5, dec5, pm_ra5, pm_dec5, zero, zero, 2451545.0, 0.0, 2433282.42345905, 0.0)
    pm = moved[2] / MAS * np.cos(moved[1]), moved[3] / MAS
    result[:, known] = _turned(np.degrees(moved[0]), np.degrees(moved[1]), *pm, rotation_to_icrs("fk5"))
    return result[0], result[1]
