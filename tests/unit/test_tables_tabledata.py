"""Rows of TABLEDATA as they are written: every cell reads back as the same value."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vo_photoz.tables.fields import Kind, mask_of, masked, objects
from vo_photoz.tables.serialisations import tabledata, tabledata_write


def written(columns: list[Any], kinds: list[Kind], nulls: list[str | None]) -> list[list[str]]:
    """Text of the cells, column by column."""
    rows = b"".join(tabledata_write.encode(columns, kinds, nulls)).decode("utf-8")
    tree = ElementTree.fromstring(f"<T>{rows}</T>")
    return [[cell.text or "" for cell in column] for column in zip(*tree, strict=True)]


@settings(deadline=None, max_examples=80)
@given(st.data())
@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [
        ("float", "f4"),
        ("double", "f8"),
        ("short", "i2"),
        ("int", "i4"),
        ("long", "i8"),
        ("unsignedByte", "u1"),
    ],
)
@pytest.mark.parametrize("width", [0, 1, 3])
def test_numbers_and_arrays_read_back(datatype: str, dtype: str, width: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 9))
    shape = (n, width) if width else (n,)
    values = data.draw(arrays.arrays(dtype, shape))
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    column = masked(values, gone)
    kind = Kind(datatype, (width,) if width else ())
    (cells,) = written([column], [kind], [None])
    back = tabledata.decode(cells, kind, None, "x")
    expected = mask_of(column)
    assert (mask_of(back) == expected).all()
    one, other = (np.ma.getdata(array)[~expected] for array in (back, column))
    np.testing.assert_array_equal(one, other)
    if dtype[0] == "f":
        assert (np.signbit(one) == np.signbit(other))[~np.isnan(other)].all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_texts_are_well_formed_beside_numbers(texts: list[str]) -> None:
    kinds = [Kind("unicodeChar", (), True), Kind("int")]
    cells, numbers = written([objects(texts), np.arange(len(texts), dtype="i4")], kinds, [None, None])
    assert numbers == [str(row) for row in range(len(texts))]
    for text, cell in zip(texts, cells, strict=True):
        assert len(cell) == len(text)
        assert all(one in (other, "\ufffd") for one, other in zip(cell, text, strict=True))


def test_declared_nulls_stand_in_cells_and_arrays() -> None:
    column = masked(np.array([[1, 2], [3, 4]], dtype="i4"), np.array([[False, True], [True, True]]))
    (cells,) = written([column], [Kind("int", (2,))], ["-9"])
    assert cells == ["1 -9", "-9 -9"]
    (cells,) = written([column[:, 0]], [Kind("int")], ["-9"])
    assert cells == ["1", "-9"]


def test_booleans_complex_numbers_and_ragged_arrays() -> None:
    ragged = objects([np.array([1.5, np.nan]), np.array([])])
    columns = [masked(np.array([True, False]), np.array([False, True])), np.array([1 + 2j, 3 - 1j]), ragged]
    kinds = [Kind("boolean"), Kind("doubleComplex"), Kind("double", (), True)]
    assert written(columns, kinds, [None] * 3) == [["T", ""], ["1.0 2.0", "3.0 -1.0"], ["1.5 NaN", ""]]


def test_long_texts_are_written_in_smaller_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabledata_write, "_LETTERS", 100)
    texts = ["x" * row for row in range(90)]
    (cells,) = written([objects(texts)], [Kind("char", (), True)], [None])
    assert cells == texts
