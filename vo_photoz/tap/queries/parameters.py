"""Typed values that go into the text of a query: read from words, checked, written as ADQL."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

from vo_photoz.errors import UsageError

Value = float | int | str
Kind = Literal["angle", "float", "int", "str"]

DEGREES = {"deg": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600, "mas": 1 / 3_600_000}
"""Units of an angle, in degrees."""

LONGEST_TEXT = 200
TEXT = re.compile(r"(?!.*(?:--|/\*|\*/))[A-Za-z0-9 _.,:+\-/*%#()\[\]<>=?&@|^~!$]*")
"""What a text may hold: no quotes, semicolons, backslashes or comments. ADQL's quoting would take most of
them, but archives translate ADQL into many dialects, of which some know other escapes."""

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*)?")


@dataclass(frozen=True)
class Parameter:
    """A typed value that may be changed without touching the ADQL.

    Parameters
    ----------
    kind : {"angle", "float", "int", "str"}
        What may be given; angles are degrees.
    default : float, int or str
        Used when nothing is given.
    unit : str
        Unit in which a number is given when it comes without one; that of the ADQL, except for angles.
    low, high : float or None
        Range of a number, ends included; angles in degrees.
    choices : tuple of str
        The only texts allowed; empty allows any.
    about : str
        What it is.
    """

    kind: Kind
    default: Value
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    about: str = ""

    @property
    def told(self) -> str:
        """The default for people to read: angles in their unit, texts in quotes."""
        return self._tell(self.default)

    @property
    def limits(self) -> str:
        """The range or the choices for people to read; empty when there are none."""
        if self.choices:
            return " or ".join(f"'{one}'" for one in self.choices)
        if self.low is None or self.high is None:
            return ""
        return f"{self._tell(self.low)} to {self._tell(self.high)}"

    def _tell(self, value: Value) -> str:
        if isinstance(value, str):
            return f"'{value}'"
        unit = self.unit or ("arcsec" if self.kind == "angle" else "")
        number = float(value) / DEGREES[unit] if self.kind == "angle" else value
        return f"{number:.10g} {unit}".strip()

    def given(self, value: Any, name: str) -> Parameter:
        """The same with another value.

        Parameters
        ----------
        value : float, int, str or astropy Quantity
            A number in the unit of the parameter, or a number with a unit ("21.5 mag"), or a text.
        name : str
            Of the parameter, for errors.

        Raises
        ------
        UsageError
            Raised if the value is of another type or unit, or out of range.
        """
        found = value if self.kind == "str" else self._number(value, name)
        literal(found, self.kind, name)
        self.check(found, name)
        return replace(self, default=found)

    def check(self, value: Value, name: str) -> None:
        """Hold a value of the right type (angles in degrees) against the range.

        Raises
        ------
        UsageError
            Raised if it lies outside, or is none of the choices.
        """
        if self.kind == "str":
            inside = not self.choices or value in self.choices
        else:
            number = float(value)
            inside = (self.low is None or number >= self.low) and (self.high is None or number <= self.high)
        if not inside:
            raise UsageError(
                f"The parameter {name} cannot be {self._tell(value)}.", advice=f"It is {self.limits}."
            )

    def _number(self, value: Any, name: str) -> Value:
        """A number in the unit of the text of the query."""
        if self.kind == "int":
            return self._whole(value, name)
        number, unit = value, self.unit
        if isinstance(value, str):
            found = _NUMBER.fullmatch(value.strip())
            if not found:
                raise _wrong(name, value, self._wanted())
            number, unit = found[1], (found[2] or "").strip() or self.unit
        elif hasattr(value, "unit") and hasattr(value, "value"):
            number, unit = value.value, str(value.unit)
        elif not _is_number(value):
            raise _wrong(name, value, self._wanted())
        try:
            return float(number) * self._scale(unit, name, value)
        except (TypeError, ValueError, OverflowError):  # an array, a number without end
            raise _wrong(name, value, self._wanted()) from None

    def _whole(self, value: Any, name: str) -> int:
        """A whole number with all its digits: identifiers have more than a float holds."""
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,40}\s*", value, re.ASCII):
            return int(value)
        if _is_number(value) and value == value // 1:
            return int(value)
        raise _wrong(name, value, self._wanted())

    def _scale(self, unit: str, name: str, value: Any) -> float:
        if self.kind == "angle" and (unit or "deg") in DEGREES:
            return DEGREES[unit or "deg"]
        if unit == self.unit:
            return 1.0
        from astropy import units as u  # noqa: PLC0415 - only where units differ

        try:
            scale = u.Unit(unit).to(u.deg if self.kind == "angle" else u.Unit(self.unit))
        except (ValueError, TypeError, u.UnitConversionError):
            raise _wrong(name, value, self._wanted()) from None
        return float(scale)

    def _wanted(self) -> str:
        what = {"angle": "an angle", "float": "a number", "int": "a whole number", "str": "a text"}[self.kind]
        return f"{what} in {self.unit}" if self.unit else what


def _is_number(value: Any) -> bool:
    """Whether it is a real, finite number, of Python or numpy."""
    try:
        return not isinstance(value, bool) and isinstance(value, Real) and abs(float(value)) < float("inf")
    except OverflowError:
        return False


def _wrong(name: str, value: Any, wanted: str) -> UsageError:
    return UsageError(f"The parameter {name} cannot be {value!r}.", advice=f"Give {wanted}.")


def literal(value: Any, kind: str, name: str) -> str:
    """Write a value as ADQL: one number, or one text in quotes.

    Raises
    ------
    UsageError
        Raised if the value is not of the kind, or a text that could be taken for code.
    """
    if kind == "str":
        return _text(value, name)
    if not _is_number(value) or (kind == "int" and value != value // 1):
        raise _wrong(name, value, "a whole number" if kind == "int" else "a number")
    number = float(value)
    if kind == "angle" and not 0 < number <= 180:
        raise _wrong(name, value, "an angle larger than 0 and at most 180 deg")
    # As it was given: a float does not hold every identifier.
    written = str(int(value)) if kind == "int" else number_text(number)
    # A bare minus behind another one would begin a comment.
    return f"({written})" if written.startswith("-") else written


def number_text(number: float) -> str:
    """A float in ADQL that reads back as the same float, without exponent where that stays short."""
    short = repr(number)
    if "e" not in short:
        return short
    exact = Decimal(short)
    return f"{exact:f}" if abs(exact.adjusted()) < 20 else f"{exact:E}"


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "a text")
    if not TEXT.fullmatch(value) or len(value) > LONGEST_TEXT:
        raise UsageError(
            f"The parameter {name} cannot be {value[:LONGEST_TEXT]!r}.",
            advice=f"A text has at most {LONGEST_TEXT} letters (ASCII), digits and signs, "
            "and no quotes, semicolons, backslashes or comments.",
        )
    return "'" + value + "'"
