"""Files of priors: how many stars, galaxies and quasars there are on a square degree.

Any table that the program reads (CSV, ECSV, FITS, VOTable, Parquet) with the columns

- ``class``: STAR, GALAXY or QSO;
- ``z_low``, ``z_high``: a bin of redshift; 0 and 0 for stars;
- ``n``: number of sources in the bin, on any area that is the same for all rows;
- ``magnitude_low``, ``magnitude_high`` and ``band``, or none of them: a bin of AB magnitude in a band, the
  same band in all rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import PhotozError, UsageError
from vo_photoz.flow import FloatArray
from vo_photoz.redshift.classes import CLASSES
from vo_photoz.redshift.prior_table import PriorTable, overlap
from vo_photoz.tables.read import read_table

SHIPPED_SKY = Path(__file__).resolve().parent.parent / "data" / "priors" / "sky.csv"
"""Sources at high Galactic latitude, from the simulated sky; made by tools/sky_prior.py."""

NUMBERS = ("z_low", "z_high", "n")
MAGNITUDES = ("magnitude_low", "magnitude_high")
STAR_BIN = 0.05
"""Bin of redshift that stars get."""


def read_prior(path: Path) -> PriorTable:
    """Read a file of a prior.

    Raises
    ------
    UsageError
        Raised if it cannot be read, lacks a column, or a number in it cannot be meant.
    """
    try:
        table = read_table(path)
    except PhotozError as error:
        raise UsageError(
            f"The prior {path} cannot be read: {error.message}",
            advice="Give --prior training, sky or a file.",
        ) from None
    if missing := [name for name in ("class", *NUMBERS) if name not in table.names]:
        raise UsageError(
            f"The prior {path} has no column {missing[0]}.",
            advice=f"It needs class, {', '.join(NUMBERS)}; and, by magnitude, {', '.join(MAGNITUDES)}, band.",
        )
    kind = np.array([str(one).strip() for one in table.values("class")])
    if strange := sorted(set(kind) - set(CLASSES)):
        raise UsageError(
            f"The prior {path} has the class '{strange[0]}'.", advice=f"Classes are {', '.join(CLASSES)}."
        )
    by_magnitude = all(name in table.names for name in (*MAGNITUDES, "band"))
    names = (*NUMBERS, *MAGNITUDES) if by_magnitude else NUMBERS
    column = {name: np.asarray(table.values(name), dtype=np.float64) for name in names}
    bands = {str(one).strip() for one in table.values("band")} if by_magnitude else {""}
    _check(path, column, bands)
    return _table(kind, column, bands.pop(), str(path))


def _check(path: Path, column: dict[str, FloatArray], bands: set[str]) -> None:
    pairs = [("z_low", "z_high"), MAGNITUDES] if MAGNITUDES[0] in column else [("z_low", "z_high")]
    good = np.isfinite(list(column.values())).all() and (column["n"] >= 0).all() and column["n"].sum() > 0
    if not (good and all((column[low] <= column[high]).all() for low, high in pairs) and len(bands) == 1):
        raise UsageError(
            f"The prior {path} has a number that is negative or missing, a bin that ends before it begins, "
            "or more than one band.",
            advice="Mend the file.",
        )


def _table(kind: NDArray[np.str_], column: dict[str, FloatArray], band: str, source: str) -> PriorTable:
    """One grid for all classes; the sources of a bin are spread evenly over the cells of the grid in it."""
    z = (
        column["z_low"],
        np.maximum(column["z_high"], column["z_low"] + np.where(kind == "STAR", STAR_BIN, 1e-6)),
    )
    edges = np.unique(np.concatenate(z).round(6))
    n = len(kind)
    bright = [column[name] for name in MAGNITUDES] if band else [np.zeros(n), np.ones(n)]
    magnitude_edges = np.unique(np.concatenate(bright).round(6))
    in_z, in_magnitude = overlap(z[0], z[1], edges), overlap(bright[0], bright[1], magnitude_edges)
    parts = in_z[:, None, :] * in_magnitude[:, :, None]
    cells = column["n"][:, None, None] * parts
    mass = {one: cells[kind == one].sum(0).ravel() for one in CLASSES if (kind == one).any()}
    total = sum(float(one.sum()) for one in mass.values())
    return PriorTable(
        edges=[float(one) for one in edges],
        mass={one: [float(value) for value in values / total] for one, values in mass.items()},
        source=source,
        magnitude_edges=[float(one) for one in magnitude_edges] if band else [],
        magnitude_band=band,
    )
