"""The entries of the header lines ``parameters`` and ``returns`` of a query file. Pure text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from vo_photoz.errors import UsageError
from vo_photoz.flow import NewColumn
from vo_photoz.tap.queries.parameters import DEGREES, Kind, Parameter, Value, literal

_TEXT = r"'(?:[^']|'')*'"
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ABOUT = r"(?:\(((?:[^()]|\([^()]*\))*)\))?"
_PARAMETER = re.compile(
    rf"\s*(\w+)\s*=\s*({_TEXT}|[^\s,;']+)\s*([A-Za-z][A-Za-z0-9/.^*-]*?)??\s*"
    rf"(?:\bin\s+({_NUMBER}\s*\.\.\s*{_NUMBER}|{_TEXT}(?:\s*\|\s*{_TEXT})*))?\s*{_ABOUT}\s*(?:[,;]|$)"
)
_RETURN = re.compile(
    rf"\s*([^\s,<\[(]+)\s*(?:\[([^\]]*)\])?\s*(?:<([^>]*)>)?\s*(?:\bnull\s+({_NUMBER}))?\s*{_ABOUT}\s*(?:,|$)"
)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Returned:
    """A column of the answer, as the header describes it.

    Parameters
    ----------
    unit, ucd, about : str
        Empty where the header says nothing.
    null : float or None
        The archive's number for no value.
    """

    unit: str = ""
    ucd: str = ""
    about: str = ""
    null: float | None = None

    def fill(self, column: NewColumn) -> NewColumn:
        """The column with what the archive does not tell of it, and null where it has its number for that."""
        values = column.values
        if self.null is not None and values.dtype.kind in "fiu":
            values = np.ma.masked_where(np.ma.getdata(values) == self.null, values)
        return replace(
            column,
            values=values,
            unit=column.unit or self.unit,
            ucd=column.ucd or self.ucd,
            description=column.description or self.about,
        )


def parse_parameters(text: str) -> dict[str, Parameter]:
    """Read ``NAME = VALUE [UNIT] [in LOW..HIGH] [(what it is)]``, separated by commas or semicolons.

    Parameters
    ----------
    text : str
        All entries. A value is a number, a 'text', or an angle in deg, arcmin, arcsec or mas; a text may have
        choices: ``class = 'QSO' in 'QSO' | 'GALAXY'``.

    Raises
    ------
    UsageError
        Raised if an entry cannot be meant; its message is a part of a sentence.
    """
    found: dict[str, Parameter] = {}
    at = 0
    while at < len(text):
        entry = _PARAMETER.match(text, at)
        if not entry:
            raise UsageError(
                f"parameters cannot be read from '{text[at:].strip()}'",
                advice="Write NAME = VALUE [UNIT] [in LOW..HIGH] [(what it is)].",
            )
        name = entry[1]
        if name in found or not _NAME.fullmatch(name):
            raise UsageError(f"'{name}' cannot be the name of a parameter", advice="Use letters and digits.")
        found[name] = _parameter(name, entry[2], entry[3] or "", entry[4] or "", entry[5] or "")
        at = entry.end()
    return found


def _parameter(name: str, value: str, unit: str, limits: str, about: str) -> Parameter:
    kind, number = _value(value, unit)
    low, high, choices = _limits(kind, limits, unit)
    made = Parameter(kind, number, unit, low, high, choices, " ".join(about.split()))
    literal(number, kind, name)
    made.check(number, name)
    return made


def _value(value: str, unit: str) -> tuple[Kind, Value]:
    if value.startswith("'") and not unit:
        return "str", value[1:-1].replace("''", "'")
    try:
        if unit in DEGREES:
            return "angle", float(value) * DEGREES[unit]
        if re.fullmatch(r"[+-]?\d+", value) and not unit:
            return "int", int(value)
        return "float", float(value)
    except ValueError:
        advice = "A value is a number, 'text', or a number with a unit."
        raise UsageError(f"'{value} {unit}' is no value", advice=advice) from None


def _limits(kind: Kind, text: str, unit: str) -> tuple[float | None, float | None, tuple[str, ...]]:
    if not text:
        return None, None, ()
    if text.startswith("'") != (kind == "str"):
        raise UsageError(
            f"'in {text}' is no range of such a value", advice="Write in LOW..HIGH, or in 'A' | 'B'."
        )
    if kind == "str":
        return None, None, tuple(one[1:-1].replace("''", "'") for one in re.findall(_TEXT, text))
    scale = DEGREES[unit] if kind == "angle" else 1.0
    low, high = (float(end) * scale for end in text.split(".."))
    return low, high, ()


def parse_returns(text: str) -> dict[str, Returned]:
    """Read ``NAME [unit] <UCD> null NUMBER (what it is)``, separated by commas; only the name must be there.

    Raises
    ------
    UsageError
        Raised if an entry cannot be meant; its message is a part of a sentence.
    """
    found: dict[str, Returned] = {}
    at = 0
    while at < len(text):
        entry = _RETURN.match(text, at)
        name = entry[1] if entry else text[at:].split(",", maxsplit=1)[0].strip()
        if not entry or not _NAME.fullmatch(name) or name in found or name.lower() == "id":
            raise UsageError(
                f"'{name}' cannot be the name of a returned column",
                advice="Write NAME [unit] <UCD> null NUMBER (what it is), separated by commas.",
            )
        unit, ucd, null, about = (" ".join((part or "").split()) for part in entry.groups()[1:])
        found[name] = Returned(unit, ucd, about, float(null) if null else None)
        at = entry.end()
    if not {"ra", "dec"} <= set(found):
        raise UsageError("ra and dec are not returned", advice="Separations are computed from them.")
    return found
