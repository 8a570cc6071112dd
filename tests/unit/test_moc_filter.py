"""The compiled filter of positions by a coverage map, against mocpy."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from mocpy import MOC

from vo_photoz.sky.moc import contains, from_mocpy
from vo_photoz.sky.moc_filter import MocFilter

POINTS = 200_000


def sky() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    ra = rng.uniform(0, 360, POINTS)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, POINTS)))
    # Poles, the seam of the sphere, longitudes below zero and the parallels where the projection changes.
    ra[:8] = [0, 360, -10, 359.9999999, 45, 90, 0, 123]
    dec[:8] = [90, -90, 41.8103148957786, -41.8103148957786, 0.1, -0.1, 0.1, 89.9999999]
    return ra, dec


@pytest.mark.parametrize("order", [0, 1, 5, 6, 7, 10, 14, 20])
def test_masks_are_those_of_mocpy(order: int) -> None:
    rng = np.random.default_rng(order)
    ra, dec = sky()
    centres = (
        Longitude(rng.uniform(0, 360, 80), u.deg),
        Latitude(np.r_[rng.uniform(-80, 80, 78), 89.5, -89.5], u.deg),
    )
    radius = (3 if order < 14 else 0.1) * u.deg
    moc = MOC.from_cones(*centres, radius=radius, max_depth=order, union_strategy="large_cones")
    if order == 20:  # cells of their own, near positions that are asked for
        moc = moc.union(
            MOC.from_lonlat(Longitude(ra[:5000], u.deg), Latitude(dec[:5000], u.deg), max_norder=20)
        )
    expected = moc.contains_lonlat(Longitude(ra, u.deg), Latitude(dec, u.deg))
    assert expected.any()
    np.testing.assert_array_equal(MocFilter(from_mocpy(moc))(ra, dec), expected)


def test_the_whole_sky_and_nothing() -> None:
    ra, dec = sky()
    assert MocFilter(from_mocpy(MOC.from_string("0/0-11")))(ra, dec).all()
    assert not MocFilter(from_mocpy(MOC.new_empty(10)))(ra, dec).any()


def test_what_is_no_position_is_outside() -> None:
    whole = from_mocpy(MOC.from_string("0/0-11"))
    ra = np.array([1.0, np.nan, 1.0, np.inf, 1.0])
    dec = np.array([1.0, 1.0, np.nan, 1.0, 90.1])
    assert contains(whole, ra, dec).tolist() == [True, False, False, False, False]


def test_numbers_of_other_kinds() -> None:
    """Strided, single precision and integer columns."""
    moc = from_mocpy(MOC.from_cone(Longitude(10, u.deg), Latitude(10, u.deg), radius=2 * u.deg, max_depth=9))
    pairs = np.array([[10.0, 10.0], [20.0, 10.0]])
    assert contains(moc, pairs[:, 0], pairs[:, 1]).tolist() == [True, False]
    assert contains(moc, pairs[:, 0].astype("f4"), pairs[:, 1].astype("i8")).tolist() == [True, False]
