"""How columns with positions are called: names, UCDs, and what a name tells of the unit."""

from __future__ import annotations

import re

# Names without letter case, blanks, underscores, brackets and a leading or trailing unit.
_Names = dict[str, tuple[str, ...]]
EQUATORIAL: _Names = {
    "ra": ("dec", "de", "decl"),
    "rightascension": ("declination",),
    "raicrs": ("deicrs", "decicrs"),
    "rafk5": ("defk5", "decfk5"),
    "rafk4": ("defk4", "decfk4"),
    "alpha": ("delta",),
    "alphasky": ("deltasky",),
    "sra": ("sdec",),
    "ramean": ("decmean",),
    "rastack": ("decstack",),
    "meanra": ("meandec",),
    "targetra": ("targetdec",),
    "plugra": ("plugdec",),
    "fiberra": ("fiberdec",),
    "rad": ("decd", "ded"),
    "coordra": ("coorddec",),
}
GALACTIC: _Names = {
    "l": ("b",),
    "glon": ("glat",),
    "lii": ("bii",),
    "gall": ("galb",),
    "galacticlongitude": ("galacticlatitude",),
    "gallon": ("gallat",),
}
ECLIPTIC: _Names = {
    "elon": ("elat",),
    "ecllon": ("ecllat",),
    "eclipticlongitude": ("eclipticlatitude",),
    "ecl": ("ecb",),
}
SUPERGALACTIC: _Names = {
    "sgl": ("sgb",),
    "sglon": ("sglat",),
    "supergalacticlongitude": ("supergalacticlatitude",),
}
NAMES = {
    "equatorial": EQUATORIAL,
    "galactic": GALACTIC,
    "ecliptic": ECLIPTIC,
    "supergalactic": SUPERGALACTIC,
}
"""Kind of frame to names of longitudes and their latitudes; searched in this order."""

_WORDS = {
    ("lon", "pos.eq.ra"): "equatorial",
    ("lat", "pos.eq.dec"): "equatorial",
    ("lon", "pos_eq_ra"): "equatorial",
    ("lat", "pos_eq_dec"): "equatorial",
    ("lon", "pos.galactic.lon"): "galactic",
    ("lat", "pos.galactic.lat"): "galactic",
    ("lon", "pos_gal_lon"): "galactic",
    ("lat", "pos_gal_lat"): "galactic",
    ("lon", "pos.ecliptic.lon"): "ecliptic",
    ("lat", "pos.ecliptic.lat"): "ecliptic",
    ("lon", "pos_ec_lon"): "ecliptic",
    ("lat", "pos_ec_lat"): "ecliptic",
    ("lon", "pos.supergalactic.lon"): "supergalactic",
    ("lat", "pos.supergalactic.lat"): "supergalactic",
    ("lon", "pos_sg_lon"): "supergalactic",
    ("lat", "pos_sg_lat"): "supergalactic",
}
_NOT_A_PLACE = (
    "stat.error",
    "stat.stdev",
    "stat.variance",
    "stat.covariance",
    "stat.correlation",
    "stat.min",
    "stat.max",
    "arith.diff",
    "pos.pm",
    "instr.",
    "obs.field",
    "telescope",
)
_AXES = {axis for pairs in NAMES.values() for lon, lats in pairs.items() for axis in (lon, *lats)}
_UNIT = re.compile(
    r"(.*?[^\W_])(?:[\s_.\[(-]*(deg|degs|degrees?|rad|radians?|hrs?|hours?|hourangle)|[\s_.\[(-]+(h))[\])]?",
    re.IGNORECASE,
)
_LONGEST = 60
"""Letters of a name that can be one of an axis."""

_EQUINOX = r"([jb]?)(1855|1875|1900|1950|1975|2000)"
_IN_NAME = re.compile(rf"(?<=[a-z]){_EQUINOX}(?!\d\d)")
_IN_TEXT = re.compile(rf"(?<![a-zA-Z0-9.]){_EQUINOX}(?:\.0*)?(?!\d)", re.IGNORECASE)


def words(ucd: str | None) -> list[str]:
    """Words of a UCD, lower case, without namespaces."""
    return [word.strip().removeprefix("ivoa:") for word in (ucd or "").lower().split(";")]


def is_main(ucd: str | None) -> bool:
    """Whether a UCD (1+ or 1) marks the main column of its kind."""
    return "meta.main" in words(ucd) or words(ucd)[0].endswith("_main")


def kind_by_ucd(ucd: str | None, axis: str) -> str | None:
    """Kind of frame in which a column is the longitude ("lon") or latitude ("lat"); None where it is not."""
    parts = words(ucd)
    if any(word.startswith(_NOT_A_PLACE) for word in parts):
        return None
    if parts[0] in ("stat.mean", "stat.median") and len(parts) > 1:
        parts = parts[1:]
    return _WORDS.get((axis, parts[0].removesuffix("_main")))


def denies(ucd: str | None) -> bool:
    """Whether the UCD says that a column with the name of a position is none."""
    places = ("pos.eq", "pos_eq", "pos.gal", "pos_gal", "pos.ecl", "pos_ec", "pos.supergal", "pos_sg")
    return bool(ucd) and words(ucd)[0] != "pos" and not words(ucd)[0].startswith(places)


def stem(name: str) -> tuple[str, str]:
    """A name without letter case, blanks, unit and equinox, and the number of a join (``ra_1``)."""
    if len(name) > _LONGEST:
        return name, ""
    bare = _IN_NAME.sub("", _squeezed(_split(name)[0]), count=1)
    bare = re.sub(r"(?<=.)deg$|^deg(?=.)", "", bare)
    if bare in _AXES:
        return bare, ""
    found = re.fullmatch(r"(.*\D)([1-9])", bare)
    return (stem(found[1])[0], found[2]) if found else (bare, "")


def unit_in_name(name: str) -> str | None:
    """Unit that a name tells ("ra_rad", "RA [deg]", "RAdeg_1"); None where it tells none."""
    return _split(name)[1] or _split(re.sub(r"_?[1-9]$", "", name))[1] or None


def equinox_in(text: str) -> str:
    """Equinox that a name or a description tells ("J2000", "B1950"); empty where it tells none."""
    found = _IN_TEXT.search(text) or _IN_NAME.search(_squeezed(text))
    if not found:
        return ""
    return (found[1].upper() or ("B" if int(found[2]) < 1976 else "J")) + found[2]


def _squeezed(name: str) -> str:
    return re.sub(r"[\s_.()\[\]-]", "", name.lower())


def _split(name: str) -> tuple[str, str]:
    """Name and unit at its end, where what is left is the name of an axis; else the name and nothing."""
    if len(name) > _LONGEST:
        return name, ""
    found = _UNIT.fullmatch(name.strip())
    if not found or _IN_NAME.sub("", _squeezed(found[1])) not in _AXES:
        return name, ""
    return found[1], (found[2] or found[3]).lower()
