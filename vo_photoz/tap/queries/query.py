"""A query that runs in an archive: what it needs and returns, and its ADQL with named places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vo_photoz.errors import UsageError
from vo_photoz.flow import NewColumn
from vo_photoz.tap.queries.entries import Returned
from vo_photoz.tap.queries.parameters import Parameter, Value, literal
from vo_photoz.tap.queries.places import BOXES, CONES, INSIDE, PLACE, boxes_around, cones_around
from vo_photoz.tap.vizier import VizierTable

__all__ = ["BOXES", "CONES", "INSIDE", "PLACE", "Parameter", "Query", "Returned", "Value", "literal"]


Describe = Callable[[str, NewColumn], NewColumn]
"""Puts what a query file knows of a column by its name: `Query.described`."""


@dataclass(frozen=True)
class Query:
    """A crossmatch that runs in an archive, or a list of what an archive has in a part of the sky.

    Parameters
    ----------
    name : str
        Name of the file without its ending; prefix of the result's columns.
    title, verified, cite : str
        What is asked, where it was tried, what to cite.
    services : tuple of str
        Addresses of TAP services, mirrors in order.
    upload : bool
        Whether the service takes the positions as a table; else they are written into the text.
    parameters : mapping of str to Parameter
        The angle ``radius`` among them, unless the query lists a part of the sky.
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
    returned : mapping of str to Returned
        Unit, UCD and description of the returned columns, for archives that do not tell them.
    hides : str
        The shipped file of the same name that this one of the user's stands for; empty when there is none.
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
    returned: Mapping[str, Returned] = field(default_factory=dict)
    hides: str = ""

    @property
    def sky(self) -> tuple[str, str] | None:
        """The archive's columns of the position, in a query for a part of the sky; None in others."""
        found = [INSIDE.fullmatch(place) for place in PLACE.findall(self.adql)]
        return next(((one[1], one[2]) for one in found if one), None)

    def given(self, **values: Any) -> Query:
        """The same query with other values of its parameters.

        Parameters
        ----------
        **values
            Numbers in the unit that the file gives the parameter (a radius in arcsec, a magnitude in mag),
            texts with a unit ("2 arcsec", "21.5 mag") or astropy quantities; for a text parameter, the text.

        Raises
        ------
        UsageError
            Raised if there is no such parameter, or its value is of another type or unit or out of range.
        """
        self._know(values)
        changed = {name: self.parameters[name].given(value, name) for name, value in values.items()}
        return replace(self, parameters={**self.parameters, **changed})

    def described(self, name: str, column: NewColumn) -> NewColumn:
        """Column of the answer by its returned name, with what the file tells and the archive does not."""
        return replace(self.returned.get(name, Returned()).fill(column), name=name)

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
            Positions, degrees, for ``{cones(RA, DEC)}`` or ``{boxes(RA, DEC)}``.
        inside : callable or None
            Gives the condition for ``{inside(RA, DEC)}`` from the two columns.
        **given
            Values of parameters; angles in degrees.

        Raises
        ------
        UsageError
            Raised if a value is unknown, not of its type, or out of range.
        """
        self._know(given)
        numbers = {name: given.get(name, p.default) for name, p in self.parameters.items()}
        values = {name: literal(numbers[name], p.kind, name) for name, p in self.parameters.items()}
        for name in given:
            self.parameters[name].check(numbers[name], name)

        def put(content: str) -> str:
            if part := INSIDE.fullmatch(content):
                return inside(part[1], part[2]) if inside else "1 = 1"
            if part := CONES.fullmatch(content):
                return cones_around(part[1], part[2], cones, values["radius"])
            if part := BOXES.fullmatch(content):
                return boxes_around(part[1], part[2], cones, float(numbers["radius"]))
            return values[content]

        return PLACE.sub(lambda place: put(place[1]), self.adql)

    def _know(self, names: Mapping[str, object]) -> None:
        unknown = sorted(set(names) - set(self.parameters))
        if unknown:
            has = f"It has: {', '.join(self.parameters)}." if self.parameters else "It has none."
            raise UsageError(f"The query {self.name} has no parameter {unknown[0]}.", advice=has)
