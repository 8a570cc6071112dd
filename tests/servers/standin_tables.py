"""Stand-ins for the tables of real archives: the same columns, generated rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ROWS = 400
Values = list[object]
Maker = Callable[[np.random.Generator, int], Values]


@dataclass(frozen=True)
class Column:
    """A column: PostgreSQL type, unit, UCD, and what makes its values."""

    name: str
    type: str
    make: Maker
    unit: str = ""
    ucd: str = ""


# What makes values


def some(low: float, high: float, nulls: float = 0.02) -> Maker:
    """Uniform numbers; a few are null."""

    def make(rng: np.random.Generator, n: int) -> Values:
        values, gone = rng.uniform(low, high, n).tolist(), rng.random(n) < nulls
        return [None if null else value for value, null in zip(values, gone, strict=True)]

    return make


def redshifts(missing: float | None = None) -> Maker:
    """Stars of either sign, galaxies, quasars; one in twenty is null, or the archive's number for none."""

    def make(rng: np.random.Generator, n: int) -> Values:
        z = np.concatenate([rng.normal(0, 3e-4, n // 4), rng.gamma(4, 0.6, n - n // 4)])
        gone = rng.random(n) < 0.05
        return [missing if no else value for no, value in zip(gone, rng.permutation(z).tolist(), strict=True)]

    return make


def one_of(*words: object) -> Maker:
    """Any of these; None is null."""
    return lambda rng, n: [words[i] for i in rng.integers(len(words), size=n)]


def flags(rng: np.random.Generator, n: int) -> Values:
    """Warning bits: nine in ten are 0."""
    return np.where(rng.random(n) < 0.9, 0, 2 ** rng.integers(0, 11, n)).tolist()


def ids(first: int) -> Maker:
    """Identifiers, of which those of Gaia and DESI have more digits than a double."""
    return lambda rng, n: (first + 3 * np.arange(n)).tolist()


def names(prefix: str) -> Maker:
    """Designations, one of them with signs that CSV and XML need care for."""
    return lambda rng, n: [f'{prefix} <1> "&", 2', *(f"{prefix} J{i:06d}" for i in range(1, n))]


def position(ra: str, dec: str) -> list[Column]:
    """Positions: the same sky for every table, so that their sources can be asked together."""
    return [
        Column(ra, "double precision", lambda rng, n: sky(n)[0].tolist(), "deg", "pos.eq.ra;meta.main"),
        Column(dec, "double precision", lambda rng, n: sky(n)[1].tolist(), "deg", "pos.eq.dec;meta.main"),
    ]


def sky(n: int) -> tuple[np.ndarray, np.ndarray]:
    """All over the sky, half around (150.1, 2.2), with poles and 0 h; every tenth source comes twice."""
    rng = np.random.default_rng(317)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[: n // 2] = 150.1 + rng.uniform(-0.5, 0.5, n // 2)
    dec[: n // 2] = 2.2 + rng.uniform(-0.5, 0.5, n // 2)
    dec[-6:-3], dec[-3:], ra[-12:-6] = 89.9998, -89.9999, [0.0, 359.99999, 0.00001, 0.0002, 359.9998, 0.0]
    again = np.arange(0, n - 20, 10)
    ra[again + 1] = ra[again]
    dec[again + 1] = dec[again] + rng.choice([0, 0.2, 0.9], len(again)) / 3600
    return ra, dec


def magnitudes(*bands: str) -> list[Column]:
    return [Column(f"{band}mag", "real", some(14, 26), "mag", "phot.mag") for band in bands]


def text(name: str, make: Maker, ucd: str = "src.class") -> Column:
    return Column(name, "text", make, "", ucd)


def z(name: str, missing: float | None = None) -> Column:
    return Column(name, "double precision", redshifts(missing), "", "src.redshift")


CLASSES = one_of("GALAXY", "QSO", "STAR", None)
TABLES: dict[str, list[Column]] = {
    "V/154/sdss16": [
        *position("RA_ICRS", "DE_ICRS"), Column("objID", "bigint", ids(1237645876861272065)),
        Column("mode", "smallint", one_of(1, 1, 1, 2)), Column("class", "smallint", one_of(3, 6)),
        *magnitudes("u", "g", "r", "i", "z"), z("zsp"),
        Column("e_zsp", "real", some(-1, 0.01)), Column("f_zsp", "integer", flags), text("spCl", CLASSES),
        text("subCl", one_of("STARBURST", "BROADLINE", "K3", None)),
    ],
    "VII/260/dr7qso": [
        *position("RAJ2000", "DEJ2000"), text("SDSS", names("SDSS"), "meta.id"), z("z"),
        *magnitudes("u", "i"),
    ],
    "VII/279/dr12q": [
        *position("RAJ2000", "DEJ2000"), text("SDSS", names("SDSS"), "meta.id"), z("zVI"),
    ],
    "VII/289/dr16q": [
        *position("RAJ2000", "DEJ2000"), text("SDSS", names("SDSS"), "meta.id"), z("z", -999.0),
        text("r_z", one_of("VI", "PIPE", "DR12QV")),
        Column("Class", "smallint", one_of(0, 1, 3, 4, 30, 50, -1)),
    ],
    "VII/294/catalog": [
        *position("RAJ2000", "DEJ2000"), text("Name", names("MQ"), "meta.id"),
        text("Type", one_of("Q", "QRX", "A2", "B")),
        *magnitudes("R", "B"), z("z"), Column("Qpct", "smallint", one_of(None, 80, 97)),
    ],
    "VII/241/2qz": [
        *position("RAJ2000", "DEJ2000"), z("z1"), Column("q_z1", "smallint", one_of(11, 12, 22, 33)),
        text("ID1", one_of("QSO", "NELG", "gal", "star", "??")),
    ],
    "V/161/zcatdr1": [
        *position("RAICRS", "DEICRS"), Column("TargetID", "bigint", ids(39627652591522083)), z("z"),
        Column("e_z", "double precision", some(1e-6, 1e-3)), Column("ZWARN", "bigint", flags),
        Column("delChi2", "double precision", some(0, 1e4)), text("OType", CLASSES),
        text("SubType", one_of("M", None)),
    ],
    "desi_edr.zpix": [
        *position("mean_fiber_ra", "mean_fiber_dec"), z("z"),
        Column("targetid", "bigint", ids(39627652591522083)),
        Column("zerr", "double precision", some(1e-6, 1e-3)), Column("zwarn", "bigint", flags),
        Column("deltachi2", "double precision", some(0, 1e4)), text("spectype", CLASSES),
        text("program", one_of("dark", "bright", "other")),
    ],
    "V/164/dr5": [
        *position("RAJ2000", "DEJ2000"), Column("ObsID", "integer", ids(101001)), z("z", -9999.0),
        Column("e_z", "real", some(0, 1e-3)), text("Class", CLASSES),
        text("SubClass", one_of("G2", "A1V", "Non")),
    ],
    "gaiadr3.gaia_source": [
        *position("ra", "dec"), Column("source_id", "bigint", ids(5853498713190525696)),
        Column("parallax", "double precision", some(-2, 5, 0.2), "mas", "pos.parallax.trig"),
        Column("parallax_over_error", "real", some(-3, 12, 0.2)),
        Column("pmra", "double precision", some(-5, 5, 0.2), "mas/yr"),
        Column("pmra_error", "real", some(0.2, 2, 0.2), "mas/yr"),
        Column("pmdec", "double precision", some(-5, 5, 0.2), "mas/yr"),
        Column("pmdec_error", "real", some(0.2, 2, 0.2), "mas/yr"),
        Column("phot_g_mean_mag", "real", some(12, 21), "mag", "phot.mag;em.opt"),
    ],
    "gaiadr3.qso_candidates": [
        Column("source_id", "bigint", lambda rng, n: ids(5853498713190525696)(rng, n)[::2]),
        z("redshift_qsoc"),
        Column("redshift_qsoc_lower", "real", some(0, 2)), Column("redshift_qsoc_upper", "real", some(2, 4)),
        Column("flags_qsoc", "integer", one_of(0, 16, 3)),
        Column("classprob_dsc_combmod_quasar", "real", some(0, 1)),
    ],
    "basic": [
        *position("ra", "dec"), text("main_id", names("NAME"), "meta.id;meta.main"),
        text("otype", one_of("QSO", "G", "*")), z("rvz_redshift"), text("rvz_qual", one_of("A", "D", None)),
        text("rvz_bibcode", one_of("2020ApJS..250....8L", None)),
    ],
    "II/317/cfhtls_w": [
        *position("RAJ2000", "DEJ2000"), text("CFHTLS", names("CFHTLS"), "meta.id"),
        *magnitudes("u", "g", "r", "i", "z"), Column("gcl", "real", some(0.5, 1)),
        Column("Tfl", "smallint", one_of(0, 0, 1)),
    ],
}  # fmt: skip


def rows(table: str) -> dict[str, Values]:
    """Values of each column of a stand-in, the same every time."""
    rng = np.random.default_rng(int(hashlib.sha256(table.encode()).hexdigest()[:8], 16))
    made = {column.name: column.make(rng, ROWS) for column in TABLES[table]}
    length = min(len(values) for values in made.values())
    return {name: values[:length] for name, values in made.items()}
