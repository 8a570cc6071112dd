"""The tables of the sandbox: what a user sends, the spectroscopic catalogue, the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz.flow import FloatArray
from vo_photoz.sandbox.layout import Plan
from vo_photoz.simulation.filters import ZERO_POINT_NANOMAGGY, nanomaggies
from vo_photoz.simulation.populations import Population
from vo_photoz.simulation.stamps import BANDS, SDSS_IMAGING

# Softening of the asinh magnitudes of SDSS in units of the zero-point flux: Stoughton et al. 2002
# (AJ 123, 485), table 21, ugriz.
_SOFTENING = np.array([1.4, 0.9, 1.2, 1.8, 7.4]) * 1e-10
# Point sources are measured in an effective area of pixels, 4 pi sigma^2 of the Gaussian as wide as the
# Moffat profile.
_EFFECTIVE_WIDTH = 1.29
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


def measured_magnitudes(rng: np.random.Generator, population: Population) -> tuple[FloatArray, FloatArray]:
    """Asinh magnitudes as a photometric pipeline would give them, and their errors; shape (n, 5).

    Asinh magnitudes (Lupton et al. 1999, AJ 118, 1406) are defined for negative fluxes too.
    """
    flux = nanomaggies(population.magnitude)
    sky = np.array(SDSS_IMAGING.sky_sigma)
    fwhm_pixels = np.array(SDSS_IMAGING.fwhm_arcsec) * _EFFECTIVE_WIDTH / 0.396
    area = 4 * np.pi * (fwhm_pixels / 2.3548) ** 2
    photon = sky**2 / np.array(SDSS_IMAGING.sky_nanomaggies)
    error = np.sqrt(area * sky**2 + photon * flux + (0.01 * flux) ** 2)
    scaled = (flux + error * rng.standard_normal(flux.shape)) * 10 ** (-0.4 * ZERO_POINT_NANOMAGGY)
    magnitude = -2.5 / np.log(10) * (np.arcsinh(scaled / (2 * _SOFTENING)) + np.log(_SOFTENING))
    error_maggies = error * 10 ** (-0.4 * ZERO_POINT_NANOMAGGY)
    slope = 2.5 / np.log(10) / np.sqrt(scaled**2 + (2 * _SOFTENING) ** 2)
    return magnitude, slope * error_maggies


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
