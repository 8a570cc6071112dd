"""Rotations between ICRS and the frames in which HiPS and MOC count their cells."""

from __future__ import annotations

from functools import cache

import numpy as np
from astropy import units as u
from astropy.coordinates import (
    FK5,
    BarycentricMeanEcliptic,
    CartesianRepresentation,
    Galactic,
    SkyCoord,
    Supergalactic,
)

from vo_photoz.errors import CoverageError
from vo_photoz.flow import FloatArray

# The ecliptic of HiPS is the mean one of J2000: a map of the sky does not nod with the Earth's axis.
_FRAMES = {"equatorial": "icrs", "galactic": "galactic", "ecliptic": "barycentricmeanecliptic"}
_LETTERS = {"C": "equatorial", "G": "galactic", "E": "ecliptic"}


def frame_name(word: str) -> str:
    """Name of a frame (equatorial, galactic, ecliptic) from what a file calls it, also C, G or E.

    Raises
    ------
    CoverageError
        Raised if no such frame is known.
    """
    word = word.strip()
    name = _LETTERS.get(word.upper(), word.lower())
    if name not in _FRAMES:
        raise CoverageError(f"The frame '{word}' is unknown: expected equatorial, galactic or ecliptic.")
    return name


@cache
def rotation_from_icrs(frame: str) -> FloatArray:
    """Matrix that turns ICRS unit vectors into those of a frame, shape (3, 3)."""
    name = _FRAMES[frame_name(frame)]
    axes = SkyCoord(CartesianRepresentation(np.eye(3) * u.one), frame="icrs")
    turned = axes.transform_to(name).cartesian.xyz.value
    # A rotation, free of the rounding of the transformation: the nearest orthogonal matrix.
    left, _, right = np.linalg.svd(np.asarray(turned, dtype=float))
    matrix: FloatArray = left @ right
    return matrix


def unit_vectors(lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Unit vectors of positions in degrees, shape (n, 3)."""
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def tangent_frames(ra: FloatArray, dec: FloatArray, frame: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit vectors to positions, and to east and north there, turned from ICRS into a frame.

    Parameters
    ----------
    ra, dec : float array, shape (n,)
        ICRS degrees.
    frame : str
        Frame of the result: equatorial, galactic or ecliptic.

    Returns
    -------
    centre, east, north : float array, shape (n, 3)
    """
    matrix = rotation_from_icrs(frame).T
    lon, lat = np.radians(np.asarray(ra, dtype=float)), np.radians(np.asarray(dec, dtype=float))
    zero = np.zeros_like(lon)
    east = np.stack([-np.sin(lon), np.cos(lon), zero], axis=-1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    centre = unit_vectors(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float))
    return (
        np.ascontiguousarray(centre @ matrix),
        np.ascontiguousarray(east @ matrix),
        np.ascontiguousarray(north @ matrix),
    )


@cache
def rotation_to_icrs(frame: str, equinox: str = "J2000") -> FloatArray:
    """Matrix that turns unit vectors of a frame into those of ICRS, shape (3, 3).

    Parameters
    ----------
    frame : str
        "fk5", "galactic", "supergalactic" or "ecliptic" (the mean ecliptic of the equinox, IAU 2006).
    equinox : str
        Of FK5 and the ecliptic, as astropy reads it ("J2000").
    """
    systems = {
        "fk5": lambda: FK5(equinox=equinox),
        "galactic": Galactic,
        "supergalactic": Supergalactic,
        "ecliptic": lambda: BarycentricMeanEcliptic(equinox=equinox),
    }
    axes = SkyCoord(CartesianRepresentation(np.eye(3) * u.one), frame=systems[frame]())
    left, _, right = np.linalg.svd(np.asarray(axes.icrs.cartesian.xyz.value, dtype=float))
    matrix: FloatArray = left @ right
    return matrix


def angles_of(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Longitudes (0 to 360) and latitudes, degrees, of vectors of shape (n, 3)."""
    lon = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360.0
    lat = np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))
    return lon, lat
