"""Column names that are ours, SQL, twice there in other letter case, or endless: names never become code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.errors import TableError
from vo_photoz.flow import NewColumn
from vo_photoz.tables.additions import Additions
from vo_photoz.tables.fields import plain
from vo_photoz.tables.positions import find_positions
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tables.votable.skeleton import Told, skeleton
from vo_photoz.tables.write import write_table
from vo_photoz.tap.services.upload import positions_votable

RA, DEC = np.array([10.0, 200.0]), np.array([-5.0, 60.0])
SQL = """ra"; DROP TABLE "positions"; --"""
NASTY = [
    SQL,
    "dec' OR '1'='1",
    "TAP_UPLOAD.positions",
    "{radius}",
    "</TD>&amp;<x>",
    "__class__",
    "id",
    "a\tb",
    "$(x)",
]
FORMATS = {"votable": "vot", "fits": "fits", "parquet": "parquet"}


def table(*columns: tuple) -> UserTable:
    """Columns as (name, values)."""
    return skeleton(
        [plain(values) for _, values in columns], [Told(name) for name, _ in columns], source="t.vot"
    )


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("serialisation", ["BINARY2", "TABLEDATA"])
def test_names_that_are_code_come_back_as_they_were(kind: str, serialisation: str, tmp_path: Path) -> None:
    user = table(*((name, RA + place) for place, name in enumerate(NASTY)))
    path = tmp_path / f"t.{FORMATS[kind]}"
    write_table(user, None, path, format=kind, serialisation=serialisation)
    again = read_table(path)
    assert [" ".join(name.split()) for name in again.names] == [" ".join(name.split()) for name in NASTY]
    for place in range(len(NASTY)):
        np.testing.assert_array_equal(again.data[place], RA + place)


def test_such_a_name_can_be_a_position_and_stays_at_home() -> None:
    user = table((SQL, RA), (NASTY[1], DEC))
    found = find_positions(user, ra=SQL, dec=NASTY[1])
    np.testing.assert_array_equal(found.ra, RA)
    upload = positions_votable(np.arange(2), found.ra, found.dec)
    assert b"DROP" not in upload
    assert b"OR '1'" not in upload


@pytest.mark.parametrize("kind", FORMATS)
def test_columns_named_like_ours_are_kept_and_ours_stand_beside_them(kind: str, tmp_path: Path) -> None:
    user = table(("ra", RA), ("z_phot", DEC), ("Photoz_Flag", RA), ("vo_photoz.job", RA))
    ours = [
        NewColumn(name, np.array([7.0, 8.0], dtype="f4")) for name in ("z_phot", "photoz_flag", "p_high_z")
    ]
    path = tmp_path / f"t.{FORMATS[kind]}"
    write_table(user, Additions(ours), path, format=kind)
    again = read_table(path)
    assert again.names[:4] == user.names
    assert again.names[4:] == ["z_phot_vopz", "photoz_flag_vopz", "p_high_z"]
    np.testing.assert_array_equal(again.values("z_phot"), DEC)
    assert again.job is None


@pytest.mark.parametrize("kind", FORMATS)
def test_names_that_differ_by_letter_case_only(kind: str, tmp_path: Path) -> None:
    user = table(("Name", RA), ("NAME", DEC), ("name", RA + 1), ("name", DEC + 1))
    path = tmp_path / f"t.{FORMATS[kind]}"
    write_table(user, None, path, format=kind)
    again = read_table(path)
    assert len(again.names) == 4
    for place, values in enumerate(user.data):
        np.testing.assert_array_equal(again.data[place], values)
    if kind == "votable":
        assert again.names == ["Name", "NAME", "name", "name"]


def test_positions_in_other_letter_case_are_asked_for() -> None:
    user = table(("ra", RA), ("dec", DEC), ("RA", RA + 1), ("DEC", DEC), ("Ra", RA + 2), ("Dec", DEC))
    with pytest.raises(TableError, match="disagree: ra and dec; RA and DEC; Ra and Dec"):
        find_positions(user)
    assert find_positions(user, ra="RA", dec="DEC").ra[0] == 11.0
    assert find_positions(user, ra="Ra", dec="Dec").ra[0] == 12.0


def test_very_many_right_ascensions_and_very_long_names_take_no_time() -> None:
    many = table(*((f"ra_{n}x", RA) for n in range(3000)), *((f"col{n}", RA) for n in range(3000)))
    with pytest.raises(TableError, match=r"and 5940 more\.") as error:
        find_positions(many)
    assert len(str(error.value)) < 2000
    twins = table(*(("ra", RA) for _ in range(400)), *(("dec", DEC) for _ in range(400)))
    with pytest.raises(TableError, match="400 columns of the table may be equatorial longitudes"):
        find_positions(twins)
    long = table(("ra" * 1_000_000, RA), ("_" * 1_000_000, DEC), ("( " * 500_000, DEC))
    with pytest.raises(TableError, match="no columns with positions") as error:
        find_positions(long)
    assert len(str(error.value)) < 500
    with pytest.raises(TableError, match="has no column 'x") as error:
        find_positions(long, ra="x" * 1_000_000, dec="y")
    assert len(str(error.value)) < 500
