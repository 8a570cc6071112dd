"""A real field of SDSS, and the spectroscopic sample, as the tests of stars and galaxies read them."""

from pathlib import Path

import numpy as np

CENTRE = (127.5, 1.5)
"""ICRS degrees."""
RADIUS_DEG = 14 / 60
AREA_DEG2 = np.pi * RADIUS_DEG**2
GALACTIC = (223.33, 22.51)
EBV = 0.04
"""From the shift of its stars against the locus of Covey et al. (2007)."""


def read_field(shared: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Magnitudes (n, 5), class (3 galaxy, 6 star) and offset to the east in degrees.

    The table holds most sources two or three times, once for each run that saw them: one row is kept.
    """
    from astropy.io.votable import parse_single_table
    from scipy.spatial import cKDTree

    table = parse_single_table(shared / "data/catalogues/SDSS_DR9.vot").to_table()
    magnitude = np.stack([np.ma.filled(table[f"{b}mag"].astype(float), np.nan) for b in "ugriz"], axis=1)
    east = (np.asarray(table["RA_ICRS"]) - CENTRE[0]) * np.cos(np.radians(CENTRE[1]))
    north = np.asarray(table["DE_ICRS"]) - CENTRE[1]
    place = np.column_stack([east, north])
    tree = cKDTree(place)
    first = np.array([min(near) for near in tree.query_ball_point(place, 1 / 3600)]) == np.arange(len(place))
    return magnitude[first], np.asarray(table["cl"])[first], east[first]


def read_spectroscopic(shared: Path, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes (n, 5) and redshifts of the GALAXY or STAR rows of the SkyServer sample (u < 19.6)."""
    from astropy.table import Table

    table = Table.read(shared / "data/catalogues/sdss_dr14_skyserver_10k.csv")
    table = table[table["class"] == kind]
    return np.stack([np.asarray(table[b], float) for b in "ugriz"], axis=1), np.asarray(table["redshift"])
