"""Crossmatches on this machine: pairs against brute force, best partners, tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_photoz.catalogues.match import match_table
from vo_photoz.errors import ServiceError, TableError, TransientError, UsageError
from vo_photoz.flow import Match, NewColumn, Positions
from vo_photoz.pipeline.crossmatch.chain import crossmatch, failed_match, join
from vo_photoz.sky.pairs import Pairs, best_partners, separation_arcsec, within
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable


def table(path: Path, text: str) -> UserTable:
    path.write_text(text)
    return read_table(path)


def at(*positions: tuple[float, float]) -> Positions:
    ra, dec = np.array(positions, dtype=float).reshape(-1, 2).T
    return Positions(ra, dec, np.isfinite(ra) & np.isfinite(dec))


def by_name(match: Match) -> dict[str, np.ndarray]:
    return {column.name: column.values for column in match.columns}


# Geometry

PLACES = st.tuples(
    st.one_of(st.floats(0, 360), st.floats(359.99, 360), st.floats(0, 0.01)),
    st.one_of(st.floats(-90, 90), st.floats(89.99, 90), st.floats(-90, -89.99)),
)


@given(st.lists(PLACES, max_size=30), st.lists(PLACES, max_size=30), st.sampled_from([0.5, 60, 3600]))
@settings(max_examples=60, deadline=None)
def test_pairs_are_those_of_brute_force(one: list, two: list, radius: float) -> None:
    ra1, dec1 = np.array(one, dtype=float).reshape(-1, 2).T
    ra2, dec2 = np.array(two, dtype=float).reshape(-1, 2).T
    first, second, separation = within(ra1, dec1, ra2, dec2, radius)
    every = separation_arcsec(ra1[:, None], dec1[:, None], ra2[None], dec2[None])
    np.testing.assert_array_equal(np.argwhere(every <= radius), np.column_stack([first, second]))
    np.testing.assert_array_equal(every[first, second], separation)


@given(PLACES, PLACES)
def test_separation_is_that_of_astropy(one: tuple[float, float], two: tuple[float, float]) -> None:
    ours = separation_arcsec(*(np.array([value]) for value in (*one, *two)))[0]
    theirs = np.degrees(angular_separation(*np.radians([*one, *two]))) * 3600
    # astropy's formula takes a difference of products: it keeps about 1e-16 rad.
    assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("distance", [1e-9, 1e-6, 1e-3, 1.5])
@pytest.mark.parametrize("dec", [0.0, 45.0, -89.9])
def test_small_separations_are_exact(distance: float, dec: float) -> None:
    up = dec + distance / 3600
    known = (up - dec) * 3600  # what remains of the distance in degrees of double precision
    got = separation_arcsec(*(np.array([value]) for value in (200.0, dec, 200.0, up)))[0]
    assert got == pytest.approx(known, rel=1e-9)


# Best partners


def test_ties_do_not_depend_on_the_order_of_the_archive() -> None:
    rows = np.array([0, 0, 0, 2])
    separation = np.array([0.5, 0.5, 0.9, 0.1])
    name, z = np.array(["b", "a", "c", "d"]), np.array([2.0, 1.0, 3.0, 4.0])
    answers = set()
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        columns = [NewColumn("name", name[order]), NewColumn("z", z[order])]
        found = best_partners("my-query", Pairs(rows[order], separation[order], columns), 4)
        values = {column.name: column.values for column in found}
        assert list(values) == ["my_query_name", "my_query_z", "my_query_separation", "my_query_nmatch"]
        assert values["my_query_nmatch"].tolist() == [3, 0, 1, 0]
        answers.add((*values["my_query_name"].tolist(), *values["my_query_z"].tolist()))
    assert answers == {("a", None, "d", None, 1.0, None, 4.0, None)}


def test_types_of_the_partners_are_kept() -> None:
    columns = [
        NewColumn(
            "i", np.ma.MaskedArray(np.array([7, 8], np.int16), [False, True]), "mag", "phot.mag", "told"
        ),
        NewColumn("v", np.arange(6, dtype=np.float32).reshape(2, 3)),
        NewColumn("o", np.array(["x", "yy"], dtype=object)),
    ]
    found = best_partners("q", Pairs(np.array([1, 2]), np.zeros(2), columns), 3)
    values = {column.name: column for column in found}
    assert values["q_i"].values.dtype == np.int16
    assert values["q_i"].values.tolist() == [None, 7, None]
    assert (values["q_i"].unit, values["q_i"].ucd, values["q_i"].description) == ("mag", "phot.mag", "told")
    assert values["q_v"].values.shape == (3, 3)
    assert values["q_o"].values.tolist() == [None, "x", "yy"]
    assert np.ma.getdata(values["q_o"].values).tolist() == ["", "x", "yy"]
    assert all(column.description for column in found)


# Tables

OTHER = """\
name,ra,dec,z
far,100.0,30.0,0.1
pole,180.0,89.99999,2.5
wrap,0.0001,0.0,3.5
near,200.0,10.0,1.0
nearer,200.0,10.0001,1.1
"""


def test_best_partner_of_each_row(tmp_path: Path) -> None:
    other = table(tmp_path / "other.csv", OTHER)
    mine = at((359.9999, 0.0), (0.0, 89.99999), (200.0, 10.00008), (50.0, 50.0), (np.nan, np.nan))
    match = match_table(mine, other, "other", radius_arcsec=1)
    values = by_name(match)
    assert values["other_name"].tolist() == ["wrap", "pole", "nearer", None, None]
    assert values["other_z"].tolist() == [3.5, 2.5, 1.1, None, None]
    assert values["other_nmatch"].tolist() == [1, 1, 2, 0, 0]
    assert values["other_separation"][0] == pytest.approx(0.72)
    assert values["other_separation"][1] == pytest.approx(0.072)
    assert match.infos["matched"] == "3"


def test_radius_of_a_degree(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, 500), 90 - rng.uniform(0, 3, 500)
    lines = [f"{i},{a!r},{d!r}" for i, (a, d) in enumerate(zip(ra.tolist(), dec.tolist(), strict=True))]
    other = table(tmp_path / "other.csv", "number,ra,dec\n" + "\n".join(lines) + "\n")
    mine = at(*zip(ra[:50] + 10, dec[:50], strict=True))
    values = by_name(match_table(mine, other, "other", radius_arcsec=3600))
    every = separation_arcsec(mine.ra[:, None], mine.dec[:, None], ra[None], dec[None])
    np.testing.assert_array_equal(values["other_nmatch"], (every <= 3600).sum(axis=1))
    found = ~np.ma.getmaskarray(values["other_number"])
    np.testing.assert_array_equal(values["other_number"][found], every.argmin(axis=1)[found])
    assert values["other_nmatch"].max() > 10


def test_no_valid_position_gives_nulls(tmp_path: Path) -> None:
    values = by_name(
        match_table(at((np.nan, np.nan)), table(tmp_path / "o.csv", OTHER), "o", radius_arcsec=1)
    )
    assert values["o_name"].tolist() == [None]
    assert values["o_nmatch"].tolist() == [0]


@pytest.mark.parametrize("radius", [0, -1, 3601, float("nan")])
def test_radius_that_cannot_be_meant(tmp_path: Path, radius: float) -> None:
    with pytest.raises(UsageError, match="radius"):
        match_table(at((1, 1)), table(tmp_path / "o.csv", OTHER), "o", radius_arcsec=radius)


# The chain


def test_source_that_is_neither_query_nor_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="milliquas"):
        join(at((1, 1)), "nonsuch", 1)
    with pytest.raises(UsageError, match="folder"):
        join(at((1, 1)), tmp_path, 1)


def test_offline_asks_no_archive() -> None:
    with pytest.raises(ServiceError, match="not asked"):
        join(at((1, 1)), "milliquas", 1, offline=True)


def test_failed_archive_leaves_null_columns() -> None:
    match = failed_match("milliquas", TransientError("The archive is down."), 3)
    assert match.failed == "The archive is down."
    names = [column.name for column in match.columns]
    assert names[0] == "milliquas_ra"
    assert names[-2:] == ["milliquas_separation", "milliquas_nmatch"]
    assert all(np.ma.getmaskarray(column.values).all() for column in match.columns)


def test_result_is_written_or_nothing_is(tmp_path: Path) -> None:
    mine, other, out = tmp_path / "mine.csv", tmp_path / "other.csv", tmp_path / "out.vot"
    mine.write_text("name,ra,dec\nb,200.0,10.00008\na,50.0,50.0\n")
    other.write_text(OTHER)
    result = crossmatch(mine, out, with_=[other, other], radius_arcsec=1)
    assert result.n_rows == 2
    written = read_table(out)
    assert written.values("name").tolist() == ["b", "a"]
    assert written.values("other_nmatch").tolist() == [2, 0]
    assert written.job
    mine.write_text("name,ra,dec\n")
    with pytest.raises(TableError, match="rows"):
        crossmatch(mine, tmp_path / "none.vot", with_=[other])
    assert not (tmp_path / "none.vot").exists()


@pytest.mark.parametrize("ending", ["vot", "fits", "parquet"])
def test_all_pairs_are_a_table_of_their_own(tmp_path: Path, ending: str) -> None:
    mine, other, out = tmp_path / "mine.csv", tmp_path / "other.csv", tmp_path / f"pairs.{ending}"
    mine.write_text("name,ra,dec\nb,200.0,10.00008\na,50.0,50.0\nc,0.0,0.0\n")
    other.write_text(OTHER)
    kind = {"vot": "votable"}.get(ending, ending)
    crossmatch(mine, out, with_=[other], radius_arcsec=1, matches="all", format=kind)
    pairs = read_table(out)
    assert pairs.values("row").tolist() == [0, 0, 2]
    assert [str(name) for name in pairs.values("name")] == ["nearer", "near", "wrap"]
    assert (np.diff(pairs.values("separation")[:2]) > 0).all()
