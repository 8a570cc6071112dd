"""Proper motion: positions of one epoch carried to another, rigorously. Pure functions of arrays."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import erfa
import numpy as np

from vo_photoz.flow import BoolArray, FloatArray, Positions

_RADIANS_PER_MAS = np.pi / (180 * 3_600_000)
_MOVES_ARCSEC = 1e-6
"""A shift below this is rounding, not motion."""

_SLOWEST = 326.0
"""Parallax (arcsec) at which a motion of 1 rad/yr is well below the speed of light; as in ``pmsafe``."""


@dataclass(frozen=True)
class Motion:
    """Proper motions of positions, one a row of the user's table; ICRS.

    Parameters
    ----------
    pm_ra, pm_dec : float64 array, shape (n,)
        mas/yr (Julian years), ``pm_ra`` multiplied by cos(dec); NaN where a row has none.
    epoch : float64 array, shape (n,)
        Julian year of the row's position; NaN where it is not known.
    parallax : float64 array, shape (n,), or None
        mas; NaN and what is not above 0 count as unknown.
    radial_velocity : float64 array, shape (n,), or None
        km/s, growing distance positive; used where the parallax is known.
    told : str
        One sentence (ASCII): the columns, and what was assumed of them.
    """

    pm_ra: FloatArray
    pm_dec: FloatArray
    epoch: FloatArray
    parallax: FloatArray | None = None
    radial_velocity: FloatArray | None = None
    told: str = ""

    def __len__(self) -> int:
        return len(self.pm_ra)


def positions_at(positions: Positions, motion: Motion | None, epoch: float) -> Positions:
    """Positions at another epoch.

    The motion is that of a straight line in space (IAU SOFA's ``pmsafe``; also what astropy does in
    ``apply_space_motion``). Rows without a motion or an epoch stay where they are.

    Parameters
    ----------
    positions : Positions
        ICRS, at the epochs of ``motion``.
    motion : Motion or None
        Of the same rows; None where the table has no proper motions.
    epoch : float
        Julian year wanted.

    Returns
    -------
    Positions
        ICRS; ``origin`` tells what was done.

    Raises
    ------
    ValueError
        Raised if motion and positions have not the same number of rows.
    """
    if motion is None:
        return positions
    if len(motion) != len(positions):
        raise ValueError(f"{len(positions)} positions, but {len(motion)} proper motions")
    moving = positions.valid & np.isfinite(motion.pm_ra) & np.isfinite(motion.pm_dec)
    moving &= np.isfinite(motion.epoch)
    moving &= motion.epoch != epoch
    ra, dec = positions.ra.copy(), positions.dec.copy()
    if moving.any():
        ra[moving], dec[moving] = _moved(positions, motion, moving, epoch)
    shift = _separation_arcsec(positions, ra, dec)
    moved = int((shift > _MOVES_ARCSEC).sum())
    told = f"moved to epoch {epoch:g} ({moved} of {len(ra)} rows"
    told += f", by up to {shift.max():.2f} arcsec)" if moved else ")"
    return Positions(ra, dec, positions.valid, ", ".join(filter(None, [positions.origin, told])))


def _moved(
    positions: Positions, motion: Motion, rows: BoolArray, epoch: float
) -> tuple[FloatArray, FloatArray]:
    """Right ascension and declination of the rows that move, degrees."""
    ra, dec = np.radians(positions.ra[rows]), np.radians(positions.dec[rows])
    pm_ra, pm_dec = motion.pm_ra[rows] * _RADIANS_PER_MAS, motion.pm_dec[rows] * _RADIANS_PER_MAS
    parallax, velocity = _third_dimension(motion, rows)
    # pmsafe has such a bound too, but does not see the motion of a star that stands on the pole.
    parallax = np.maximum(parallax, _SLOWEST * np.hypot(pm_ra, pm_dec))
    # pmsafe wants the rate of the coordinate; even at the poles the cosine is not quite 0.
    rate = pm_ra / np.cos(dec)
    start = 2451545.0 + 365.25 * (motion.epoch[rows] - 2000.0)
    end = 2451545.0 + 365.25 * (epoch - 2000.0)
    with warnings.catch_warnings():
        # It says for each row without a parallax that it assumed a large distance.
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        moved = erfa.pmsafe(ra, dec, rate, pm_dec, parallax, velocity, start, 0.0, end, 0.0)
    return np.degrees(moved[0]) % 360.0, np.degrees(moved[1])


def _third_dimension(motion: Motion, rows: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Parallax in arcsec and radial velocity in km/s, both 0 where the parallax is not known."""
    count = int(rows.sum())
    if motion.parallax is None:
        return np.zeros(count), np.zeros(count)
    parallax = np.nan_to_num(motion.parallax[rows]) / 1000
    known = parallax > 0
    velocity = motion.radial_velocity
    speed = np.zeros(count) if velocity is None else np.nan_to_num(velocity[rows])
    return np.where(known, parallax, 0.0), np.where(known, speed, 0.0)


def _separation_arcsec(positions: Positions, ra: FloatArray, dec: FloatArray) -> FloatArray:
    """Distance of old and new places; 0 where there is no position."""
    old_ra, old_dec = np.radians(positions.ra), np.radians(positions.dec)
    d_ra, d_dec = np.radians(ra) - old_ra, np.radians(dec) - old_dec
    haversine = np.sin(d_dec / 2) ** 2 + np.cos(old_dec) * np.cos(np.radians(dec)) * np.sin(d_ra / 2) ** 2
    separation: FloatArray = np.nan_to_num(np.degrees(2 * np.arcsin(np.sqrt(haversine))) * 3600)
    return separation
