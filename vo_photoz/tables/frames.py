"""Frames of positions: which one a column means, and the way to ICRS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import FK4, FK5, Galactic, SkyCoord

from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.tables.user_table import UserTable


@dataclass(frozen=True)
class Frame:
    """A frame of positions.

    Parameters
    ----------
    name : str
        "icrs", "fk5", "fk4" or "galactic".
    equinox : str
        Of FK5 and FK4: "J2000", "B1950".
    """

    name: str
    equinox: str = ""

    @property
    def told(self) -> str:
        """The frame in words."""
        shown = self.name if self.name == "galactic" else self.name.upper()
        return f"{shown} {self.equinox}".strip()


ICRS = Frame("icrs")
GALACTIC = Frame("galactic")
_FK5 = Frame("fk5", "J2000")
_FK4 = Frame("fk4", "B1950")
_NAMES = {
    "icrs": ICRS,
    "fk5": _FK5,
    "j2000": _FK5,
    "fk4": _FK4,
    "b1950": _FK4,
    "galactic": GALACTIC,
    "gal": GALACTIC,
}

_PARTS = {"icrs": ICRS, "1950": _FK4, "fk4": _FK4, "2000": _FK5, "fk5": _FK5}
"""What the name of a column tells of its frame."""


def frame_named(name: str) -> Frame:
    """The frame that a user names.

    Raises
    ------
    UsageError
        Raised if it is not known.
    """
    frame = _NAMES.get(name.strip().lower().removeprefix("eq_"))
    if frame is None:
        raise UsageError(
            f"The frame '{name}' is not known.", advice="Frames are ICRS, FK5, FK4 and galactic."
        )
    return frame


def frame_of_column(table: UserTable, place: int, kind: str) -> Frame:
    """Frame of a longitude.

    Parameters
    ----------
    table : UserTable
        The table.
    place : int
        Which column.
    kind : str
        "icrs" for any equatorial column, or "galactic".

    Raises
    ------
    TableError
        Raised if the column refers to a coordinate system that is none of ours.
    """
    if kind == "galactic":
        return GALACTIC
    column = table.columns[place]
    identifiers = {column.ref, *_groups(table, column.ID)} - {None}
    systems = {element.get("ID"): element for element in table.root.iter("COOSYS")}
    for identifier in identifiers:
        if identifier in systems:
            return _system(
                systems[identifier].get("system", ""), systems[identifier].get("equinox", ""), column.name
            )
    for part, frame in _PARTS.items():
        if part in column.name.lower():
            return frame
    equatorial = [system for system in systems.values() if "fk" in system.get("system", "").lower()]
    if len(systems) == 1 and equatorial:
        return _system(equatorial[0].get("system", ""), equatorial[0].get("equinox", ""), column.name)
    return _from_cards(table)


def _groups(table: UserTable, identifier: str | None) -> set[str | None]:
    """Coordinate systems of the GROUPs that hold a column."""
    if identifier is None:
        return set()
    groups = [group for group in table.root.iter("GROUP") if group.get("ref")]
    return {
        group.get("ref")
        for group in groups
        if any(ref.get("ref") == identifier for ref in group.findall("FIELDref"))
    }


def _system(system: str, equinox: str, column: str) -> Frame:
    name = system.strip().lower().removeprefix("eq_")
    if name in ("", "icrs", "barycentric", "geo_app"):
        return ICRS
    frame = _NAMES.get(name)
    if frame is None:
        raise TableError(
            f"The column '{column}' is in the coordinate system '{system}', which is not supported.",
            advice="Convert them to ICRS, FK5 or galactic, or name others with --ra, --dec and --frame.",
        )
    year = equinox.strip().upper()
    if frame.equinox and year:
        prefix = "" if year[0] in "JB" else frame.equinox[0]
        return Frame(frame.name, f"{prefix}{year}")
    return frame


def _from_cards(table: UserTable) -> Frame:
    """Frame from the header cards of a FITS table, else ICRS."""
    system = table.infos.get("RADESYS") or table.infos.get("RADECSYS") or ""
    return _NAMES.get(system.strip().lower(), ICRS)


def to_icrs(lon: FloatArray, lat: FloatArray, frame: Frame) -> tuple[FloatArray, FloatArray]:
    """Right ascension and declination, ICRS degrees.

    Parameters
    ----------
    lon, lat : float64 array, shape (n,)
        Degrees in ``frame``, all finite.
    frame : Frame
        Their frame.
    """
    if frame.name == "icrs":
        return lon, lat
    try:
        classes = {"fk5": FK5, "fk4": FK4}
        target = Galactic() if frame.name == "galactic" else classes[frame.name](equinox=frame.equinox)
        sky = SkyCoord(lon * u.deg, lat * u.deg, frame=target).icrs
    except ValueError as error:
        raise TableError(f"The equinox '{frame.equinox}' of the positions cannot be read: {error}.") from None
    return np.asarray(sky.ra.deg) % 360.0, np.asarray(sky.dec.deg)
