"""Frames of positions: which one a column means, and the way to ICRS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from astropy import units as u
from astropy.coordinates import FK4, SkyCoord
from astropy.time import Time

from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.sky.frames import angles_of, rotation_to_icrs, unit_vectors
from vo_photoz.tables.positions.names import equinox_in
from vo_photoz.tables.user_table import ColumnInfo, UserTable

_EQUINOX = {"fk5": "J2000", "fk4": "B1950", "ecliptic": "J2000"}
_KINDS = ("galactic", "ecliptic", "supergalactic")
_OBLIQUITY_B1950 = np.radians(84404.836 / 3600)
"""Of the ecliptic to the equator of FK4 in 1950 (Newcomb; Explanatory Supplement 1961)."""


@dataclass(frozen=True)
class Frame:
    """A frame of positions.

    Parameters
    ----------
    name : str
        "icrs", "fk5", "fk4", "galactic", "ecliptic" or "supergalactic".
    equinox : str
        Of FK5, FK4 and the ecliptic: "J2000", "B1950".
    epoch : str
        Of the positions as the table tells it ("J2015.5", "B1957.3"); empty where it does not.
    """

    name: str
    equinox: str = ""
    epoch: str = ""

    @property
    def told(self) -> str:
        """The frame in words."""
        shown = self.name if self.name in _KINDS else self.name.upper()
        if self.name == "ecliptic" and self.equinox == "J2000":
            return "ecliptic"
        return f"{shown} {self.equinox}".strip()

    @property
    def kind(self) -> str:
        """What its longitude is: "equatorial", "galactic", "ecliptic" or "supergalactic"."""
        return self.name if self.name in _KINDS else "equatorial"


ICRS = Frame("icrs")
_WORDS = {
    "icrs": "icrs",
    "fk5": "fk5",
    "fk4": "fk4",
    "galactic": "galactic",
    "gal": "galactic",
    "galactic_ii": "galactic",
    "ecliptic": "ecliptic",
    "ecl": "ecliptic",
    "supergalactic": "supergalactic",
    "super_galactic": "supergalactic",
    "supergal": "supergalactic",
    "sgal": "supergalactic",
}
_ADVICE = (
    "Frames are ICRS, FK5, FK4, galactic, ecliptic and supergalactic; FK5, FK4 and ecliptic also with an "
    "equinox ('FK4 B1900')."
)


def frame_named(name: str) -> Frame:
    """The frame that a user names: "ICRS", "FK5 J1975", "B1950", "galactic".

    Raises
    ------
    UsageError
        Raised if it is not known.
    """
    text = name.strip().lower().removeprefix("eq_")
    found = re.fullmatch(r"(.*?)[\s,_(]*(?:equinox\s*)?([jb]?\d{4}(?:\.\d+)?)\)?", text)
    word, equinox = (found[1], found[2].upper()) if found else (text, "")
    if equinox and not word:
        word = "fk4" if equinox.startswith("B") or equinox < "1976" else "fk5"
    system = _WORDS.get(word)
    if system is None or (equinox and system not in _EQUINOX):
        raise UsageError(f"The frame '{name}' is not known.", advice=_ADVICE)
    return _with_equinox(system, equinox)


def _with_equinox(system: str, year: str, epoch: str = "") -> Frame:
    default = _EQUINOX.get(system, "")
    year = year.strip().upper()
    if default and year:
        letter = "" if year[0] in "JB" else default[0]
        number = year.lstrip("JB").strip()
        number = number.rstrip("0").rstrip(".") if "." in number else number
        return Frame(system, f"{letter or year[0]}{number}", epoch)
    return Frame(system, default, epoch)


def frame_of_column(table: UserTable, place: int, kind: str) -> Frame:
    """Frame of a longitude: from its coordinate system, else its name, description, or the FITS header.

    Parameters
    ----------
    table : UserTable
        The table.
    place : int
        Which column.
    kind : str
        "equatorial", "galactic", "ecliptic" or "supergalactic".

    Raises
    ------
    TableError
        Raised if the column refers to a coordinate system that is none of ours, or of another kind.
    """
    column = table.columns[place]
    system = _system_of(table, column)
    if system is not None:
        frame = _of_system(system, column.name)
        if frame.kind == kind:
            return frame
        if kind == "equatorial" and frame.kind != "equatorial":
            raise TableError(
                f"The column '{column.name}' is called a right ascension, but its coordinate system is "
                f"'{system.get('system')}'.",
                advice="Say which is right with --ra, --dec and --frame.",
            )
    if kind in _KINDS:
        return _with_equinox(kind, equinox_in(column.name) if kind == "ecliptic" else "")
    return _by_words(column) or _only_system(table, column) or _from_cards(table)


def _system_of(table: UserTable, column: ColumnInfo) -> Element | None:
    """The COOSYS to which a column, or a GROUP that holds it, refers."""
    systems = {element.get("ID"): element for element in table.root.iter("COOSYS")}
    identifiers = [column.ref, *sorted(_groups(table, column.ID))]
    return next((systems[identifier] for identifier in identifiers if identifier in systems), None)


def _groups(table: UserTable, identifier: str | None) -> set[str]:
    """Coordinate systems of the GROUPs that hold a column."""
    if identifier is None:
        return set()
    return {
        group.get("ref", "")
        for group in table.root.iter("GROUP")
        if group.get("ref") and any(ref.get("ref") == identifier for ref in group.findall("FIELDref"))
    }


def _of_system(system: Element, column: str) -> Frame:
    """Frame of a COOSYS, in the words of VOTable 1.1 to 1.5."""
    said = system.get("system", "")
    name = said.strip().lower().removeprefix("ivo://ivoa.net/rdf/refframe#").removeprefix("eq_")
    equinox, epoch = system.get("equinox", ""), system.get("epoch", "").strip()
    if name in ("ecl_fk5", "ecl_fk4"):
        return _with_equinox("ecliptic", equinox or ("B1950" if name == "ecl_fk4" else ""), epoch)
    if name in ("", "barycentric", "unknown"):
        return Frame("icrs", "", epoch)
    if name not in _WORDS:
        raise TableError(
            f"The column '{column}' is in the coordinate system '{said}', which is not supported.",
            advice="Convert it to ICRS, FK5 or galactic, or name other columns with --ra, --dec and --frame.",
        )
    return _with_equinox(_WORDS[name], equinox, epoch)


def _by_words(column: ColumnInfo) -> Frame | None:
    """Frame of a right ascension from what its name, then its description tells."""
    for text in (column.name, column.description):
        found = re.search(r"icrs|fk[45]", text.lower())
        equinox = equinox_in(text)
        if found and (found[0] == "icrs" or not equinox):
            return _with_equinox(found[0], "")
        if equinox:
            system = found[0] if found else "fk4" if equinox[0] == "B" else "fk5"
            return _with_equinox(system, equinox)
    return None


def _only_system(table: UserTable, column: ColumnInfo) -> Frame | None:
    """The one equatorial COOSYS of a document in which nothing refers to it."""
    systems = list(table.root.iter("COOSYS"))
    if len(systems) != 1 or any(other.ref == systems[0].get("ID") for other in table.columns if other.ref):
        return None
    name = systems[0].get("system", "").lower().removeprefix("eq_")
    return _of_system(systems[0], column.name) if name in ("icrs", "fk4", "fk5") else None


def _from_cards(table: UserTable) -> Frame:
    """Frame from the header cards of a FITS table, else ICRS."""
    system = (table.infos.get("RADESYS") or table.infos.get("RADECSYS") or "").strip().lower()
    equinox = table.infos.get("EQUINOX", "").strip()
    if system in ("fk4", "fk5", "icrs"):
        return _with_equinox(system, "" if system == "icrs" else equinox)
    try:
        year = float(equinox)
    except ValueError:
        return ICRS
    # FITS WCS paper II: without RADESYS an equinox before 1984 means FK4.
    return _with_equinox("fk4" if year < 1984 else "fk5", equinox)


def to_icrs(lon: FloatArray, lat: FloatArray, frame: Frame) -> tuple[FloatArray, FloatArray]:
    """Right ascension and declination, ICRS degrees.

    Parameters
    ----------
    lon, lat : float64 array, shape (n,)
        Degrees in ``frame``, all finite.
    frame : Frame
        Their frame.

    Raises
    ------
    TableError
        Raised if the equinox or epoch of the frame cannot be read.
    """
    if frame.name == "icrs":
        return lon, lat
    if frame.name == "ecliptic" and frame.equinox.startswith("B"):
        lon, lat = _ecliptic_to_fk4(lon, lat, frame)
        frame = Frame("fk4", frame.equinox, frame.epoch)
    try:
        if frame.name == "fk4":
            return _fk4_to_icrs(lon, lat, frame)
        matrix = rotation_to_icrs(frame.name, frame.equinox or "J2000")
    except ValueError as error:
        raise TableError(f"The equinox '{frame.equinox}' of the positions cannot be read: {error}.") from None
    return angles_of(unit_vectors(lon, lat) @ matrix.T)


def _fk4_to_icrs(lon: FloatArray, lat: FloatArray, frame: Frame) -> tuple[FloatArray, FloatArray]:
    """FK4 turns against FK5: where a source stands depends on the epoch, the equinox unless it is told."""
    system = FK4(equinox=frame.equinox, obstime=Time(_besselian(frame.epoch) or frame.equinox))
    sky = SkyCoord(lon * u.deg, lat * u.deg, frame=system).icrs
    return np.asarray(sky.ra.deg) % 360.0, np.asarray(sky.dec.deg)


def _besselian(epoch: str) -> str:
    return epoch.upper() if epoch[:1].upper() in ("J", "B") else f"B{epoch}" if epoch else ""


def _ecliptic_to_fk4(lon: FloatArray, lat: FloatArray, frame: Frame) -> tuple[FloatArray, FloatArray]:
    if frame.equinox not in ("B1950", "B1950.0"):
        raise TableError(
            f"Ecliptic positions of the equinox {frame.equinox} are not supported.",
            advice="Convert them to J2000 or to right ascension and declination.",
        )
    sine, cosine = np.sin(_OBLIQUITY_B1950), np.cos(_OBLIQUITY_B1950)
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return angles_of(unit_vectors(lon, lat) @ turn.T)
