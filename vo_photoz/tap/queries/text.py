"""The text of a query file: a header of ``-- key: value`` lines, then ADQL. Pure text, opens no file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vo_photoz.errors import UsageError
from vo_photoz.tap.queries.adql import clean_statement, places
from vo_photoz.tap.queries.entries import Returned, parse_parameters, parse_returns
from vo_photoz.tap.queries.parameters import Parameter
from vo_photoz.tap.queries.places import BOXES, CONES, INSIDE
from vo_photoz.tap.queries.query import Query
from vo_photoz.tap.vizier import VizierTable, parse_vizier

KEYS = (
    "title", "service", "upload", "parameters", "returns", "positions", "verified", "cite", "vizier",
    "vizier_columns", "vizier_where",
)  # fmt: skip
REQUIRED = ("title", "service", "upload", "returns")
UPLOAD_TABLE = "TAP_UPLOAD.positions"

_HEADER = re.compile(r"--\s?(\w+)\s*:\s*(.*)")
_CONTINUED = re.compile(r"--\s{3,}(\S.*)")


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
    parameters, returned = reader.parameters(), reader.returns()
    reader.check_places(parameters)
    return Query(
        name=name,
        title=header["title"],
        services=reader.services(),
        upload=reader.upload(),
        parameters=parameters,
        returns=tuple(returned),
        epoch=reader.epoch(),
        verified=header.get("verified", "not tried on the real service"),
        cite=header.get("cite", ""),
        adql=adql,
        origin=origin,
        vizier=reader.vizier(parameters, tuple(returned)),
        returned=returned,
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
        for key in REQUIRED:
            if not self.header.get(key):
                raise self.wrong(1, f"the header has no '-- {key}: ...'", f"Its keys are {', '.join(KEYS)}.")
        try:
            self.adql = clean_statement("\n".join(lines[end:]))
        except UsageError as error:
            line, what = error.message.split(":", maxsplit=1)
            raise self.wrong(self.first + int(line), what, error.advice) from None
        if not re.match(r"\s*(SELECT|WITH)\b", self.adql, re.IGNORECASE):
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

    def returns(self) -> dict[str, Returned]:
        """Columns of the answer."""
        try:
            return parse_returns(self.header["returns"])
        except UsageError as error:
            raise self.wrong(self.line_of["returns"], error.message.rstrip("."), error.advice) from None

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
        text, line = self.header.get("parameters", ""), self.line_of.get("parameters", 1)
        try:
            found = parse_parameters(text)
        except UsageError as error:
            raise self.wrong(line, error.message.rstrip("."), error.advice) from None
        if self.lists_sky() and "radius" not in found:
            return found
        if "radius" not in found or found["radius"].kind != "angle":
            advice = "Write for example radius = 1.5 arcsec."
            raise self.wrong(line, "the angle 'radius' (deg, arcmin, arcsec or mas) is missing", advice)
        return found

    def lists_sky(self) -> bool:
        """Whether the query lists a part of the sky, instead of what is near positions."""
        return any(INSIDE.fullmatch(place) for _, place in places(self.adql))

    def vizier(self, parameters: Mapping[str, Parameter], returns: tuple[str, ...]) -> VizierTable | None:
        """Table of VizieR with the same rows, when the header names one."""
        try:
            return parse_vizier(self.header, self.adql, returns, parameters)
        except UsageError as error:
            line = self.line_of.get("vizier", 1)
            raise self.wrong(line, error.message.rstrip("."), error.advice) from None

    def check_places(self, parameters: Mapping[str, Parameter]) -> None:
        """All places of the text are known, and the positions go in by the way the header says."""
        found, around = set(), False
        for line, place in places(self.adql):
            is_around = bool(CONES.fullmatch(place) or BOXES.fullmatch(place))
            if place not in parameters and not is_around and not INSIDE.fullmatch(place):
                raise self.wrong(self.first + line, f"{{{place}}} is not among the parameters")
            around |= is_around
            found.add(place)
        unused = [name for name in parameters if name not in found and not (around and name == "radius")]
        if unused:
            line = self.line_of["parameters"]
            raise self.wrong(line, f"the parameter {unused[0]} stands nowhere in the text")
        self._check_route(around)

    def _check_route(self, around: bool) -> None:
        line = self.line_of["upload"]
        if self.lists_sky() and (self.upload() or around):
            advice = "A query for a part of the sky says 'upload: no' and has no {cones(RA, DEC)}."
            raise self.wrong(line, "{inside(RA, DEC)} takes no positions", advice)
        if self.upload() and UPLOAD_TABLE.lower() not in self.adql.lower():
            raise self.wrong(line, f"the text does not use the upload {UPLOAD_TABLE}")
        if not (self.upload() or around or self.lists_sky()):
            advice = "Give the columns of the archive."
            raise self.wrong(
                line, "without upload the text needs {cones(RA, DEC)} or {boxes(RA, DEC)}", advice
            )
