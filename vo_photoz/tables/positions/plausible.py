"""Whether the values of two columns can be what their units say; and what they are where no unit is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.tables.positions.angles import scale_of

_TURN = 2 * np.pi
_MANY = 100
"""Rows from which the way they fill the circle proves their unit."""

_FEW = 5
"""Rows below which a pattern is chance."""


class Doubt(Exception):
    """The unit of two columns cannot be known from their values; the text says why."""


@dataclass(frozen=True)
class Units:
    """Units of two columns.

    Parameters
    ----------
    lon, lat : str
        "deg", "rad", "h", or as declared.
    remark : str
        What was concluded from the values; empty where nothing was.
    """

    lon: str
    lat: str
    remark: str = ""


def judge(lon: FloatArray, lat: FloatArray, lon_unit: str | None, lat_unit: str | None) -> Units:
    """Units of two columns of numbers, in the light of their values.

    Parameters
    ----------
    lon, lat : float64 array, shape (n,)
        The numbers as the table has them, NaN where it has none.
    lon_unit, lat_unit : str or None
        As declared; None where nobody tells.

    Raises
    ------
    Doubt
        Raised if the values contradict the units, or could be in several.
    """
    both = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = lon[both], lat[both]
    scales = scale_of(lon_unit), scale_of(lat_unit)
    if not len(lon):
        return Units(lon_unit or "deg", lat_unit or "deg")
    if lon_unit is None and lat_unit is None:
        return _without_unit(lon, lat)
    if scales == (1.0, 1.0):
        if _fills_radians(lon, lat):
            raise Doubt("have the unit deg, but their values fill 0 to 2 pi like radians")
        if _like_hours(lon, lat):
            raise Doubt(
                f"have the unit deg, but the longitudes go from {lon.min():.4g} to {lon.max():.4g} "
                "like hours over the whole sky"
            )
    _in_range(lon, lat, scales, f"in {lon_unit or 'deg'} and {lat_unit or 'deg'}")
    return Units(lon_unit or "deg", lat_unit or "deg")


def _without_unit(lon: FloatArray, lat: FloatArray) -> Units:
    if _fills_radians(lon, lat):
        return Units("rad", "rad", "radians (no unit; the values fill 0 to 2 pi)")
    if _within_radians(lon, lat):
        raise Doubt("have no unit, and their values can be radians as well as degrees")
    if _like_hours(lon, lat):
        if len(lon) >= _MANY and lon.min() < 0.5 and lon.max() > 23.5:
            return Units("h", "deg", "hours and degrees (no unit; the longitudes fill 0 to 24)")
        raise Doubt("have no unit, and their values look like hours and degrees as well as degrees alone")
    _in_range(lon, lat, (1.0, 1.0), "of any unit")
    return Units("deg", "deg", "degrees (no unit)")


def _within_radians(lon: FloatArray, lat: FloatArray) -> bool:
    """Whether all values can be radians."""
    slack = 1e-4
    return bool(
        lon.min() >= -np.pi - slack and lon.max() <= _TURN + slack and np.abs(lat).max() <= np.pi / 2 + slack
    )


def _fills_radians(lon: FloatArray, lat: FloatArray) -> bool:
    """Whether longitudes begin at 0 and end at 2 pi: no field of degrees has its edges just there."""
    return (
        len(lon) >= _MANY
        and _within_radians(lon, lat)
        and bool(0 <= lon.min() < 0.02 and lon.max() > _TURN - 0.02)
    )


def _like_hours(lon: FloatArray, lat: FloatArray) -> bool:
    """Whether sources all over the sky have longitudes between 0 and 24."""
    if len(lon) < _FEW or lon.min() < 0 or lon.max() > 24:
        return False
    return bool(np.ptp(lon) > 12 and (np.ptp(lat) > 60 or (np.ptp(lon) > 22 and len(lon) >= _MANY)))


def _in_range(lon: FloatArray, lat: FloatArray, scales: tuple[float | None, float | None], unit: str) -> None:
    """Raise a doubt where most rows have no place on the sky; single ones are only flagged."""
    lons, lats = lon * (scales[0] or 1.0), lat * (scales[1] or 1.0)
    no_lat = np.abs(lats) > 90
    outside = no_lat | (lons < -180) | (lons > 360)
    count = int(outside.sum())
    if 10 * int(no_lat.sum()) > len(lats) and _swapped(lons, lats):
        raise Doubt("look swapped: the first holds latitudes, the second longitudes")
    if count >= _FEW and 2 * count > len(lons):
        raise Doubt(
            f"hold no angles {unit}: their values go from {lon.min():.4g} to {lon.max():.4g} "
            f"and from {lat.min():.4g} to {lat.max():.4g}"
        )


def _swapped(lons: FloatArray, lats: FloatArray) -> bool:
    real = (lons > -180) & (lats > -180)  # not the -999 of a missing value
    if not real.any():
        return False
    lons, lats = lons[real], lats[real]
    return bool(np.abs(lons).max() <= 90 and lats.max() <= 360 and np.abs(lats).max() > 90)
