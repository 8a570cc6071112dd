"""The tables of the sandbox: what a user sends, the spectroscopic catalogue, the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.sandbox.layout import Plan
from vo_photoz.simulation.imaging.catalogue import measured_magnitudes
from vo_photoz.simulation.imaging.exposures import BANDS
from vo_photoz.simulation.populations import Population

_SPECTRA_SHARE = {"QSO": 0.6, "GALAXY": 0.4, "STAR": 0.1}
_OUTSIDE = 5  # rows of the user's table outside the field
_UCDS = {
    "id": "meta.id;meta.main",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "z": "src.redshift",
    "z_err": "stat.error;src.redshift",
    "class": "src.class",
    **{f"{band}mag": f"phot.mag;em.opt.{sdss.upper()}" for band, sdss in zip(BANDS, "UBRII", strict=True)},
    **{f"e_{band}mag": "stat.error;phot.mag" for band in BANDS},
}
_UNITS = {"ra": "deg", "dec": "deg", **{f"{p}{band}mag": "mag" for band in BANDS for p in ("", "e_")}}
_DESCRIPTIONS = {
    "id": "name of the source",
    "ra": "right ascension (ICRS)",
    "dec": "declination (ICRS)",
    "z": "spectroscopic redshift",
    "z_err": "error of the redshift",
    "class": "spectroscopic class: QSO, GALAXY or STAR",
    **{f"{band}mag": f"asinh magnitude in {band}, AB" for band in BANDS},
    **{f"e_{band}mag": f"error of {band}mag" for band in BANDS},
}

Columns = dict[str, Any]


def names_of(count: int) -> list[str]:
    """Names of the sources: VSB0001 and so on."""
    return [f"VSB{number:04d}" for number in range(1, count + 1)]


def sources_columns(
    rng: np.random.Generator, plan: Plan, population: Population, ra: FloatArray, dec: FloatArray
) -> Columns:
    """What an astronomer sends: positions and magnitudes, no redshifts, and rows that ask for care.

    After all sources of the field come five rows outside it, one without a position, and one that repeats
    the first row.
    """
    magnitude, error = measured_magnitudes(rng, population)
    names = [*names_of(len(population)), *(f"OUT{k}" for k in range(1, _OUTSIDE + 1)), "NOPOS", "AGAIN"]
    extra = [*range(_OUTSIDE), 0, 0]
    away = plan.dec + plan.side_deg * np.arange(2, 2 + _OUTSIDE)
    columns: Columns = {
        "id": np.array(names),
        "ra": np.concatenate([ra, np.full(_OUTSIDE, plan.ra), [np.nan, ra[0]]]),
        "dec": np.concatenate([dec, away, [np.nan, dec[0]]]),
    }
    for b, band in enumerate(BANDS):
        columns[f"{band}mag"] = np.concatenate([magnitude[:, b], magnitude[extra, b]]).astype(np.float32)
        columns[f"e_{band}mag"] = np.concatenate([error[:, b], error[extra, b]]).astype(np.float32)
    return columns


def spectra_columns(
    rng: np.random.Generator, plan: Plan, population: Population, ra: FloatArray, dec: FloatArray
) -> Columns:
    """A spectroscopic catalogue: a part of the sources, 0.1 arcsec off, and ten rows outside the field."""
    share = np.array([_SPECTRA_SHARE[str(kind)] for kind in population.kind])
    rows = np.flatnonzero(rng.random(len(population)) < share)
    outside = 10
    shift = rng.normal(0, 0.1 / 3600, (2, len(rows)))
    z = np.concatenate([population.z[rows], rng.uniform(0.3, 3, outside)])
    error = 3e-4 * (1 + z)
    names = [*(f"SPEC{row + 1:04d}" for row in rows), *(f"FAR{k}" for k in range(1, outside + 1))]
    return {
        "id": np.array(names),
        "ra": np.concatenate(
            [ra[rows] + shift[0] / np.cos(np.radians(dec[rows])), plan.ra + rng.uniform(-1, 1, outside)]
        ),
        "dec": np.concatenate([dec[rows] + shift[1], plan.dec + rng.uniform(1, 2, outside)]),
        "z": z + error * rng.standard_normal(len(z)),
        "z_err": error.astype(np.float32),
        "class": np.concatenate([population.kind[rows], np.full(outside, "QSO")]),
    }


def truth_columns(
    population: Population, ra: FloatArray, dec: FloatArray, neighbour_arcsec: FloatArray
) -> Columns:
    """What is true of every source of the field, for scoring."""
    return {
        "id": np.array(names_of(len(population))),
        "ra": ra,
        "dec": dec,
        "z": population.z,
        "class": population.kind,
        **{f"{band}mag": population.magnitude[:, b] for b, band in enumerate(BANDS)},
        "half_light_arcsec": population.half_light_arcsec,
        "neighbour_arcsec": neighbour_arcsec,
    }


def write_votable(path: Path, columns: Columns, name: str, description: str) -> None:
    """Write columns as a VOTable 1.4 (TABLEDATA) with units, UCDs and ICRS positions."""
    from astropy.io.votable import from_table, writeto  # noqa: PLC0415 - slow to import
    from astropy.io.votable.tree import CooSys  # noqa: PLC0415
    from astropy.table import Table  # noqa: PLC0415

    # Bytes become the type char, which every client reads; str would become unicodeChar.
    ascii_only = {k: v.astype("S") if v.dtype.kind == "U" else v for k, v in columns.items()}
    document = from_table(Table(ascii_only))
    document.version = "1.4"
    resource = document.resources[0]
    resource.coordinate_systems.append(CooSys(ID="icrs", system="ICRS", epoch="J2000.0"))
    table = resource.tables[0]
    table.name, table.description = name, description
    for field in table.fields:
        field.ucd = _UCDS.get(field.name)
        field.unit = _UNITS.get(field.name)
        field.description = _DESCRIPTIONS.get(field.name)
        if field.name in ("ra", "dec"):
            field.ref = "icrs"
    writeto(document, str(path), tabledata_format="tabledata")


def write_fits(path: Path, columns: Columns) -> None:
    """Write columns as a FITS table."""
    from astropy.table import Table  # noqa: PLC0415 - slow to import

    table = Table(columns)
    for name in table.colnames:
        table[name].unit = _UNITS.get(name)
    table.write(path, format="fits", overwrite=True)
