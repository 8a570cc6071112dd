"""The right pair of columns is found, in whatever words, units and frames it is written."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import SubElement

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_photoz.errors import TableError, UsageError
from vo_photoz.tables.fields import objects, plain
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.positions.angles import degrees
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.skeleton import Told, skeleton

RA, DEC = np.array([10.0, 359.5, 180.25]), np.array([-45.0, 0.0, 89.0])


def table(*columns: tuple) -> UserTable:
    """Columns as (name, values, unit, ucd)."""
    told = [Told(name, *rest) for name, _, *rest in columns]
    return skeleton([plain(values) for _, values, *_ in columns], told, source="test.vot")


def texts(*cells: str) -> np.ndarray:
    return objects(list(cells))


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        ("ra", "dec"), ("RA", "DEC"), ("RA", "Dec"), ("RA_ICRS", "DE_ICRS"), ("alpha", "delta"),
        ("ra_deg", "dec_deg"), ("ALPHA_SKY", "DELTA_SKY"), ("s_ra", "s_dec"), ("raMean", "decMean"),
        ("ra_1", "dec_1"), ("RAdeg", "DEdeg"),
        ("right ascension", "declination"), ("PLUG_RA", "PLUG_DEC"),
    ],
)  # fmt: skip
def test_by_name(ra: str, dec: str) -> None:
    found = find_positions(table(("z", RA), (ra, RA), (dec, DEC), (f"{ra}_err", DEC)))
    assert found.valid.all()
    np.testing.assert_array_equal(found.ra, RA)
    known = "" if "deg" in ra.lower() else ", degrees (no unit)"
    assert found.origin == f"columns {ra} and {dec} (name), ICRS{known}"


@pytest.mark.parametrize(
    "names", [("RAJ2000", "DEJ2000"), ("_RAJ2000", "_DEJ2000"), ("ALPHA_J2000", "DELTA_J2000")]
)
def test_j2000_names_mean_fk5(names: tuple[str, str]) -> None:
    found = find_positions(table((names[0], RA), (names[1], DEC)))
    truth = SkyCoord(RA * u.deg, DEC * u.deg, frame="fk5").icrs
    np.testing.assert_allclose(found.ra, truth.ra.deg, atol=1e-10)
    np.testing.assert_allclose(found.dec, truth.dec.deg, atol=1e-10)
    assert "FK5 J2000" in found.origin


@pytest.mark.parametrize(("lon", "lat"), [("l", "b"), ("GLON", "GLAT"), ("gal_lon", "gal_lat")])
def test_galactic(lon: str, lat: str) -> None:
    found = find_positions(table((lon, RA, "deg"), (lat, DEC, "deg")))
    truth = SkyCoord(RA * u.deg, DEC * u.deg, frame="galactic").icrs
    np.testing.assert_allclose(found.ra, truth.ra.deg, atol=1e-10)
    np.testing.assert_allclose(found.dec, truth.dec.deg, atol=1e-10)


def test_ucds_win_over_names_and_the_main_pair_over_others() -> None:
    wrong = np.zeros(3)
    found = find_positions(
        table(
            ("ra", wrong, "deg"), ("dec", wrong, "deg"),
            ("x", wrong, "deg", "pos.eq.ra"), ("y", wrong, "deg", "pos.eq.dec"),
            ("e", wrong, "deg", "stat.error;pos.eq.ra;meta.main"),
            ("p", RA, "deg", "pos.eq.ra;meta.main"), ("q", DEC, "deg", "pos.eq.dec;meta.main"),
        )
    )  # fmt: skip
    assert found.origin.startswith("columns p and q (UCD)")


@pytest.mark.parametrize("ucds", [("POS_EQ_RA_MAIN", "POS_EQ_DEC_MAIN"), ("POS_EQ_RA", "POS_EQ_DEC")])
def test_ucd1(ucds: tuple[str, str]) -> None:
    found = find_positions(
        table(("a", RA, "deg", ucds[0]), ("d", DEC, "deg", ucds[1]), ("e", DEC, "", "ERROR"))
    )
    np.testing.assert_array_equal(found.dec, DEC)


def test_error_columns_are_no_candidates() -> None:
    columns = ("ra", RA, "deg", "stat.error;pos.eq.ra"), ("dec", DEC, "deg", "stat.error;pos.eq.dec")
    with pytest.raises(TableError, match=r"no columns with positions; its columns are ra, dec\."):
        find_positions(table(*columns))


@pytest.mark.parametrize(
    ("unit", "factor"), [("deg", 1), ("degrees", 1), ("rad", np.pi / 180), ("arcsec", 3600), ("arcmin", 60)]
)
def test_units(unit: str, factor: float) -> None:
    found = find_positions(table(("ra", RA * factor, unit), ("dec", DEC * factor, unit)))
    np.testing.assert_allclose(found.ra, RA, rtol=1e-14)


@pytest.mark.parametrize("unit", ["h", "hourangle", "hr"])
def test_hours(unit: str) -> None:
    found = find_positions(table(("ra", RA / 15, unit), ("dec", DEC, "deg")))
    np.testing.assert_allclose(found.ra, RA, rtol=1e-14)


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        (("10:00:28.66", "23:59:59.9"), ("+02:12:21.0", "-00:00:30")),
        (("10 00 28.66", "23 59 59.9"), ("+02 12 21.0", "-00 00 30")),
        (("10h00m28.66s", "23h59m59.9s"), ("+2d12m21.0s", "-0d0m30s")),
        (("10h 00m 28.66s", "23h 59m 59.9s"), ("2\xb012'21\"", "-0\xb00'30\"")),
    ],
)
def test_sexagesimal(ra: tuple[str, ...], dec: tuple[str, ...]) -> None:
    found = find_positions(table(("RA", texts(*ra)), ("DEC", texts(*dec))))
    np.testing.assert_allclose(found.ra, [150.1194166667, 359.9995833333], atol=1e-9)
    np.testing.assert_allclose(found.dec, [2.2058333333, -0.0083333333], atol=1e-9)


@settings(deadline=None, max_examples=80)
@given(st.floats(0, 359.999), st.floats(-90, 90), st.sampled_from([":", " ", "hmsdms"]))
def test_sexagesimal_is_that_of_astropy(ra: float, dec: float, separator: str) -> None:
    separator_given = {} if separator == "hmsdms" else {"sep": separator}
    style = separator if separator == "hmsdms" else None
    text = SkyCoord(ra * u.deg, dec * u.deg)
    one = text.ra.to_string("hour", precision=7, **separator_given)
    other = text.dec.to_string("deg", precision=6, alwayssign=True, **separator_given)
    assert style in (None, "hmsdms")
    assert degrees(texts(one), None, hours=True)[0] == pytest.approx(ra, abs=1e-6)
    assert degrees(texts(other), None, hours=False)[0] == pytest.approx(dec, abs=1e-6)


def test_text_of_numbers_is_degrees() -> None:
    found = find_positions(table(("ra", texts("10.5", "", "x")), ("dec", texts("-1", "2", "3"))))
    assert found.valid.tolist() == [True, False, False]
    assert found.ra[0] == 10.5


def test_bad_rows_are_not_valid() -> None:
    ra = np.ma.MaskedArray([10.0, np.nan, 400.0, -10.0, 50.0, -999, np.inf], mask=[0, 0, 0, 0, 1, 0, 0])
    dec = np.array([0.0, 0, 0, 0, 0, -999, 0])
    found = find_positions(table(("ra", ra), ("dec", dec)))
    assert found.valid.tolist() == [True, False, False, True, False, False, False]
    assert found.ra[3] == 350.0
    assert np.isnan(found.ra[~found.valid]).all()
    assert np.isnan(found.dec[~found.valid]).all()


def test_no_valid_row_is_an_error() -> None:
    with pytest.raises(TableError, match=r"No row of test\.vot has a position in the columns ra and dec"):
        find_positions(table(("ra", np.full(3, np.nan)), ("dec", DEC)))


def test_no_rows_is_an_error() -> None:
    with pytest.raises(TableError, match="has no rows"):
        find_positions(table(("ra", np.empty(0)), ("dec", np.empty(0))))


def test_pairs_that_agree_are_no_question_and_icrs_is_taken() -> None:
    fk5 = SkyCoord(RA * u.deg, DEC * u.deg).fk5
    columns = ("RAJ2000", fk5.ra.deg), ("DEJ2000", fk5.dec.deg), ("RA_ICRS", RA), ("DE_ICRS", DEC)
    found = find_positions(table(*columns))
    assert found.origin == "columns RA_ICRS and DE_ICRS (name), ICRS, degrees (no unit)"


def test_pairs_that_disagree_are_listed() -> None:
    columns = ("ra_1", RA), ("dec_1", DEC), ("ra_2", RA + 1), ("dec_2", DEC / 2)
    with pytest.raises(TableError, match="ra_1 and dec_1; ra_2 and dec_2") as error:
        find_positions(table(*columns))
    assert "--ra and --dec" in error.value.advice
    assert find_positions(table(*columns), ra="ra_2", dec="DEC_2").ra[0] == 11.0


def test_columns_and_frame_can_be_given() -> None:
    found = find_positions(table(("p", RA), ("q", DEC)), ra="p", dec="q", frame="galactic")
    np.testing.assert_allclose(found.ra, SkyCoord(RA * u.deg, DEC * u.deg, frame="galactic").icrs.ra.deg)
    with pytest.raises(TableError, match="no column 'r'") as error:
        find_positions(table(("p", RA), ("q", DEC)), ra="r", dec="q")
    assert "p, q" in error.value.advice
    with pytest.raises(UsageError, match="go together"):
        find_positions(table(("p", RA), ("q", DEC)), ra="p")
    with pytest.raises(UsageError, match="frame 'B' is not known"):
        find_positions(table(("ra", RA), ("dec", DEC)), frame="B")


def test_columns_given_that_are_no_angles() -> None:
    with pytest.raises(TableError, match="hold no angles"):
        find_positions(table(("p", RA, "mag"), ("q", DEC)), ra="p", dec="q")


@pytest.mark.parametrize(
    ("system", "frame"), [("eq_FK5", "FK5 J2000"), ("eq_FK4", "FK4 B1950"), ("ICRS", "ICRS")]
)
def test_coosys_tells_the_frame(system: str, frame: str) -> None:
    user = table(("ra", RA, "deg"), ("dec", DEC, "deg"))
    SubElement(user.resource, "COOSYS", {"ID": "c", "system": system})
    user.table.find("FIELD").set("ref", "c")
    user = UserTable(user.root, user.table, user.data)
    found = find_positions(user)
    assert found.origin.endswith(frame)
    truth = SkyCoord(RA * u.deg, DEC * u.deg, frame=frame.split(maxsplit=1)[0].lower()).icrs
    np.testing.assert_allclose(found.dec, truth.dec.deg, atol=1e-9)


def test_a_system_that_is_none_of_ours_is_refused() -> None:
    user = table(("ra", RA, "deg"), ("dec", DEC, "deg"))
    SubElement(user.resource, "COOSYS", {"ID": "c", "system": "ecl_FK5"})
    user.table.find("FIELD").set("ref", "c")
    with pytest.raises(TableError, match="ecl_FK5"):
        find_positions(UserTable(user.root, user.table, user.data))


def test_equatorial_is_taken_before_galactic() -> None:
    columns = (
        ("l", RA, "deg", "pos.galactic.lon"),
        ("b", DEC, "deg", "pos.galactic.lat"),
        ("ra", RA),
        ("dec", DEC),
    )
    assert find_positions(table(*columns)).origin.startswith("columns ra and dec")


def test_no_positions_lists_the_columns() -> None:
    with pytest.raises(TableError, match=r"no columns with positions; its columns are objid, z\."):
        find_positions(table(("objid", np.arange(3)), ("z", RA)))


@pytest.mark.shared
def test_real_catalogues(shared: Path) -> None:
    vizier = find_positions(read_table(shared / "data/catalogues/SDSS_DR9.vot"))
    assert vizier.origin == "columns RA_ICRS and DE_ICRS (UCD), ICRS"
    assert vizier.valid.sum() == 12405
    assert vizier.ra[0] == 127.497406
    skyserver = find_positions(read_table(shared / "data/catalogues/sdss_dr14_skyserver_10k.csv"))
    assert skyserver.valid.sum() == 10000
    assert skyserver.ra[0] == 183.5313257
