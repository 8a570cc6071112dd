"""The user's table: the tree of its VOTable without the rows, and the columns as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element

from numpy.typing import NDArray

from vo_photoz.errors import TableError
from vo_photoz.tables.fields import Kind, kind_of

JOB = "vo_photoz.job"
"""Name of the INFO that marks a product of ours."""


@dataclass(frozen=True)
class ColumnInfo:
    """What is told of a column; attributes of the FIELD, None where absent."""

    name: str
    ID: str | None
    datatype: str
    arraysize: str | None
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    xtype: str | None = None
    ref: str | None = None
    null: str | None = None
    description: str = ""

    @property
    def kind(self) -> Kind:
        """How cells are stored."""
        return kind_of(self.datatype, self.arraysize, f"The column '{self.name}'")

    @classmethod
    def of(cls, field: Element) -> ColumnInfo:
        """What a FIELD element tells."""
        values = field.find("VALUES[@null]")
        return cls(
            name=field.get("name") or field.get("ID") or "",
            ID=field.get("ID"),
            datatype=field.get("datatype", "char"),
            arraysize=field.get("arraysize"),
            unit=field.get("unit"),
            ucd=field.get("ucd"),
            utype=field.get("utype"),
            xtype=field.get("xtype"),
            ref=field.get("ref"),
            null=None if values is None else values.get("null"),
            description=text_of(field.find("DESCRIPTION")),
        )


class Columns(Sequence[NDArray[Any]]):
    """Columns that are made when they are asked for; ``n_rows`` is known before."""

    n_rows: int = 0


class UserTable:
    """A table with all that its document tells.

    Parameters
    ----------
    root : Element
        The VOTABLE element; the DATA of ``table`` is left out of the tree.
    table : Element
        The TABLE element, somewhere below ``root``.
    data : list of array, each shape (n, ...)
        Columns in the order of the FIELDs, in the form `vo_photoz.tables.fields` describes.
    source : str
        File the table came from.
    note : str
        Which table was taken, where the file holds several; else empty.
    """

    def __init__(
        self, root: Element, table: Element, data: list[NDArray[Any]], *, source: str = "", note: str = ""
    ) -> None:
        self.root = root
        self.table = table
        self.data = data
        self.source = source
        self.note = note

    def __len__(self) -> int:
        return self.n_rows

    def __repr__(self) -> str:
        return f"UserTable({self.n_rows} rows, columns {', '.join(self.names)})"

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        if isinstance(self.data, Columns):
            return self.data.n_rows
        return len(self.data[0]) if self.data else 0

    @cached_property
    def columns(self) -> list[ColumnInfo]:
        """What is told of each column."""
        return [ColumnInfo.of(field) for field in self.table.findall("FIELD")]

    @property
    def names(self) -> list[str]:
        """Names of the columns; they need not be unique."""
        return [column.name for column in self.columns]

    def index(self, name: str) -> int:
        """Place of the column with this name, else ID, else name in other letter case.

        Raises
        ------
        TableError
            Raised if there is no such column.
        """
        lower = name.lower()
        tests = [
            [column.name == name for column in self.columns],
            [name == column.ID for column in self.columns],
            [column.name.lower() == lower for column in self.columns],
        ]
        for hits in tests:
            if True in hits:
                return hits.index(True)
        raise TableError(
            f"The table has no column '{name[:80]}'.", advice=f"Its columns are {listed(self.names)}."
        )

    def values(self, name: str) -> NDArray[Any]:
        """Values of a column, shape (n, ...), masked where rows have no value."""
        return self.data[self.index(name)]

    @cached_property
    def parents(self) -> dict[Element, Element]:
        """Parent of every element of the tree."""
        return {child: parent for parent in self.root.iter() for child in parent}

    @property
    def resource(self) -> Element:
        """The RESOURCE in which the table stands."""
        return self.parents[self.table]

    def around(self) -> Iterator[Element]:
        """The table, its resource, and so on up to the root."""
        here: Element | None = self.table
        while here is not None:
            yield here
            here = self.parents.get(here)

    @cached_property
    def infos(self) -> dict[str, str]:
        """INFOs of the document; of several with one name, the one nearest to the table."""
        found = {info.get("name", ""): info.get("value", "") for info in self.root.iter("INFO")}
        for element in reversed(list(self.around())):
            found |= {info.get("name", ""): info.get("value", "") for info in element.findall("INFO")}
        return found

    @cached_property
    def params(self) -> dict[str, str]:
        """PARAMs of the table and what stands around it, values as written."""
        found: dict[str, str] = {}
        for element in reversed(list(self.around())):
            found |= {param.get("name", ""): param.get("value", "") for param in element.findall("PARAM")}
        return found

    @property
    def job(self) -> str | None:
        """Job that made this table, where it is a product of ours; else None."""
        # TOPCAT gives back an INFO as a PARAM.
        return self.infos.get(JOB) or self.params.get(JOB) or None

    @cached_property
    def coosys(self) -> dict[str, str]:
        """Coordinate systems: ID of the COOSYS to its system, as written."""
        systems = self.root.iter("COOSYS")
        return {system.get("ID", ""): system.get("system", "") for system in systems}

    @property
    def title(self) -> str:
        """Name of the table."""
        return self.table.get("name") or self.table.get("ID") or ""

    @property
    def description(self) -> str:
        """Description of the table, else of what stands around it."""
        texts = (text_of(element.find("DESCRIPTION")) for element in self.around())
        return next((text for text in texts if text), "")


def text_of(element: Element | None) -> str:
    """Text of an element, blanks at its ends removed; empty for None."""
    return "" if element is None else "".join(element.itertext()).strip()


def listed(names: list[str]) -> str:
    """Names for a sentence: the first 60, each of 60 letters at most."""
    shown = ", ".join(" ".join(name[:60].split()) for name in names[:60])
    return f"{shown} and {len(names) - 60} more" if len(names) > 60 else shown


def unique_names(names: list[str]) -> list[str]:
    """Names made unique (``s``, ``s_2``), letter case apart, for formats that need it."""
    taken: set[str] = set()
    unique = []
    for name in names:
        number, candidate = 1, name
        while candidate.lower() in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate.lower())
        unique.append(candidate)
    return unique
