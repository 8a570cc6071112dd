"""Cuts on columns, written as data: a value, a list of values, or a table of limits. Nothing is evaluated.

    z_warning = 0                           equal
    class = ["QSO", "GALAXY"]               one of
    z_spec = { min = 0.1, max = 5 }         within, ends included
    flags = { without_bits = 4 }            none of these bits
    subclass = { not = "BROADLINE" }        anything else, null included

Null and NaN never pass, but for ``not``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vo_photoz.errors import TableError
from vo_photoz.flow import BoolArray

Value = bool | int | float | str


class Limits(BaseModel):
    """A cut with more than one word: every limit that is given holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    min: float | None = None
    max: float | None = None
    without_bits: int | None = Field(default=None, ge=1)
    other_than: Value | list[Value] | None = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _means_something(self) -> Limits:
        if self.min is None and self.max is None and self.without_bits is None and self.other_than is None:
            raise ValueError("a cut needs min, max, without_bits or not")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


Cut = Limits | Value | list[Value]


def passes(values: pa.ChunkedArray, cut: Cut, name: str) -> BoolArray:
    """Which values pass a cut, shape (n,).

    Parameters
    ----------
    values : pyarrow.ChunkedArray
        A column, nulls where nothing is known.
    cut : Cut
        Value, list of values or `Limits`.
    name : str
        Of the column, for errors.

    Raises
    ------
    TableError
        Raised if the cut is of another kind than the column: a number for texts, bits for fractions.
    """
    try:
        if not isinstance(cut, Limits):
            return _is_one_of(values, cut)
        inside = np.ones(len(values), dtype=bool)
        if cut.min is not None or cut.max is not None:
            inside &= _within(values, cut.min, cut.max)
        if cut.without_bits is not None:
            bits = pc.bit_wise_and(values.cast(pa.int64()), cut.without_bits)
            inside &= _true(pc.equal(bits, 0))
        if cut.other_than is not None:
            inside &= ~_is_one_of(values, cut.other_than)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        raise TableError(
            f"The cut on '{name}' ({told(cut)}) does not fit a column of type {values.type}.",
            advice="Compare numbers with numbers and texts with texts.",
        ) from None
    return inside


def told(cut: Cut) -> str:
    """A cut in words, as what a value must be."""
    if not isinstance(cut, Limits):
        return _listed(cut)
    words = []
    if cut.min is not None and cut.max is not None:
        words.append(f"within {cut.min:g} to {cut.max:g}")
    elif cut.min is not None:
        words.append(f"at least {cut.min:g}")
    elif cut.max is not None:
        words.append(f"at most {cut.max:g}")
    if cut.without_bits is not None:
        words.append(f"without the bits {cut.without_bits}")
    if cut.other_than is not None:
        words.append(f"other than {_listed(cut.other_than)}")
    return " and ".join(words)


def _listed(value: Any) -> str:
    return " or ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _is_one_of(values: pa.ChunkedArray, wanted: Any) -> BoolArray:
    several = wanted if isinstance(wanted, list) else [wanted]
    if pa.types.is_string(values.type):
        values = pc.utf8_trim_whitespace(values)
    elif not pa.types.is_boolean(values.type) and all(_is_number(one) for one in several):
        # Whole numbers are as good as fractions: a column with nulls comes as float.
        values, several = values.cast(pa.float64()), [float(one) for one in several]
    return _true(pc.is_in(values, value_set=pa.array(several, values.type)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(values: pa.ChunkedArray, low: float | None, high: float | None) -> BoolArray:
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        raise pa.ArrowTypeError("no numbers")
    number = values.cast(pa.float64())
    inside = _true(pc.is_finite(number))
    if low is not None:
        inside &= _true(pc.greater_equal(number, low))
    if high is not None:
        inside &= _true(pc.less_equal(number, high))
    return inside


def _true(answer: Any) -> BoolArray:
    """True where the answer is true; null is not."""
    return np.asarray(pc.fill_null(answer, False).to_numpy(zero_copy_only=False), dtype=bool)
