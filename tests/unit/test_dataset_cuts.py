"""Cuts written as data, the ledger, splits on the sky."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from vo_photoz.datasets.cuts import Cut, passes, told
from vo_photoz.datasets.ledger import Ledger, Step
from vo_photoz.datasets.split import across_borders, sky_folds
from vo_photoz.errors import TableError
from vo_photoz.sky.pairs import within

CUT: TypeAdapter = TypeAdapter(Cut)
NUMBERS = pa.chunked_array([[0, 4, 5, None, 16]])
FRACTIONS = pa.chunked_array([[0.0, 4.0, float("nan"), None, 1e9]])
TEXTS = pa.chunked_array([["QSO", "GALAXY ", "", None, "STAR"]])


@pytest.mark.parametrize(
    ("column", "cut", "passed", "words"),
    [
        (NUMBERS, 0, [1, 0, 0, 0, 0], "0"),
        (NUMBERS, [0, 16], [1, 0, 0, 0, 1], "0 or 16"),
        (NUMBERS, {"min": 4, "max": 16}, [0, 1, 1, 0, 1], "within 4 to 16"),
        (NUMBERS, {"without_bits": 4}, [1, 0, 0, 0, 1], "without the bits 4"),
        (NUMBERS, {"not": [4, 5]}, [1, 0, 0, 1, 1], "other than 4 or 5"),
        (FRACTIONS, 0, [1, 0, 0, 0, 0], "0"),
        (FRACTIONS, {"min": 1}, [0, 1, 0, 0, 1], "at least 1"),
        (FRACTIONS, {"max": 5}, [1, 1, 0, 0, 0], "at most 5"),
        (TEXTS, "GALAXY", [0, 1, 0, 0, 0], "GALAXY"),
        (TEXTS, ["QSO", "STAR"], [1, 0, 0, 0, 1], "QSO or STAR"),
        (TEXTS, {"not": "STAR"}, [1, 1, 1, 1, 0], "other than STAR"),
        (pa.chunked_array([[True, False, None]]), True, [1, 0, 0], "True"),
    ],
)
def test_cuts(column: pa.ChunkedArray, cut: object, passed: list[int], words: str) -> None:
    meant = CUT.validate_python(cut)
    assert passes(column, meant, "c").astype(int).tolist() == passed
    assert told(meant) == words


@pytest.mark.parametrize(("column", "cut"), [(NUMBERS, "QSO"), (TEXTS, {"min": 1}), (TEXTS, 3)])
def test_a_cut_of_another_kind_is_told(column: pa.ChunkedArray, cut: object) -> None:
    with pytest.raises(TableError, match="does not fit"):
        passes(column, CUT.validate_python(cut), "c")


@pytest.mark.parametrize("cut", [{}, {"min": 3, "max": 2}, {"low": 3}, {"without_bits": 0}])
def test_cuts_that_mean_nothing(cut: object) -> None:
    with pytest.raises(ValidationError):
        CUT.validate_python(cut)


def test_a_ledger_that_does_not_add_up_is_found() -> None:
    good = [Step("sample a", 10, 8, {"x": 2}), Step("sample b", 5, 5), Step("merge", 13, 9, {"y": 4})]
    assert Ledger(good).adds_up()
    assert not Ledger([*good[:2], Step("merge", 12, 8, {"y": 4})]).adds_up()
    assert not Ledger([*good, Step("cuts", 9, 8)]).adds_up()
    lines = Ledger(good).lines()
    assert len(lines) == 4
    assert lines[1].split() == ["sample", "a", "10", "8", "2", "x"]


def test_no_neighbours_across_a_border() -> None:
    rng = np.random.default_rng(4)
    ra, dec = 30 + rng.uniform(0, 0.1, 4000), rng.uniform(0, 0.1, 4000)
    fold = sky_folds(ra, dec, order=11)
    out = across_borders(ra, dec, fold, 8.0)
    assert 0 < out.sum() < 2000
    left = ~out
    first, second, _ = within(ra[left], dec[left], ra[left], dec[left], 8.0)
    assert (fold[left][first] == fold[left][second]).all()
    # Only objects with a neighbour in another fold went.
    first, second, _ = within(ra, dec, ra, dec, 8.0)
    near_other = np.zeros(len(ra), bool)
    near_other[first[fold[first] != fold[second]]] = True
    assert not (out & ~near_other).any()
