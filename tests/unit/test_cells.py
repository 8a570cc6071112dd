"""Coverage maps as cells: nothing of the map is lost, circles hold their cells."""

from __future__ import annotations

import cdshealpix.nested
import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from mocpy import MOC

from vo_photoz.sky.cells import Cells, cells_of_coverage
from vo_photoz.sky.moc import contains, from_mocpy, to_mocpy
from vo_photoz.sky.pairs import separation_arcsec


def cone(ra: float, dec: float, radius: float, order: int = 10):  # type: ignore[no-untyped-def]
    return from_mocpy(MOC.from_cone(ra * u.deg, dec * u.deg, radius=radius * u.deg, max_depth=order))


@pytest.mark.parametrize("place", [(0.01, 0.0), (120.0, 89.9), (200.0, -89.9), (37.0, -41.0)])
def test_all_cells_are_the_map(place: tuple[float, float]) -> None:
    coverage = cone(*place, 3)
    cells = cells_of_coverage(coverage, 10_000)
    assert to_mocpy(cells.coverage()) == to_mocpy(coverage)
    assert MOC.from_string(cells.text()) == to_mocpy(coverage)


@given(st.floats(0, 360), st.floats(-90, 90), st.floats(0.1, 20), st.integers(12, 200))
@settings(max_examples=30, deadline=None)
def test_fewer_cells_hold_all_of_the_map(ra: float, dec: float, radius: float, most: int) -> None:
    coverage = cone(ra, dec, radius)
    cells = cells_of_coverage(coverage, most)
    assert 0 < len(cells) <= most
    here, whole = to_mocpy(cells.coverage()), to_mocpy(coverage)
    assert whole.intersection(here) == whole


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5, 9, 14])
def test_circles_hold_their_cells(order: int) -> None:
    rng = np.random.default_rng(order)
    numbers = np.unique(rng.integers(0, 12 * 4**order, 50))
    cells = Cells(np.full(len(numbers), order), numbers)
    deep = min(order + 5, 29)
    for (ra, dec, radius), number in zip(cells.circles(), numbers, strict=True):
        shift = 2 * (deep - order)
        inner = (int(number) << shift) + np.arange(1 << shift)
        lon, lat = cdshealpix.nested.healpix_to_lonlat(inner.astype(np.uint64), deep)
        away = separation_arcsec(np.full(len(inner), ra), np.full(len(inner), dec), lon.deg, lat.deg) / 3600
        assert away.max() < radius < 3 * away.max()


def test_cells_are_divided_and_lose_nothing() -> None:
    cells = cells_of_coverage(cone(10, 20, 2), 10_000)
    one, other = cells.halves()
    assert len(one) + len(other) == len(cells)
    single = cells.take(slice(0, 1))
    parts = single.halves()
    assert parts is not None
    joined = to_mocpy(parts[0].coverage()).union(to_mocpy(parts[1].coverage()))
    np.testing.assert_array_equal(joined.to_depth29_ranges, to_mocpy(single.coverage()).to_depth29_ranges)
    assert Cells(np.array([14]), np.array([5])).halves() is None


def test_groups_are_neighbours_and_all() -> None:
    coverage = cone(10, 20, 5)
    groups = list(cells_of_coverage(coverage, 10_000).groups(7))
    assert max(len(group) for group in groups) == 7
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 20, 2000), rng.uniform(10, 30, 2000)
    hits = np.sum([contains(group.coverage(), ra, dec) for group in groups], axis=0)
    np.testing.assert_array_equal(hits, contains(coverage, ra, dec).astype(int))


def test_no_coverage_has_no_cells() -> None:
    empty = from_mocpy(MOC.new_empty(10))
    assert len(cells_of_coverage(empty, 10)) == 0
    assert list(cells_of_coverage(empty, 10).groups(5)) == []
