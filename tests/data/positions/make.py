"""Writes the golden tables of positions, and what astropy makes of them, into this folder.

Run it as ``python tests/data/positions/make.py``. The tables of STILTS are written anew where it is there.
Those of TOPCAT and Aladin are made by ``make_with_clients.py``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from astropy import units as u
from astropy.coordinates import FK4, FK5, ICRS, Galactic, SkyCoord, Supergalactic
from astropy.coordinates import BarycentricMeanEcliptic as Ecliptic
from astropy.table import Table
from astropy.time import Time

HERE = Path(__file__).resolve().parent
# Over the whole sky: near a pole, just below the equator, beside RA 0, in the plane of the Galaxy.
TRUTH = SkyCoord(
    [150.1194166, 359.9999, 0.0001, 187.2779159, 266.4168371, 37.9545607, 83.8221, 12.5, 201.365, 310.0],
    [2.2058333, -0.0083333, 0.0001, 2.0523882, -29.0078105, 89.2641090, -5.3911, -0.5, -43.0191, 45.0],
    unit="deg",
)
EXPECTED: dict[str, dict[str, list[float] | str]] = {}


def expect(name: str, lon: object, lat: object, frame: object = ICRS, unit: object = "deg") -> None:
    """Note what astropy makes of the values of a file."""
    sky = SkyCoord(lon, lat, unit=unit, frame=frame).icrs
    EXPECTED[name] = {"ra": [float(x) for x in sky.ra.deg], "dec": [float(x) for x in sky.dec.deg]}


def votable(
    name: str, fields: Sequence[dict[str, str]], columns: Sequence[Sequence[object]], *, version: str = "1.4",
    systems: str = "",
) -> None:  # fmt: skip
    """A VOTable as some archive may write it."""
    heads = "\n".join(
        "<FIELD " + " ".join(f"{key}={quoteattr(value)}" for key, value in field.items()) + "/>"
        for field in fields
    )
    rows = "\n".join(
        "<TR>" + "".join(f"<TD>{cell}</TD>" for cell in row) + "</TR>" for row in zip(*columns, strict=True)
    )
    space = "v1.3" if version > "1.2" else f"v{version}"
    system = f"<DEFINITIONS>{systems}</DEFINITIONS>" if version == "1.1" else ""
    inside = "" if version == "1.1" else systems
    (HERE / name).write_text(
        f"""<?xml version="1.0"?>
<VOTABLE version="{version}" xmlns="http://www.ivoa.net/xml/VOTable/{space}">
{system}<RESOURCE type="results">
{inside}<TABLE>
{heads}
<DATA><TABLEDATA>
{rows}
</TABLEDATA></DATA>
</TABLE>
</RESOURCE>
</VOTABLE>
"""
    )


def field(
    name: str, ucd: str = "", unit: str = "deg", *, ref: str = "", datatype: str = "double"
) -> dict[str, str]:
    """Attributes of a FIELD."""
    found = {"name": name, "datatype": datatype, "unit": unit, "ucd": ucd, "ref": ref}
    if datatype == "char":
        found["arraysize"] = "*"
    return {key: value for key, value in found.items() if value}


def csv(name: str, columns: dict[str, Sequence[object]]) -> None:
    """A CSV file."""
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def angles(frame: object) -> tuple[list[float], list[float]]:
    """Longitudes and latitudes of the sources in a frame, degrees."""
    sky = TRUTH.transform_to(frame).spherical
    return [float(x) for x in sky.lon.deg], [float(x) for x in sky.lat.deg]


def by_ucd() -> None:
    ra, dec = angles(ICRS)
    wrong = [x / 2 for x in dec]
    votable(
        "ucd1plus-main.vot",
        [field("a", "pos.eq.ra"), field("b", "pos.eq.dec"), field("x", "pos.eq.ra;meta.main"),
         field("y", "pos.eq.dec;meta.main"), field("e", "stat.error;pos.eq.ra;meta.main", "mas")],
        [wrong, wrong, ra, dec, wrong],
    )  # fmt: skip
    expect("ucd1plus-main.vot", ra, dec)
    fields = [field("col1", "POS_EQ_RA_MAIN"), field("col2", "POS_EQ_DEC_MAIN"), field("col3", "ERROR")]
    votable("ucd1.vot", fields, [ra, dec, wrong], version="1.1")
    expect("ucd1.vot", ra, dec)
    mean = [field("m", "stat.mean;pos.eq.ra"), field("n", "stat.mean;pos.eq.dec")]
    votable("ucd-mean.vot", mean, [ra, dec], version="1.5")
    expect("ucd-mean.vot", ra, dec)


def by_name() -> None:
    ra, dec = angles(ICRS)
    csv("names.csv", {"id": range(len(ra)), "RA": ra, "Dec": dec, "RA_err": dec})
    expect("names.csv", ra, dec)
    signed = [(x + 180) % 360 - 180 for x in ra]
    csv("longitudes-180-180.csv", {"ra": signed, "dec": dec})
    expect("longitudes-180-180.csv", signed, dec)
    csv("names-j2000.csv", {"_RAJ2000": ra, "_DEJ2000": dec})
    expect("names-j2000.csv", ra, dec, FK5)
    csv("names-b1950.csv", {"RAB1950": ra, "DEB1950": dec})
    expect("names-b1950.csv", ra, dec, FK4(equinox="B1950"))


def by_system() -> None:
    """Coordinate systems in the words of each version of VOTable."""
    ecliptic = Ecliptic(equinox="J2000")
    cases: list[tuple[str, str, str, object, tuple[str, str]]] = [
        ("1.1", 'system="eq_FK5" equinox="2000.0"', "fk5", FK5(equinox="J2000"), ("pos.eq.ra", "pos.eq.dec")),
        ("1.1", 'system="eq_FK4" equinox="1950"', "fk4", FK4(equinox="B1950"), ("POS_EQ_RA", "POS_EQ_DEC")),
        ("1.2", 'system="eq_FK4" equinox="B1950" epoch="B1975.3"', "fk4-epoch",
         FK4(equinox="B1950", obstime=Time("B1975.3")), ("pos.eq.ra", "pos.eq.dec")),
        ("1.2", 'system="eq_FK4" equinox="B1900"', "fk4-1900", FK4(equinox="B1900"),
         ("pos.eq.ra", "pos.eq.dec")),
        ("1.3", 'system="eq_FK5" equinox="J1975"', "fk5-1975", FK5(equinox="J1975"),
         ("pos.eq.ra", "pos.eq.dec")),
        ("1.3", 'system="ICRS" epoch="2015.5"', "icrs", ICRS, ("pos.eq.ra", "pos.eq.dec")),
        ("1.4", 'system="galactic"', "galactic", Galactic, ("pos.galactic.lon", "pos.galactic.lat")),
        ("1.4", 'system="ecl_FK5"', "ecliptic", ecliptic, ("pos.ecliptic.lon", "pos.ecliptic.lat")),
        ("1.4", 'system="supergalactic"', "supergalactic", Supergalactic,
         ("pos.supergalactic.lon", "pos.supergalactic.lat")),
        ("1.5", 'system="GALACTIC" refposition="BARYCENTER"', "galactic", Galactic,
         ("pos.galactic.lon", "pos.galactic.lat")),
        ("1.5", 'system="FK5" equinox="J2000" refposition="BARYCENTER"', "fk5", FK5(equinox="J2000"),
         ("pos.eq.ra", "pos.eq.dec")),
        ("1.5", 'system="SUPER_GALACTIC" refposition="GEOCENTER"', "supergalactic", Supergalactic,
         ("pos.supergalactic.lon", "pos.supergalactic.lat")),
        ("1.5", 'system="ECLIPTIC" equinox="J2000" refposition="BARYCENTER"', "ecliptic", ecliptic,
         ("pos.ecliptic.lon", "pos.ecliptic.lat")),
    ]  # fmt: skip
    for version, attributes, word, frame, ucds in cases:
        name = f"coosys-{version}-{word}.vot"
        lon, lat = angles(frame)
        fields = [field("lon", ucds[0], ref="sys"), field("lat", ucds[1], ref="sys")]
        votable(name, fields, [lon, lat], version=version, systems=f'<COOSYS ID="sys" {attributes}/>\n')
        expect(name, lon, lat, frame)


def by_unit() -> None:
    ra, dec = (np.array(values) for values in angles(ICRS))
    votable(
        "radians.vot", [field("ra", unit="rad"), field("dec", unit="rad")], [np.radians(ra), np.radians(dec)]
    )
    expect("radians.vot", np.radians(ra), np.radians(dec), unit="rad")
    Table({"ra": ra / 15 * u.hourangle, "dec": dec * u.deg}).write(HERE / "hourangle.ecsv", overwrite=True)
    expect("hourangle.ecsv", ra / 15, dec, unit=(u.hourangle, u.deg))
    Table({"ra": ra * 3600 * u.arcsec, "dec": dec * 3600 * u.arcsec}).write(
        HERE / "arcsec.fits", overwrite=True
    )
    expect("arcsec.fits", ra * 3600, dec * 3600, unit="arcsec")
    cards = {"RADESYS": "FK4", "EQUINOX": 1950.0}
    Table({"RA": ra * u.deg, "DEC": dec * u.deg}, meta=cards).write(HERE / "cards-fk4.fits", overwrite=True)
    expect("cards-fk4.fits", ra, dec, FK4(equinox="B1950"))
    Table({"ra": ra, "dec": dec}).write(HERE / "degrees.parquet", overwrite=True)
    expect("degrees.parquet", ra, dec)
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(0, 2 * np.pi, 800), np.arcsin(rng.uniform(-1, 1, 800))
    lon[:2] = 0.00012, 6.28311
    csv("radians-no-unit.csv", {"RA": [f"{x:.5f}" for x in lon], "Dec": [f"{x:.5f}" for x in lat]})
    expect("radians-no-unit.csv", np.round(lon, 5), np.round(lat, 5), unit="rad")


def by_text() -> None:
    """Sexagesimal text in the ways people write it."""

    def texts(separator: str, digits: int = 9) -> tuple[list[str], list[str]]:
        marks = ("hms", "dms") if separator == "hms" else (separator, separator)
        ra = TRUTH.ra.to_string("hour", sep=marks[0], precision=digits, pad=True)
        dec = TRUTH.dec.to_string("deg", sep=marks[1], precision=digits, pad=True, alwayssign=True)
        return list(ra), list(dec)

    for name, separator in (("colons", ":"), ("blanks", " "), ("hms", "hms")):
        ra, dec = texts(separator)
        csv(f"sexagesimal-{name}.csv", {"RA": ra, "DEC": dec})
        expect(f"sexagesimal-{name}.csv", ra, dec, unit=(u.hourangle, u.deg))
    ra, dec = texts(" ")
    csv("sexagesimal-unicode-minus.csv", {"RA": ra, "DEC": [x.replace("-", "\u2212") for x in dec]})
    expect("sexagesimal-unicode-minus.csv", ra, dec, unit=(u.hourangle, u.deg))
    ra = [
        "10:00",
        "10:00:28",
        "10:00:28.66",
        "10:00:28.6612",
        "10:00.4777",
        "05 35 17.3",
        "05h35m17.3s",
        "5h35.29m",
    ]
    dec = [
        "+02:12",
        "-00:00:30",
        "-00:12:21.0",
        "+2:12:21",
        "-0:30.5",
        "-05 23 28",
        "-05d23m28s",
        "-5d23.47m",
    ]
    csv("sexagesimal-mixed.csv", {"RA": ra, "DEC": dec})
    expect("sexagesimal-mixed.csv", ra, dec, unit=(u.hourangle, u.deg))
    fields = [field("RAJ2000", "pos.eq.ra;meta.main", '"h:m:s"', datatype="char"),
              field("DEJ2000", "pos.eq.dec;meta.main", '"d:m:s"', datatype="char")]  # fmt: skip
    ra, dec = texts(" ", 4)
    votable("sexagesimal-vizier.vot", fields, [ra, dec])
    expect("sexagesimal-vizier.vot", ra, dec, FK5, unit=(u.hourangle, u.deg))
    ra, dec = texts(" ", 6)
    parts = [*zip(*(x.split() for x in ra), strict=True)], [*zip(*(x[1:].split() for x in dec), strict=True)]
    names = dict(zip(("RAh", "RAm", "RAs"), parts[0], strict=True))
    csv(
        "sexagesimal-apart.csv",
        {**names, "DE-": [x[0] for x in dec], **dict(zip(("DEd", "DEm", "DEs"), parts[1], strict=True))},
    )
    expect("sexagesimal-apart.csv", ra, dec, unit=(u.hourangle, u.deg))
    degrees = [f"{x:.7f}" for x in TRUTH.ra.deg] * 100
    fields = [field("RA", "pos.eq.ra", datatype="char"), field("DEC", "pos.eq.dec")]
    votable("ra-is-text.vot", fields, [degrees, [float(x) for x in TRUTH.dec.deg] * 100])
    expect("ra-is-text.vot", [float(x) for x in degrees], [float(x) for x in TRUTH.dec.deg] * 100)


def with_motion() -> None:
    """A catalogue of epoch 2016 with proper motions and a TIMESYS, as Gaia's in VOTable 1.5."""
    ra, dec = angles(ICRS)
    pm_ra, pm_dec = [100.0 * n for n in range(len(ra))], [-50.0 * n for n in range(len(ra))]
    fields = [
        field("ra", "pos.eq.ra;meta.main", ref="sys"), field("dec", "pos.eq.dec;meta.main", ref="sys"),
        field("pmra", "pos.pm;pos.eq.ra", "mas.yr**-1", ref="sys"),
        field("pmdec", "pos.pm;pos.eq.dec", "mas.yr**-1", ref="sys"),
        field("ref_epoch", "meta.ref;time.epoch", "d", ref="time"),
    ]  # fmt: skip
    systems = '<COOSYS ID="sys" system="ICRS" refposition="BARYCENTER"/>\n'
    systems += '<TIMESYS ID="time" timeorigin="JD-origin" timescale="TCB" refposition="BARYCENTER"/>\n'
    days = [Time(2016.0, format="jyear").jd] * len(ra)
    votable("motion-timesys.vot", fields, [ra, dec, pm_ra, pm_dec, days], version="1.5", systems=systems)
    sky = SkyCoord(
        ra, dec, unit="deg", pm_ra_cosdec=pm_ra * u.mas / u.yr, pm_dec=pm_dec * u.mas / u.yr,
        obstime=Time(2016.0, format="jyear"),
    ).apply_space_motion(Time(2000.0, format="jyear"))  # fmt: skip
    expect("motion-timesys.vot", sky.ra.deg, sky.dec.deg)


def by_stilts() -> None:
    """Tables whose coordinates STILTS computed and wrote; astropy reads the numbers back from the file."""
    if not shutil.which("stilts"):
        return
    fk5, ecliptic = FK5(equinox="J2000"), Ecliptic(equinox="J2000")
    hours = (u.hourangle, u.deg)
    # Where a source stands in FK4 depends on the epoch, for which STILTS takes 2000 unless it is told.
    jobs = [
        ("stilts-fk4.vot", "votable-tabledata", "-epoch 1950 icrs fk4", FK4(equinox="B1950"), "deg",
         "RA1950 DEC1950"),
        ("stilts-fk5.fits", "fits-plus", "-outunit rad icrs fk5", fk5, "rad", "RAJ2000 DEJ2000"),
        ("stilts-galactic.vot", "votable-binary2", "icrs galactic", Galactic, "deg", "GLON GLAT"),
        ("stilts-supergalactic.fits", "fits-basic", "icrs supergalactic", Supergalactic, "deg", "SGL SGB"),
        ("stilts-ecliptic.vot", "votable-binary", "icrs ecliptic", ecliptic, "deg", "ELON ELAT"),
        ("stilts-sexagesimal.vot", "votable", "-outunit sex icrs fk5", fk5, hours, "RAJ2000 DEJ2000"),
        ("stilts.csv", "csv", "icrs fk5", fk5, "deg", "RAJ2000 DEJ2000"),
    ]  # fmt: skip
    for name, kind, conversion, frame, unit, names in jobs:
        command = ["stilts", "tpipe", "in=names.csv", "ifmt=csv", "cmd=replacecol RA toDouble(RA)"]
        command += ["cmd=replacecol Dec toDouble(Dec)", f"cmd=addskycoords {conversion} RA Dec {names}"]
        command += [f"cmd=keepcols 'id {names}'", f"ofmt={kind}", f"out={name}"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=120, cwd=HERE)
        table = Table.read(HERE / name)
        lon, lat = (table[column].tolist() for column in names.split())
        expect(name, lon, lat, frame, unit)


def main() -> None:
    """Write everything."""
    for write in (by_ucd, by_name, by_system, by_unit, by_text, with_motion, by_stilts):
        write()
    path = HERE / "expected.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | EXPECTED, indent=0) + "\n")


if __name__ == "__main__":
    main()
