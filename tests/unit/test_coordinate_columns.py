"""The talk's third failure: a problem with the coordinate columns gave 3,000 objects instead of all.

Whatever words, units and frames a table uses, every row comes out where astropy has it; where that
cannot be known, one sentence lists the columns and names the options. No row is dropped.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from vo_photoz.errors import TableError, UsageError
from vo_photoz.sky.motion import positions_at
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.positions.proper_motion import find_motion
from vo_photoz.tables.read import read_table

DATA = Path(__file__).resolve().parent.parent / "data" / "positions"
EXPECTED = json.loads((DATA / "expected.json").read_text())
PROGRAMS = ("stilts", "topcat", "aladin")


def sky(ra: object, dec: object) -> SkyCoord:
    return SkyCoord(ra, dec, unit="deg")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_coordinate_columns(name: str) -> None:
    """Each golden table gives the positions that astropy gives, to 1e-9 degrees."""
    table = read_table(DATA / name)
    found = positions_at(find_positions(table), find_motion(table), 2000.0)
    expected = EXPECTED[name]
    assert len(found) == table.n_rows == len(expected["ra"])
    assert found.valid.all()
    ra = (found.ra - expected["ra"] + 180) % 360 - 180
    assert np.abs(ra * np.cos(np.radians(found.dec))).max() < 1e-9
    assert np.abs(found.dec - expected["dec"]).max() < 1e-9


@pytest.mark.parametrize("name", sorted(name for name in EXPECTED if name.startswith(PROGRAMS)))
def test_other_programs_mean_the_same_places(name: str) -> None:
    """What STILTS, TOPCAT and Aladin computed and wrote are the very sources again."""
    truth = read_table(DATA / "names.csv")
    found = find_positions(read_table(DATA / name))
    apart = sky(found.ra, found.dec).separation(sky(truth.values("RA"), truth.values("Dec"))).arcsec
    assert apart.max() < 0.1  # they round text, and have other constants of precession


def test_every_golden_table_is_expected() -> None:
    tables = {path.name for path in DATA.iterdir() if path.suffix not in (".py", ".json", ".md")}
    assert tables == set(EXPECTED)


def written(path: Path, **columns: object) -> Path:
    Table(columns).write(path, overwrite=True)
    return path


def test_a_thousand_rows_whose_right_ascension_is_text_all_come_out() -> None:
    found = find_positions(read_table(DATA / "ra-is-text.vot"))
    assert found.valid.sum() == 1000


def test_radians_without_a_unit_are_said() -> None:
    found = find_positions(read_table(DATA / "radians-no-unit.csv"))
    assert found.origin == "columns RA and Dec (name), ICRS, radians (no unit; the values fill 0 to 2 pi)"


def test_a_field_that_may_be_radians_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", RA=[3.14423, 3.14983, 3.14470], Dec=[-0.0469, -0.04599, -0.04328])
    with pytest.raises(
        TableError, match="have no unit, and their values can be radians as well as deg"
    ) as error:
        find_positions(read_table(path))
    assert "--ra 'RA [rad]' --dec 'Dec [rad]'" in error.value.advice
    found = find_positions(read_table(path), ra="RA [rad]", dec="Dec [rad]")
    assert found.ra[0] == pytest.approx(np.degrees(3.14423))
    found = find_positions(read_table(path), ra="RA [deg]", dec="Dec [deg]")
    assert found.ra[0] == 3.14423
    with pytest.raises(UsageError, match="The unit 'mag' of RA is no angle"):
        find_positions(read_table(path), ra="RA [mag]", dec="Dec [deg]")


def test_hours_declared_as_degrees_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 24, 50), np.degrees(np.arcsin(rng.uniform(-1, 1, 50)))
    path = written(tmp_path / "t.ecsv", ra=ra * u.deg, dec=dec * u.deg)
    with pytest.raises(
        TableError, match=r"ra and dec of t\.ecsv have the unit deg, but the longitudes go"
    ) as error:
        find_positions(read_table(path))
    assert "--ra 'ra [h]' --dec 'dec [deg]'" in error.value.advice
    found = find_positions(read_table(path), ra="ra [h]", dec="dec [deg]")
    np.testing.assert_allclose(found.ra, ra * 15)
    np.testing.assert_array_equal(find_positions(read_table(path), ra="ra [deg]", dec="dec [deg]").ra, ra)


def test_radians_declared_as_degrees_are_told() -> None:
    raw = read_table(DATA / "radians-no-unit.csv")
    for field in raw.table.findall("FIELD"):
        field.set("unit", "deg")
    with pytest.raises(TableError, match="have the unit deg, but their values fill 0 to 2 pi like radians"):
        find_positions(raw)


def test_degrees_declared_as_radians_are_told() -> None:
    raw = read_table(DATA / "names.csv")
    for field in raw.table.findall("FIELD"):
        field.set("unit", "rad")
    with pytest.raises(
        TableError, match=r"hold no angles in rad and rad: their values go from 0\.0001 to 360"
    ):
        find_positions(raw)


def test_swapped_columns_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", ra=[2.2, -0.5, 41.3, -29.0], dec=[150.1, 359.9, 10.7, 266.4])
    with pytest.raises(TableError, match=r"ra and dec of t\.csv look swapped"):
        find_positions(read_table(path))
    assert find_positions(read_table(path), ra="dec", dec="ra").valid.all()


def test_rows_without_a_position_stay_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "ra,dec\n150.1,2.2\n,2.2\nNaN,2.2\n150.1,null\n400,2.2\n150.1,95\n-999,-999\n10,20\n 10.5 ,\n-10,20\n"
    )
    found = find_positions(read_table(path))
    assert found.valid.tolist() == [True, *[False] * 6, True, False, True]
    assert found.ra[[0, 7, 9]].tolist() == [150.1, 10.0, 350.0]
    assert np.isnan(found.ra[~found.valid]).all()


def test_text_with_blank_and_odd_rows_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "RA;DEC\n10 00 28.66;+02 12 21\n;\n--;n/a\n25 61 00;+02 12 21\n10:00:28;-00:00:30\nsee note;1\n"
    )
    found = find_positions(read_table(path))
    assert found.valid.tolist() == [True, False, False, False, True, False]
    assert found.dec[4] == pytest.approx(-30 / 3600)


def test_several_candidates_are_listed_with_the_option(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", ra=[150.1, 20.0], dec=[2.0, 3.0], RA=[151.1, 20.0], DEC=[2.0, 30.0])
    with pytest.raises(
        TableError, match="several pairs of positions that disagree: ra and dec; RA and DEC"
    ) as error:
        find_positions(read_table(path))
    assert "--ra and --dec (and --frame)" in error.value.advice
    assert find_positions(read_table(path), ra="RA", dec="DEC").ra[0] == 151.1


def test_a_system_that_is_no_catalogue_frame_is_told() -> None:
    table = read_table(DATA / "coosys-1.4-galactic.vot")
    table.root.find(".//COOSYS").set("system", "geo_app")
    for field, ucd in zip(table.table.findall("FIELD"), ("pos.eq.ra", "pos.eq.dec"), strict=True):
        field.set("ucd", ucd)
    with pytest.raises(TableError, match="coordinate system 'geo_app', which is not supported"):
        find_positions(type(table)(table.root, table.table, table.data))
    table.root.find(".//COOSYS").set("system", "galactic")
    with pytest.raises(TableError, match="called a right ascension, but its coordinate system is 'galactic'"):
        find_positions(type(table)(table.root, table.table, table.data))


@pytest.mark.parametrize(
    ("frame", "told"),
    [("FK5 J1975", "FK5 J1975"), ("b1950", "FK4 B1950"), ("FK4 (1900)", "FK4 B1900"), ("J2000", "FK5 J2000"),
     ("eq_FK5", "FK5 J2000"), ("Supergalactic", "supergalactic"), ("ecliptic", "ecliptic"),
     ("ecliptic B1950", "ecliptic B1950")],
)  # fmt: skip
def test_frames_that_a_user_may_name(frame: str, told: str) -> None:
    found = find_positions(read_table(DATA / "names.csv"), ra="RA", dec="Dec", frame=frame)
    assert found.origin.startswith(f"columns RA and Dec (as given), {told}, degrees")


def test_ecliptic_of_1950_has_its_pole_where_it_was() -> None:
    found = find_positions(read_table(DATA / "names.csv"), ra="RA", dec="Dec", frame="ecliptic B1950")
    today = find_positions(read_table(DATA / "names.csv"), ra="RA", dec="Dec", frame="ecliptic")
    apart = sky(found.ra, found.dec).separation(sky(today.ra, today.dec)).arcsec
    # Precession in longitude, 50.26 arcsec a year, moved the equinox in 50 years; latitudes hardly changed.
    low = np.abs(np.array(EXPECTED["names.csv"]["dec"])) < 3
    np.testing.assert_allclose(apart[low], 50 * 50.26, rtol=0.01)


@pytest.mark.shared
def test_radians_of_2df(shared: Path, tmp_path: Path) -> None:
    """The real 2QZ quasars: no header, no unit, radians."""
    rows = (shared / "data/catalogues/2df.dat").read_text().split("\n")
    lines = [",".join(row.split()) for row in rows if row.strip()]
    (tmp_path / "2df.csv").write_text("\n".join(["RA,Dec,z", *lines]) + "\n")
    table = read_table(tmp_path / "2df.csv")
    found = find_positions(table)
    assert found.valid.sum() == table.n_rows == 22431
    assert "radians (no unit; the values fill 0 to 2 pi)" in found.origin
    np.testing.assert_allclose(found.ra, np.degrees(table.values("RA")) % 360, atol=1e-9)
    # Two strips, around the equator and at -30 degrees.
    strips = (np.abs(found.dec) < 3) | (np.abs(found.dec + 30) < 3)
    assert strips.all()
