"""Columns of proper motion, parallax and radial velocity: which they are, and in which unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray
from vo_photoz.tables.positions.columns import Pair
from vo_photoz.tables.positions.frames import Frame
from vo_photoz.tables.positions.names import is_main, stem, words
from vo_photoz.tables.user_table import ColumnInfo, UserTable

MAS = np.pi / (180 * 3_600_000)
"""Radians."""

_ANGLES = {"uas": 1e-3, "mas": 1.0, "arcsec": 1e3, "arcmin": 6e4, "deg": 3.6e6, "rad": 1 / MAS}
_TIMES = {"ms": 15.0, "s": 15_000.0, "min": 900_000.0, "h": 54_000_000.0}
"""mas in a unit of time, as right ascension is counted."""
_YEARS = {"yr": 1.0, "a": 1.0, "y": 1.0, "year": 1.0, "jyr": 1.0, "cy": 100.0, "century": 100.0, "ha": 100.0}
_YEARS |= {"cyr": 100.0, "kyr": 1000.0, "d": 1 / 365.25}
_NAMES = {
    "pmra": ("pmdec", "pmde"),
    "pmracosdec": ("pmdec", "pmde"),
    "pmracosd": ("pmdec", "pmde"),
    "pmalpha": ("pmdelta",),
    "pmalphastar": ("pmdelta",),
    "mura": ("mudec", "mude"),
    "mualpha": ("mudelta",),
    "mualphastar": ("mudelta",),
    "mualphacosdelta": ("mudelta",),
    "propermotionra": ("propermotiondec",),
    "rapm": ("decpm", "depm"),
    "pml": ("pmb",),
    "pmlcosb": ("pmb",),
    "pmglon": ("pmglat",),
}
_UCDS = {
    ("pos.pm", "pos.eq.ra"): "lon",
    ("pos.pm", "pos.eq.dec"): "lat",
    ("pos.pm", "pos.galactic.lon"): "lon",
    ("pos.pm", "pos.galactic.lat"): "lat",
    ("pos_eq_pmra",): "lon",
    ("pos_eq_pmdec",): "lat",
}


@dataclass(frozen=True)
class MotionColumns:
    """Columns of proper motion.

    Parameters
    ----------
    lon, lat : int
        Their places in the table.
    scales : tuple of float
        mas/yr in the unit of each.
    with_cosine : bool
        Whether the first is multiplied by the cosine of the latitude.
    told : str
        Names, units, and what was assumed.
    """

    lon: int
    lat: int
    scales: tuple[float, float]
    with_cosine: bool
    told: str


def numbers(values: NDArray[Any]) -> FloatArray:
    """Numbers of a column, NaN where it has none."""
    data, gone = np.ma.getdata(values), np.ma.getmaskarray(values)
    if data.ndim != 1:
        return np.full(len(data), np.nan)
    if data.dtype.kind in "iuf":
        return np.where(gone, np.nan, data.astype("f8"))
    return np.array(
        [np.nan if no else _number(cell) for cell, no in zip(data.tolist(), gone.tolist(), strict=True)]
    )


def _number(cell: Any) -> float:
    try:
        return float(str(cell).replace("\u2212", "-"))
    except ValueError:
        return float("nan")


def motion_axis(column: ColumnInfo) -> str | None:
    """Whether a column is the motion in longitude ("lon") or latitude ("lat")."""
    parts = words(column.ucd)
    if any(word.startswith(("stat.err", "stat.stdev", "stat.cov", "stat.corr", "arith.")) for word in parts):
        return None
    plain = tuple(word.removesuffix("_main") for word in parts if not word.startswith(("meta.", "stat.")))
    if plain[:2] in _UCDS or plain[:1] in _UCDS:
        return _UCDS.get(plain[:2]) or _UCDS.get(plain[:1])
    if column.ucd and plain[:1] != ("pos.pm",):
        return None
    name = _plain(column.name)
    if name in _NAMES:
        return "lon"
    return "lat" if any(name in lats for lats in _NAMES.values()) else None


def _plain(name: str) -> str:
    return re.sub(r"[1-9]$", "", re.sub(r"[\s_.*()\[\]-]", "", name.lower()))


def motion_columns(table: UserTable, pair: Pair) -> MotionColumns | None:
    """The columns whose names end like those of the position, else the main or first ones."""
    places = {"lon": [], "lat": []}  # type: dict[str, list[int]]
    for place, column in enumerate(table.columns):
        axis = motion_axis(column)
        if axis:
            places[axis].append(place)
    suffix = stem(table.columns[pair.lon.place].name)[1]
    chosen = []
    for found in places.values():
        scaled = [place for place in found if _speed(table.columns[place].unit) is not None]
        ranked = sorted(scaled, key=lambda place: _rank(table.columns[place], suffix, pair.frame))
        chosen.extend(ranked[:1])
    if len(chosen) < 2:
        return None
    return _measured(table, *chosen)


def _rank(column: ColumnInfo, suffix: str, frame: Frame) -> tuple[bool, bool, bool]:
    number = re.search(r"[1-9]$", column.name)
    return (
        (number[0] if number else "") != suffix,
        is_galactic(column) != (frame.name == "galactic"),
        not is_main(column.ucd),
    )


def is_galactic(column: ColumnInfo) -> bool:
    """Whether a motion is one in galactic longitude or latitude."""
    return "pos.galactic.lon" in words(column.ucd) or _plain(column.name).startswith(("pml", "pmb", "pmgl"))


def _speed(unit: str | None) -> tuple[float, bool] | None:
    """mas/yr of a unit, and whether it counts right ascension in time; None where it is no angular speed."""
    text = re.sub(r"\s*(?:\*\*|\^)?\s*-\s*1\b", "^-1", (unit or "").strip().lower())
    if not text:
        return 1.0, False
    text = re.sub(r"milliarcsec\w*", "mas", text).replace('"', "arcsec").replace("arcseconds", "arcsec")
    found = re.fullmatch(r"([a-z]+)(?:\s*/\s*|\s+per\s+|[\s.*]+)([a-z]+)(?:\^-1)?", text)
    if not found or found[2] not in _YEARS:
        return None
    if found[1] in _ANGLES:
        return _ANGLES[found[1]] / _YEARS[found[2]], False
    return (_TIMES[found[1]] / _YEARS[found[2]], True) if found[1] in _TIMES else None


def _measured(table: UserTable, lon: int, lat: int) -> MotionColumns:
    first, second = table.columns[lon], table.columns[lat]
    (scale, in_time), (other, _) = (_speed(column.unit) or (1.0, False) for column in (first, second))
    cosine, how = _cosine(first, in_time)
    units = " and ".join(
        dict.fromkeys(column.unit or "mas/yr (assumed; no unit)" for column in (first, second))
    )
    return MotionColumns(
        lon, lat, (scale, other), cosine, f"{first.name} and {second.name} in {units} ({how})"
    )


def _cosine(column: ColumnInfo, in_time: bool) -> tuple[bool, str]:
    """Whether the motion in longitude is multiplied by the cosine of the latitude, and what told it."""
    text = f"{column.name} {column.description}".lower()
    if in_time:
        return False, "in time, so without cos(dec)"
    if re.search(r"\b(not|no|without|w/o|excl\w*)\b[^.;]*cos", text):
        return False, "without cos(dec), as its description says"
    if "cos" in text or "star" in _plain(column.name) or "*" in column.name:
        return True, "with cos(dec), as the table says"
    return True, "taken as multiplied by cos(dec)"


def third(table: UserTable, pair: Pair, what: str) -> FloatArray | None:
    """Parallax in mas, or radial velocity in km/s, where a column holds it."""
    names = {"parallax": ("parallax", "plx"), "velocity": ("radialvelocity", "rv", "rvel", "hrv")}[what]
    ucds = {
        "parallax": ("pos.parallax", "pos.parallax.trig", "pos_parallax_trig"),
        "velocity": (
            "spect.dopplerveloc",
            "phys.veloc",
            "spect.dopplerveloc.opt",
            "veloc_barycenter",
            "veloc_hc",
        ),
    }[what]
    scales = {
        "parallax": {"": 1.0, "mas": 1.0, "arcsec": 1e3, "uas": 1e-3},
        "velocity": {"km/s": 1.0, "km.s**-1": 1.0, "km s-1": 1.0, "m/s": 1e-3, "": 1.0},
    }[what]
    suffix = stem(table.columns[pair.lon.place].name)[1]
    for place, column in enumerate(table.columns):
        number = re.search(r"[1-9]$", column.name)
        named = (_plain(column.name) in names and not column.ucd) or words(column.ucd)[0].removesuffix(
            "_main"
        ) in ucds
        scale = scales.get((column.unit or "").strip().lower())
        if named and scale is not None and (number[0] if number else "") == suffix:
            return numbers(table.data[place]) * scale
    return None
