"""Columns of proper motion are found in whatever words, units and frames they are written."""

from __future__ import annotations

from xml.etree.ElementTree import SubElement

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK4, FK5, SkyCoord
from astropy.time import Time

from vo_photoz.sky.motion import positions_at
from vo_photoz.tables.fields import objects, plain
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.positions.epochs import julian_year
from vo_photoz.tables.positions.proper_motion import find_motion
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.skeleton import Told, skeleton

RA, DEC = np.array([269.452, 316.7247, 200.0]), np.array([4.6934, 38.7494, -60.0])
PM_RA, PM_DEC = np.array([-798.58, 4133.0, np.nan]), np.array([10328.12, 3201.8, np.nan])


def table(*columns: tuple, infos: tuple = ()) -> UserTable:
    """Columns as (name, values, unit, ucd, utype, description) after a right ascension and declination."""
    told = [Told(name, *rest) for name, _, *rest in columns]
    return skeleton([plain(values) for _, values, *_ in columns], told, source="test.vot", infos=infos)


def star(*columns: tuple, infos: tuple = ()) -> UserTable:
    return table(
        ("ra", RA, "deg", "pos.eq.ra;meta.main"),
        ("dec", DEC, "deg", "pos.eq.dec;meta.main"),
        *columns,
        infos=infos,
    )


def moved(user: UserTable, epoch: float = 2000.0, **options: str) -> SkyCoord:
    motion = find_motion(user, **options)
    found = positions_at(find_positions(user, **options), motion, epoch)
    return SkyCoord(found.ra * u.deg, found.dec * u.deg)


def truth(years: float) -> SkyCoord:
    sky = SkyCoord(
        RA[:2] * u.deg, DEC[:2] * u.deg,
        pm_ra_cosdec=PM_RA[:2] * u.mas / u.yr, pm_dec=PM_DEC[:2] * u.mas / u.yr,
        distance=[1.82, 3.5] * u.pc,
    )  # fmt: skip
    return sky.apply_space_motion(dt=years * u.yr)


COSINE = np.cos(np.radians(DEC))
CASES = {
    "Gaia": (("pmra", PM_RA, "mas/yr", "pos.pm;pos.eq.ra"),
             ("pmdec", PM_DEC, "mas.yr**-1", "pos.pm;pos.eq.dec")),
    "UCD1": (("a", PM_RA, "mas/yr", "POS_EQ_PMRA"), ("b", PM_DEC, "mas/yr", "POS_EQ_PMDEC")),
    "VizieR": (("pmRA", PM_RA, "mas/yr"), ("pmDE", PM_DEC, "mas/yr")),
    "arcsec": (("pmRA", PM_RA / 1e3, "arcsec/yr"), ("pmDE", PM_DEC / 1e3, "arcsec / yr")),
    "quotes": (("pmRA", PM_RA / 1e3, '"/yr'), ("pmDE", PM_DEC / 1e3, '"/a')),
    "degrees": (("pmRA", PM_RA / 3.6e6, "deg/yr"), ("pmDE", PM_DEC / 3.6e6, "deg yr-1")),
    "century": (("pmRA", PM_RA / 10, "arcsec/cy"), ("pmDE", PM_DEC / 10, "arcsec/century")),
    "time": (("pmRA", PM_RA / 15000 / COSINE, "s/yr"), ("pmDE", PM_DEC / 1e3, "arcsec/yr")),
    "no cosine": (("mu_alpha", PM_RA / COSINE, "mas/yr", "", "", "not multiplied by cos(dec)"),
                  ("mu_delta", PM_DEC, "mas/yr")),
    "no unit": (("pm_ra_cosdec", PM_RA), ("pm_dec", PM_DEC)),
    "text": (("pmRA", objects(["-798.58", "4133", ""])), ("pmDE", objects(["10328.12", "3201.8", "--"]))),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_columns_and_units(case: str) -> None:
    epoch = ("ref_epoch", np.full(3, 2016.0), "yr", "meta.ref;time.epoch")
    user = star(*CASES[case], epoch)
    found = moved(user)
    assert found[:2].separation(truth(-16)).arcsec.max() < 1e-4
    assert found.ra.deg[2] == RA[2]
    told = find_motion(user).told
    assert told.endswith("epoch 2016 (column ref_epoch).")
    assert told.isascii()


def test_what_was_assumed_is_said() -> None:
    told = find_motion(star(*CASES["no unit"])).told
    assert told == (
        "Proper motions from the columns pm_ra_cosdec and pm_dec in mas/yr (assumed; no unit) "
        "(with cos(dec), as the table says), epoch 2000 (assumed; none is told)."
    )
    told = find_motion(star(*CASES["VizieR"])).told
    assert "pmRA and pmDE in mas/yr (taken as multiplied by cos(dec))" in told


def test_no_columns_of_motion() -> None:
    assert find_motion(star()) is None
    assert find_motion(star(("pmra", RA, "mag"), ("pmdec", RA, "mas/yr"))) is None
    assert find_motion(star(("e_pmra", RA, "mas/yr", "stat.error;pos.pm;pos.eq.ra"))) is None


@pytest.mark.parametrize(
    ("column", "year"),
    [
        (("ref_epoch", np.full(3, 1991.25), "yr"), 1991.25),
        (("Epoch", objects(["J2015.5", "J2015.5", ""]), ""), 2015.5),
        (("Epoch", np.full(3, 57388.5), "d"), 2000 + (57388.5 - 51544.5) / 365.25),
        (("Epoch", np.full(3, 2457389.0), "d"), 2000 + (2457389.0 - 2451545) / 365.25),
        (("epoch", objects(["2016-01-01T12:00:00"] * 3)), Time("2016-01-01T12:00:00").jyear),
        (("x", np.full(3, 2010.5), "yr", "meta.ref;time.epoch"), 2010.5),
    ],
)
def test_epoch_of_a_column(column: tuple, year: float) -> None:
    motion = find_motion(star(*CASES["VizieR"], column))
    assert motion.epoch[0] == pytest.approx(year, abs=1e-6)
    assert f"(column {column[0]})" in motion.told


def test_days_count_from_the_origin_of_the_timesys() -> None:
    user = star(*CASES["VizieR"], ("Epoch", np.full(3, 1000.0), "d"))
    SubElement(user.resource, "TIMESYS", {"ID": "t", "timeorigin": "2455197.5", "timescale": "TCB"})
    user.table.findall("FIELD")[-1].set("ref", "t")
    motion = find_motion(UserTable(user.root, user.table, user.data))
    assert motion.epoch[0] == pytest.approx(2000 + (2456197.5 - 2451545) / 365.25)


def test_epoch_of_the_description_the_system_and_the_document() -> None:
    described = table(
        ("ra", RA, "deg", "", "", "Right ascension (ICRS) at Ep=2016.0"),
        ("dec", DEC, "deg"),
        *CASES["VizieR"],
    )
    assert find_motion(described).epoch[0] == 2016.0
    user = star(*CASES["VizieR"], ("Epoch", np.full(3, 1980.0)))
    SubElement(user.resource, "COOSYS", {"ID": "c", "system": "ICRS", "epoch": "J2015.5"})
    user.table.find("FIELD").set("ref", "c")
    motion = find_motion(UserTable(user.root, user.table, user.data))
    assert motion.told.endswith("epoch 2015.5 (coordinate system).")
    assert find_motion(star(*CASES["VizieR"], infos=(("EPOCH", "1995.0"),))).epoch[0] == 1995.0


def test_motions_of_a_joined_table_go_with_their_positions() -> None:
    columns = [
        (name, values, unit)
        for suffix, factor in (("_1", 1), ("_2", 3))
        for name, values, unit in (
            (f"ra{suffix}", RA, "deg"), (f"dec{suffix}", DEC, "deg"),
            (f"pmra{suffix}", PM_RA * factor, "mas/yr"), (f"pmdec{suffix}", PM_DEC * factor, "mas/yr"),
        )
    ]  # fmt: skip
    motion = find_motion(table(*columns), ra="ra_2", dec="dec_2")
    np.testing.assert_allclose(motion.pm_ra, PM_RA * 3)


@pytest.mark.parametrize("frame", ["fk5", "galactic", FK5(equinox="J1975")])
def test_motions_of_other_frames_are_turned(frame: object) -> None:
    sky = SkyCoord(
        RA[:2] * u.deg, DEC[:2] * u.deg,
        pm_ra_cosdec=PM_RA[:2] * u.mas / u.yr, pm_dec=PM_DEC[:2] * u.mas / u.yr,
        distance=[1, 1] * u.kpc,
    )  # fmt: skip
    there = sky.transform_to(frame)
    lon, lat, pm_lon, pm_lat = (
        (there.l, there.b, there.pm_l_cosb, there.pm_b)
        if frame == "galactic"
        else (there.ra, there.dec, there.pm_ra_cosdec, there.pm_dec)
    )
    names = ("l", "b", "pml", "pmb") if frame == "galactic" else ("ra", "dec", "pmra", "pmdec")
    values = lon.deg, lat.deg, pm_lon.to_value("mas/yr"), pm_lat.to_value("mas/yr")
    user = table(*zip(names, values, ("deg", "deg", "mas/yr", "mas/yr"), strict=True))
    option = {"fk5": "FK5", "galactic": "galactic"}.get(str(frame), "FK5 J1975")
    motion = find_motion(user, frame=option)
    np.testing.assert_allclose(motion.pm_ra, PM_RA[:2], atol=1e-6)
    np.testing.assert_allclose(motion.pm_dec, PM_DEC[:2], atol=1e-6)


def test_a_star_of_fk4_is_where_sofa_has_it() -> None:
    # A star of the SOFA test of fk425 in the form of a catalogue.
    ra, dec = np.degrees(0.07626899753879587532), np.degrees(-1.137405378399605780)
    pm_ra, pm_dec = 0.1973749217849087460e-4, 0.5659714913272723189e-5
    to_seconds, to_arcsec = 43200 / np.pi, 180 * 3600 / np.pi
    user = table(
        ("RAB1950", np.array([ra]), "deg"), ("DEB1950", np.array([dec]), "deg"),
        ("pmRA", np.array([pm_ra * to_seconds]), "s/yr"),
        ("pmDE", np.array([pm_dec * to_arcsec]), "arcsec/yr"),
    )  # fmt: skip
    expected = SkyCoord(0.08757989933556446040 * u.rad, -1.132279113042091895 * u.rad, frame="fk5").icrs
    # SOFA's example has a parallax and a velocity as well, which change little.
    assert moved(user)[0].separation(expected).arcsec < 0.05
    still = SkyCoord(ra * u.deg, dec * u.deg, frame=FK4(equinox="B1950")).icrs
    assert still.separation(expected).arcsec > 100


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("J2015.5", 2015.5),
        ("2000", 2000.0),
        ("B1950", 1949.9998),
        ("MJD 51544.5", 2000.0),
        ("x", None),
        ("12", None),
    ],
)
def test_julian_year(text: str, year: float | None) -> None:
    assert julian_year(text) == (year if year is None else pytest.approx(year, abs=1e-4))
