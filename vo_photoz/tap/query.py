"""A query that runs in an archive: what it needs and returns, and its ADQL with named places."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from vo_photoz.errors import UsageError
from vo_photoz.tap.vizier import VizierTable

Value = float | int | str

PLACE = re.compile(r"\{([^{}]*)\}")
"""A place in the text that a value is put into."""

CONES = re.compile(r"cones\(\s*([\w.\"]+)\s*,\s*([\w.\"]+)\s*\)")
"""The place for cones around the positions, where a service takes no upload: columns of the archive."""

INSIDE = re.compile(r"inside\(\s*([\w.\"]+)\s*,\s*([\w.\"]+)\s*\)")
"""The place for a part of the sky, in a query that lists all an archive has there: columns of the archive."""


@dataclass(frozen=True)
class Parameter:
    """A typed value that may be changed without touching the ADQL.

    Parameters
    ----------
    kind : {"angle", "float", "int", "str"}
        What may be given; angles are degrees.
    default : float, int or str
        Used when nothing is given.
    """

    kind: Literal["angle", "float", "int", "str"]
    default: Value

    @property
    def told(self) -> str:
        """The default for people to read: angles in arcsec, texts in quotes."""
        if self.kind == "angle":
            return f"{float(self.default) * 3600:g} arcsec"
        return literal(self.default, self.kind, "")


@dataclass(frozen=True)
class Query:
    """A crossmatch that runs in an archive.

    Parameters
    ----------
    name : str
        Name of the file without its ending; prefix of the result's columns.
    title, verified, cite : str
        What is asked, where it was tried, what to cite.
    services : tuple of str
        Addresses of TAP services, mirrors in order.
    upload : bool
        Whether the service takes the positions as a table; else they are written into the text as cones.
    parameters : mapping of str to Parameter
        Always with the angle ``radius``.
    returns : tuple of str
        Columns of the answer, ``ra`` and ``dec`` among them.
    epoch : float
        Julian year of the archive's positions, ICRS.
    adql : str
        The query, with ``{parameter}`` in its places.
    origin : str
        The file it was read from.
    vizier : VizierTable or None
        The same rows in VizieR, for services that do not speak ADQL.
    """

    name: str
    title: str
    services: tuple[str, ...]
    upload: bool
    parameters: Mapping[str, Parameter]
    returns: tuple[str, ...]
    epoch: float
    verified: str
    cite: str
    adql: str
    origin: str
    vizier: VizierTable | None = None

    @property
    def sky(self) -> tuple[str, str] | None:
        """The archive's columns of the position, in a query for a part of the sky; None in others."""
        found = [INSIDE.fullmatch(place) for place in PLACE.findall(self.adql)]
        return next(((one[1], one[2]) for one in found if one), None)

    def render(
        self,
        cones: tuple[tuple[float, float], ...] = (),
        inside: Callable[[str, str], str] | None = None,
        **given: Value,
    ) -> str:
        """ADQL with the values in their places: numbers as numbers, strings quoted, angles in degrees.

        Parameters
        ----------
        cones : tuple of (float, float)
            Positions, degrees, for ``{cones(RA, DEC)}``.
        inside : callable or None
            Gives the condition for ``{inside(RA, DEC)}`` from the two columns.
        **given
            Values of parameters.

        Raises
        ------
        UsageError
            Raised if a value is unknown or not of its type.
        """
        unknown = sorted(set(given) - set(self.parameters))
        if unknown:
            raise UsageError(
                f"The query {self.name} has no parameter {unknown[0]}.",
                advice=f"It has: {', '.join(self.parameters)}.",
            )
        values = {
            name: literal(given.get(name, p.default), p.kind, name) for name, p in self.parameters.items()
        }

        def put(place: re.Match[str]) -> str:
            columns, part = CONES.fullmatch(place[1]), INSIDE.fullmatch(place[1])
            if part:
                return inside(part[1], part[2]) if inside else "1 = 1"
            return _cones(columns[1], columns[2], cones, values["radius"]) if columns else values[place[1]]

        return PLACE.sub(put, self.adql)


def literal(value: Value, kind: str, name: str) -> str:
    """Write a value as ADQL.

    Raises
    ------
    UsageError
        Raised if the value is not of the kind.
    """
    wrong = UsageError(f"The parameter {name} cannot be {value!r}.", advice=f"Give a value of type {kind}.")
    if kind == "str":
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise wrong
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, (str, bool)) or not abs(value) < float("inf"):
        raise wrong
    number = int(value) if kind == "int" else float(value)
    if number != value or (kind == "angle" and not 0 < number <= 180):
        raise wrong
    # A bare minus behind another one would begin a comment.
    return f"({number!r})" if number < 0 else repr(number)


def _cones(ra: str, dec: str, cones: tuple[tuple[float, float], ...], radius: str) -> str:
    circles = (
        f"1 = CONTAINS(POINT('ICRS', {ra}, {dec}), CIRCLE('ICRS', {lon!r}, {lat!r}, {radius}))"
        for lon, lat in cones
    )
    return "(" + "\n  OR ".join(circles) + ")"
