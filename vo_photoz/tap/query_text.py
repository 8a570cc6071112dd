"""The text of a query file: a header of ``-- key: value`` lines, then ADQL. Pure text, opens no file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vo_photoz.errors import UsageError
from vo_photoz.tap.query import CONES, INSIDE, PLACE, Parameter, Query
from vo_photoz.tap.vizier import VizierTable, parse_vizier

DEGREES = {"deg": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600}
KEYS = (
    "title", "service", "upload", "parameters", "returns", "positions", "verified", "cite", "vizier",
    "vizier_columns", "vizier_where",
)  # fmt: skip
REQUIRED = ("title", "service", "upload", "returns")
UPLOAD_TABLE = "TAP_UPLOAD.positions"

_HEADER = re.compile(r"--\s?(\w+)\s*:\s*(.*)")
_CONTINUED = re.compile(r"--\s{3,}(\S.*)")
_PARAMETER = re.compile(r"\s*(\w+)\s*=\s*('(?:[^']|'')*'|[^\s,']+)\s*([A-Za-z]+)?\s*(?:,|$)")
_NAME = re.compile(r"[A-Za-z_]\w*")


def parse_query(text: str, name: str, origin: str = "") -> Query:
    """Read a query file's text.

    Parameters
    ----------
    text : str
        Header lines ``-- key: value``, then ADQL.
    name : str
        Name of the query.
    origin : str
        The file, for errors.

    Raises
    ------
    UsageError
        Raised if the header or the text cannot be meant; says the file and the line.
    """
    reader = _Reader(text, origin or name)
    header, adql = reader.header, reader.adql
    parameters = reader.parameters()
    reader.check_places(parameters)
    return Query(
        name=name,
        title=header["title"],
        services=reader.services(),
        upload=reader.upload(),
        parameters=parameters,
        returns=reader.returns(),
        epoch=reader.epoch(),
        verified=header.get("verified", "not tried on the real service"),
        cite=header.get("cite", ""),
        adql=adql,
        origin=origin,
        vizier=reader.vizier(parameters),
    )


class _Reader:
    """Header and text of one file; every complaint names the line."""

    def __init__(self, text: str, origin: str) -> None:
        self.origin = origin
        self.header: dict[str, str] = {}
        self.line_of: dict[str, int] = {}
        lines = text.splitlines()
        end = self._read_header(lines)
        self.first = end + 1
        self.adql = "\n".join(lines[end:]).strip().rstrip(";").rstrip()
        for key in REQUIRED:
            if not self.header.get(key):
                raise self.wrong(1, f"the header has no '-- {key}: ...'", f"Its keys are {', '.join(KEYS)}.")
        if not re.match(r"(SELECT|WITH)\b", self.adql, re.IGNORECASE):
            raise self.wrong(self.first, "no SELECT follows the header")

    def _read_header(self, lines: list[str]) -> int:
        """Fill the header; number of lines that belong to it."""
        key = ""
        for number, line in enumerate(lines, start=1):
            entry, more = _HEADER.match(line), _CONTINUED.match(line)
            if not line.startswith("--") and line.strip():
                return number - 1
            if more and key:
                self.header[key] += " " + more[1].strip()
            elif entry:
                key = entry[1].lower()
                if key not in KEYS or key in self.header:
                    what = "stands twice" if key in self.header else "is no key of a query file"
                    raise self.wrong(number, f"'{key}' {what}", f"The keys are {', '.join(KEYS)}.")
                self.header[key], self.line_of[key] = entry[2].strip(), number
        return len(lines)

    def wrong(self, line: int, what: str, advice: str = "") -> UsageError:
        """Error that names the file and the line."""
        return UsageError(f"{self.origin}, line {line}: {what}.", advice=advice, url=self.origin)

    def services(self) -> tuple[str, ...]:
        """Addresses, mirrors in order."""
        addresses = tuple(self.header["service"].split())
        for address in addresses:
            if not address.startswith(("http://", "https://")):
                raise self.wrong(self.line_of["service"], f"'{address}' is no http address")
        return tuple(address.rstrip("/") for address in addresses)

    def upload(self) -> bool:
        """Whether the positions travel as a table."""
        word = self.header["upload"].lower()
        if word not in ("yes", "no"):
            raise self.wrong(self.line_of["upload"], f"upload is 'yes' or 'no', not '{word}'")
        return word == "yes"

    def returns(self) -> tuple[str, ...]:
        """Columns of the answer."""
        line = self.line_of["returns"]
        names = tuple(name.strip() for name in self.header["returns"].split(","))
        for name in names:
            if not _NAME.fullmatch(name) or names.count(name) > 1 or name == "id":
                raise self.wrong(line, f"'{name}' cannot be the name of a returned column")
        if not {"ra", "dec"} <= set(names):
            raise self.wrong(line, "ra and dec are not returned", "Separations are computed from them.")
        return names

    def epoch(self) -> float:
        """Julian year of the positions, which must be ICRS."""
        text = self.header.get("positions", "ICRS, epoch 2000.0")
        found = re.fullmatch(r"ICRS(?:\s*,\s*epoch\s+(\d+(?:\.\d+)?))?", text)
        if not found:
            advice = "Write 'ICRS, epoch 2000.0'; the query itself must give ICRS degrees."
            raise self.wrong(self.line_of["positions"], f"positions '{text}' are not understood", advice)
        return float(found[1] or 2000.0)

    def parameters(self) -> dict[str, Parameter]:
        """Typed defaults; ``radius`` must be an angle."""
        text, line, at = self.header.get("parameters", ""), self.line_of.get("parameters", 1), 0
        found: dict[str, Parameter] = {}
        while at < len(text):
            entry = _PARAMETER.match(text, at)
            if not entry:
                raise self.wrong(
                    line, f"parameters cannot be read from '{text[at:]}'", "Write NAME = VALUE [UNIT]."
                )
            found[entry[1]] = self._parameter(entry[2], entry[3], line)
            at = entry.end()
        if self.lists_sky() and "radius" not in found:
            return found
        if "radius" not in found or found["radius"].kind != "angle":
            raise self.wrong(line, "the angle 'radius' is missing", "Write for example radius = 1.5 arcsec.")
        return found

    def _parameter(self, value: str, unit: str | None, line: int) -> Parameter:
        if value.startswith("'") and not unit:
            return Parameter("str", value[1:-1].replace("''", "'"))
        try:
            if unit:
                return Parameter("angle", float(value) * DEGREES[unit])
            return (
                Parameter("int", int(value))
                if re.fullmatch(r"[+-]?\d+", value)
                else Parameter("float", float(value))
            )
        except (ValueError, KeyError):
            advice = "A value is a number, 'text', or a number with deg, arcmin or arcsec."
            raise self.wrong(line, f"'{value} {unit or ''}' is no value", advice) from None

    def lists_sky(self) -> bool:
        """Whether the query lists a part of the sky, instead of what is near positions."""
        return any(INSIDE.fullmatch(place) for place in PLACE.findall(self.adql))

    def vizier(self, parameters: Mapping[str, Parameter]) -> VizierTable | None:
        """Table of VizieR with the same rows, when the header names one."""
        try:
            return parse_vizier(self.header, self.adql, self.returns(), parameters)
        except UsageError as error:
            line = self.line_of.get("vizier", 1)
            raise self.wrong(line, error.message.rstrip("."), error.advice) from None

    def check_places(self, parameters: Mapping[str, Parameter]) -> None:
        """All places of the text are known, and the positions go in by the way the header says."""
        places, cones = set(), False
        for number, text in enumerate(self.adql.splitlines(), start=self.first):
            for place in PLACE.findall(text):
                is_cones = bool(CONES.fullmatch(place))
                if place not in parameters and not is_cones and not INSIDE.fullmatch(place):
                    raise self.wrong(number, f"{{{place}}} is not among the parameters")
                cones |= is_cones
                places.add(place)
        unused = [name for name in parameters if name not in places and not (cones and name == "radius")]
        if unused:
            raise self.wrong(
                self.line_of["parameters"], f"the parameter {unused[0]} stands nowhere in the text"
            )
        line = self.line_of["upload"]
        if self.lists_sky() and (self.upload() or cones):
            advice = "A query for a part of the sky says 'upload: no' and has no {cones(RA, DEC)}."
            raise self.wrong(line, "{inside(RA, DEC)} takes no positions", advice)
        if self.upload() and UPLOAD_TABLE.lower() not in self.adql.lower():
            raise self.wrong(line, f"the text does not use the upload {UPLOAD_TABLE}")
        if not (self.upload() or cones or self.lists_sky()):
            raise self.wrong(
                line, "without upload the text needs {cones(RA, DEC)}, the columns of the archive"
            )
