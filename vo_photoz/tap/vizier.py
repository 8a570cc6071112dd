"""What a query asks of a table of VizieR, so that services without ADQL can answer it. Pure text."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import BoolArray

TABLE = re.compile(r"[A-Za-z][A-Za-z0-9]*(/[A-Za-z0-9_.+&-]+)+|simbad")
"""Name of a table of VizieR (VII/289/dr16q), or the view of SIMBAD."""

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "!=": operator.ne, "<=": operator.le, ">=": operator.ge,
    "<": operator.lt, ">": operator.gt,
}  # fmt: skip

_PLACE = re.compile(r"\{\s*(?:cones|inside)\([^{}]*\)\s*\}", re.IGNORECASE)
_COLUMN = r'(?:\w+\.)?(?:"([^"]+)"|(\w+))'
_SELECTED = re.compile(rf"\s*{_COLUMN}(?:\s+AS\s+(\w+))?\s*", re.IGNORECASE)
_CONDITION = re.compile(
    rf"\s*{_COLUMN}\s*(?:(<=|>=|<>|!=|=|<|>)\s*({{\w+}}|'(?:[^']|'')*'|[+-]?[\d.]+(?:[eE][+-]?\d+)?)"
    r"|IS\s+(NOT\s+)?NULL)\s*",
    re.IGNORECASE,
)
_WHERE = re.compile(r"\bWHERE\b(.*)$", re.IGNORECASE | re.DOTALL)
_TAIL = re.compile(r"\b(GROUP|ORDER|HAVING|LIMIT|OFFSET|UNION)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Condition:
    """What a row must fulfil.

    Parameters
    ----------
    column : str
        Column of the table in VizieR.
    compare : str
        ``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=``, ``null`` or ``not null``.
    value : str
        A number, a 'text' in quotes, or the name of a parameter in braces; empty for nulls.
    """

    column: str
    compare: str
    value: str = ""

    def holds(self, values: NDArray[Any], parameters: Mapping[str, float | int | str]) -> BoolArray:
        """Which values fulfil it; a null fulfils no comparison."""
        null: BoolArray = np.array(np.ma.getmaskarray(values))
        if self.compare in ("null", "not null"):
            return null if self.compare == "null" else ~null
        wanted: Any = parameters[self.value[1:-1]] if self.value.startswith("{") else _constant(self.value)
        data = np.ma.getdata(values)
        if isinstance(wanted, str) != (data.dtype.kind in "UO"):
            data, wanted = data.astype(str), str(wanted)
        return np.asarray(COMPARE[self.compare](data, wanted), dtype=bool) & ~null


@dataclass(frozen=True)
class VizierTable:
    """A table of VizieR with the rows and columns of a query.

    Parameters
    ----------
    name : str
        For example ``VII/289/dr16q``, or ``simbad``.
    columns : mapping of str to str
        Column of the table for each returned name; empty takes all columns as they are.
    where : tuple of Condition
        What rows must fulfil, all of them.
    """

    name: str
    columns: Mapping[str, str]
    where: tuple[Condition, ...] = ()

    @property
    def address(self) -> str:
        """Name as CDS X-Match wants it."""
        return self.name if self.name == "simbad" else f"vizier:{self.name}"

    @property
    def needed(self) -> list[str]:
        """Columns of the table that have to come, each once."""
        return list(dict.fromkeys([*self.columns.values(), *(c.column for c in self.where)]))


def table_name(text: str) -> str:
    """Name of a table of VizieR, with or without ``vizier:`` in front.

    Raises
    ------
    UsageError
        Raised if it cannot be one.
    """
    name = text.strip().removeprefix("vizier:")
    name = "simbad" if name.lower() == "simbad" else name
    if not TABLE.fullmatch(name):
        raise UsageError(
            f"'{text}' cannot be a table of VizieR.", advice="Write it like vizier:VII/289/dr16q, or simbad."
        )
    return name


def parse_vizier(
    header: Mapping[str, str], adql: str, returns: tuple[str, ...], known: Mapping[str, object]
) -> VizierTable | None:
    """Read the lines ``vizier``, ``vizier_columns`` and ``vizier_where`` of a query file.

    Without the second and third line, columns and conditions are those of the text itself.

    Parameters
    ----------
    header : mapping of str to str
        Lines of the header.
    adql : str
        The text.
    returns : tuple of str
        Returned names.
    known : mapping
        Parameters of the query.

    Raises
    ------
    UsageError
        Raised if a line cannot be understood, or the text is more than columns and simple conditions.
    """
    if not header.get("vizier"):
        return None
    name = table_name(header["vizier"])
    columns = _given_columns(header["vizier_columns"]) if header.get("vizier_columns") else _selected(adql)
    if missing := [one for one in returns if one not in columns]:
        raise UsageError(
            f"no column of {name} is known for '{missing[0]}'",
            advice="Write vizier_columns: ra = RAJ2000, dec = DEJ2000, ...",
        )
    text = header["vizier_where"] if "vizier_where" in header else _condition_text(adql)
    where = tuple(_conditions(text))
    for one in where:
        if one.value.startswith("{") and one.value[1:-1] not in known:
            raise UsageError(f"{one.value} is not among the parameters")
    return VizierTable(name, {one: columns[one] for one in returns}, where)


def _given_columns(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(is_ and one.strip() and other.strip() for one, is_, other in pairs):
        raise UsageError(f"vizier_columns '{text}' cannot be read", advice="Write NAME = COLUMN, ...")
    return {one.strip(): other.strip() for one, _, other in pairs}


def _selected(adql: str) -> dict[str, str]:
    """Columns that stand for themselves between SELECT and FROM, by the name they are returned under."""
    found = re.search(r"\bSELECT\b(.*?)\bFROM\b", adql, re.IGNORECASE | re.DOTALL)
    parts = [_SELECTED.fullmatch(part) for part in (found[1] if found else "").split(",")]
    plain = [(part[3] or part[1] or part[2], part[1] or part[2]) for part in parts if part]
    return dict(plain)


def _condition_text(adql: str) -> str:
    """Conditions of a text, without the place of the positions."""
    found = _WHERE.search(adql)
    return _PLACE.sub("1 = 1", _TAIL.split(found[1])[0]) if found else ""


def _conditions(text: str) -> list[Condition]:
    parts = re.split(r"\bAND\b", text, flags=re.IGNORECASE)
    return [_condition(part) for part in parts if part.strip() and "".join(part.split()) != "1=1"]


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if not found:
        raise UsageError(
            f"'{' '.join(text.split())}' is more than X-Match can be asked for",
            advice="Write vizier_where with simple conditions joined by AND, or leave out vizier.",
        )
    column = found[1] or found[2]
    if found[3]:
        return Condition(column, found[3], found[4])
    return Condition(column, "not null" if found[5] else "null")


def _constant(text: str) -> float | str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else float(text)
