"""Positions are carried from epoch to epoch as astropy does it, row by row."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Distance, SkyCoord
from astropy.time import Time

from vo_photoz.flow import Positions
from vo_photoz.sky.motion import Motion, positions_at

# Barnard's star, 61 Cyg A, Polaris, a quiet quasar, a star near the south pole.
RA = np.array([269.45207696, 316.72474829, 37.95456067, 187.27791594, 120.0])
DEC = np.array([4.69336497, 38.74941732, 89.26410897, 2.05238823, -89.9999])
PM_RA = np.array([-798.58, 4133.0, 44.48, 0.0, 300.0])
PM_DEC = np.array([10328.12, 3201.8, -11.85, 0.0, -200.0])
PARALLAX = np.array([546.98, 286.0, 7.54, np.nan, -1.0])
VELOCITY = np.array([-110.5, -65.9, -16.4, np.nan, 20.0])


def positions(ra: np.ndarray = RA, dec: np.ndarray = DEC) -> Positions:
    return Positions(ra, dec, np.isfinite(ra) & np.isfinite(dec), "columns ra and dec")


def by_astropy(epoch: float, to: float, distance: Distance | None = None, velocity=None) -> SkyCoord:
    more = {} if distance is None else {"distance": distance, "radial_velocity": velocity}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sky = SkyCoord(
            RA * u.deg, DEC * u.deg, pm_ra_cosdec=PM_RA * u.mas / u.yr, pm_dec=PM_DEC * u.mas / u.yr,
            obstime=Time(epoch, format="jyear"), **more,
        )  # fmt: skip
        return sky.apply_space_motion(Time(to, format="jyear"))


@pytest.mark.parametrize(("epoch", "to"), [(2016.0, 2000.0), (1991.25, 2016.0), (2000.0, 1950.0)])
def test_as_astropy(epoch: float, to: float) -> None:
    truth = by_astropy(epoch, to)
    found = positions_at(positions(), Motion(PM_RA, PM_DEC, np.full(5, epoch)), to)
    np.testing.assert_allclose(found.dec, truth.dec.deg, rtol=0, atol=1e-9)
    ra = (found.ra - truth.ra.deg + 180) % 360 - 180
    np.testing.assert_allclose(ra * np.cos(np.radians(DEC)), 0, atol=1e-9)


def test_parallax_and_velocity_where_they_are_known() -> None:
    known = np.array([0, 1, 2])
    truth = by_astropy(
        1991.25,
        2091.25,
        Distance(parallax=np.where(PARALLAX > 0, PARALLAX, 1e-4) * u.mas),
        np.nan_to_num(VELOCITY) * u.km / u.s,
    )
    motion = Motion(PM_RA, PM_DEC, np.full(5, 1991.25), PARALLAX, VELOCITY)
    found = positions_at(positions(), motion, 2091.25)
    np.testing.assert_allclose(found.ra[known], truth.ra.deg[known], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.dec[known], truth.dec.deg[known], rtol=0, atol=1e-8)
    flat = positions_at(positions(), Motion(PM_RA, PM_DEC, np.full(5, 1991.25)), 2091.25)
    assert abs(flat.dec[0] - found.dec[0]) * 3600 > 1  # perspective acceleration of Barnard's star
    assert flat.dec[4] == found.dec[4]  # a parallax below 0 is none


def test_rows_without_motion_stay_and_epochs_may_differ() -> None:
    pm = np.array([1000.0, np.nan, 1000.0, 1000.0, 1000.0])
    epochs = np.array([2010.0, 2010.0, np.nan, 2000.0, 1990.0])
    ra, dec = np.array([10.0, 10, 10, 10, np.nan]), np.zeros(5)
    found = positions_at(positions(ra, dec), Motion(pm, np.zeros(5), epochs), 2000.0)
    shift = (found.ra - ra) * 3600
    np.testing.assert_allclose(shift[:4], [-10, 0, 0, 0], atol=1e-6)
    assert np.isnan(found.ra[4])
    assert found.valid.tolist() == [True, True, True, True, False]
    assert found.origin == "columns ra and dec, moved to epoch 2000 (1 of 5 rows, by up to 10.00 arcsec)"


def test_across_zero_and_over_the_pole() -> None:
    start = positions(np.array([0.0, 359.9999, 30.0]), np.array([0.0, 0.0, 90.0]))
    motion = Motion(np.array([-1000.0, 1000.0, 1000.0]), np.zeros(3), np.full(3, 2000.0))
    found = positions_at(start, motion, 2001.0)
    np.testing.assert_allclose(found.ra[:2], [360 - 1 / 3600, 1 / 3600 - 1e-4], rtol=0, atol=1e-9)
    assert 90 - found.dec[2] == pytest.approx(1 / 3600, rel=1e-6)
    assert positions_at(start, None, 1990.0) is start


def test_lengths_must_fit() -> None:
    with pytest.raises(ValueError, match="5 positions, but 2"):
        positions_at(positions(), Motion(np.zeros(2), np.zeros(2), np.zeros(2)), 2000.0)
