"""Pairs that are best for both sides, chance matches and histograms of separations."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import need_commands
from vo_photoz.flow import Coverage, NewColumn, Positions
from vo_photoz.sky.chance import Chance, measured, offset, shifted
from vo_photoz.sky.moc import contains, from_mocpy
from vo_photoz.sky.pairs import Pairs, best_partners, separation_arcsec, within
from vo_photoz.sky.separations import Separations
from vo_photoz.sky.symmetric import partner_numbers, symmetric_best

PAIRS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.4])),
    max_size=25,
    unique_by=lambda pair: pair[:2],
)


def pairs_of(triples: list[tuple[int, int, float]], numbered: bool = True) -> Pairs:
    rows, partners, separation = (
        (np.array(x) for x in zip(*triples, strict=True)) if triples else [np.zeros(0)] * 3
    )
    names = NewColumn("name", np.array([f"p{int(i)}" for i in partners], dtype=str))
    numbers = partners.astype(np.int64)
    return Pairs(rows.astype(np.int64), separation.astype(float), [names], numbers if numbered else None)


@given(PAIRS, st.booleans())
def test_symmetric_best_is_best_for_both(triples: list[tuple[int, int, float]], numbered: bool) -> None:
    def closest(of: list[tuple[int, int, float]]) -> tuple[int, int, float]:
        return min(of, key=lambda one: (one[2], one[0], one[1]))

    wanted = [
        one
        for one in triples
        if one == closest([x for x in triples if x[0] == one[0]])
        and one == closest([x for x in triples if x[1] == one[1]])
    ]
    pairs = pairs_of(triples, numbered)
    found = symmetric_best(pairs)
    names = pairs.columns[0].values[found]
    got = [
        (int(r), int(n[1:]), s)
        for r, n, s in zip(pairs.rows[found], names, pairs.separation[found], strict=True)
    ]
    assert got == sorted(wanted)


@given(PAIRS, st.randoms())
def test_symmetric_best_does_not_depend_on_the_order_of_the_archive(triples: list, random) -> None:  # type: ignore[no-untyped-def]
    moved = list(triples)
    random.shuffle(moved)
    answers = []
    for one in (triples, moved):
        pairs = pairs_of(one, numbered=False)
        found = symmetric_best(pairs)
        answers.append((pairs.rows[found].tolist(), pairs.columns[0].values[found].tolist()))
    assert answers[0] == answers[1]


def test_partners_without_numbers_are_told_apart_by_their_values() -> None:
    z = NewColumn("z", np.ma.MaskedArray([1.0, 1.0, 2.0, 0.0], [False, False, False, True]))
    name = NewColumn("name", np.array(["a", "a", "a", "a"], dtype=object))
    vector = NewColumn("v", np.zeros((4, 2)))
    numbers = partner_numbers(Pairs(np.arange(4), np.zeros(4), [z, name, vector]))
    assert numbers[0] == numbers[1]
    assert len(set(numbers.tolist())) == 3


def test_taken_partners_leave_nulls_and_keep_the_count() -> None:
    pairs = pairs_of([(0, 5, 0.1), (1, 5, 0.2), (2, 4, 0.3)])
    columns = {c.name: c.values for c in best_partners("q", pairs, 4, symmetric_best(pairs))}
    assert columns["q_name"].tolist() == ["p5", None, "p4", None]
    assert columns["q_separation"].tolist() == [0.1, None, 0.3, None]
    assert columns["q_nmatch"].tolist() == [1, 1, 1, 0]


def test_texts_of_which_the_first_is_null() -> None:
    name = NewColumn("name", np.ma.MaskedArray(np.array([None, "b"], dtype=object), [True, False]))
    found = best_partners("q", Pairs(np.array([0, 2]), np.zeros(2), [name]), 4)
    assert found[0].values.tolist() == [None, None, "b", None]
    assert np.ma.getdata(found[0].values)[3] == ""


@pytest.mark.parametrize(("spread", "same"), [(0.1, True), (0.002, False)])
def test_symmetric_best_is_that_of_stilts(tmp_path: Path, spread: float, same: bool) -> None:
    need_commands("stilts")
    rng = np.random.default_rng(3)
    ra1, dec1 = rng.normal(0, spread, 400) % 360, rng.normal(40, spread, 400)
    ra2, dec2 = (
        np.r_[ra1[::2], rng.normal(0, spread, 100) % 360],
        np.r_[dec1[::2], rng.normal(40, spread, 100)],
    )
    ra2, dec2 = ra2 + rng.normal(0, 1, 300) / 3600, dec2 + rng.normal(0, 1, 300) / 3600
    for name, ra, dec in (("one", ra1, dec1), ("two", ra2, dec2)):
        rows = zip(range(len(ra)), ra.tolist(), dec.tolist(), strict=True)
        text = "\n".join(f"{i},{a!r},{d!r}" for i, a, d in rows)
        (tmp_path / f"{name}.csv").write_text(f"row_{name},ra,dec\n{text}\n")
    ask = [
        "stilts", "tskymatch2", "in1=one.csv", "in2=two.csv", "ifmt1=csv", "ifmt2=csv", "ra1=ra", "dec1=dec",
        "ra2=ra", "dec2=dec", "error=3", "find=best", "join=1and2", "out=out.csv", "ofmt=csv",
    ]  # fmt: skip
    subprocess.run(ask, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    lines = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    one, two = lines[0].index("row_one"), lines[0].index("row_two")
    theirs = {(int(line[one]), int(line[two])) for line in lines[1:]}
    first, second, separation = within(ra1, dec1, ra2, dec2, 3)
    found = symmetric_best(Pairs(first, separation, [], second))
    ours = set(zip(first[found].tolist(), second[found].tolist(), strict=True))
    assert len(ours) > 100
    assert ours == theirs if same else ours < theirs


# Chance


@given(
    st.floats(0, 360), st.sampled_from([-90.0, -89.9999, -30.0, 0.0, 60.0, 90.0]), st.floats(0, 360),
    st.sampled_from([1e-4, 0.01, 1.0]),
)  # fmt: skip
def test_offset_is_that_of_astropy(ra: float, dec: float, bearing: float, distance: float) -> None:
    got = offset(np.array([ra]), np.array([dec]), np.array([bearing]), distance)
    away = separation_arcsec(np.array([ra]), np.array([dec]), *got)[0]
    assert away == pytest.approx(distance * 3600, rel=1e-6)
    theirs = SkyCoord(ra, dec, unit="deg").directional_offset_by(bearing * _deg(), distance * _deg())
    apart = separation_arcsec(*got, np.array([theirs.ra.deg]), np.array([theirs.dec.deg]))[0]
    assert apart < 1e-4


def _deg():  # type: ignore[no-untyped-def]
    from astropy import units as u

    return u.deg


@given(st.integers(0, 40), st.sampled_from([0.5, 1.5, 60.0, 3600.0]), st.sampled_from([8, 100, 5000]))
@settings(max_examples=50)
def test_shifted_positions_lie_beyond_the_radius(n: int, radius: float, most: int) -> None:
    rng = np.random.default_rng(n)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[:1], dec[:1] = np.nan, np.nan
    there = shifted(Positions(ra, dec, np.isfinite(ra)), radius, most=most)
    assert len(there) <= most
    assert there.of == max(n - 1, 0)
    if there.of:
        assert len(there) == there.rows * there.directions > 0
        own = separation_arcsec(
            np.tile(ra[1:], there.directions) if there.rows == there.of else there.positions.ra,
            np.tile(dec[1:], there.directions) if there.rows == there.of else there.positions.dec,
            there.positions.ra,
            there.positions.dec,
        )
        if there.rows == there.of:
            np.testing.assert_allclose(own, there.shift_arcsec, rtol=1e-6)
            assert there.shift_arcsec >= 5 * radius


def test_shifted_positions_stay_in_the_coverage() -> None:
    from astropy import units as u
    from mocpy import MOC

    moc: Coverage = from_mocpy(MOC.from_cone(10 * u.deg, 10 * u.deg, radius=0.02 * u.deg, max_depth=16))
    mine = Positions(np.full(50, 10.0), np.full(50, 10.0), np.ones(50, bool))
    near, far = (shifted(mine, radius, most=1000, coverage=moc) for radius in (1.0, 10.0))
    assert len(near) == 200
    assert contains(moc, near.positions.ra, near.positions.dec).all()
    assert len(far) == 0
    assert "not measured" in measured(far, 0).told()


def test_rate_is_that_of_a_random_sky() -> None:
    """40,000 sources in 4 square degrees, 3 arcsec: the share of the area within a radius of one."""
    rng = np.random.default_rng(11)
    density = 10_000 / 3600**2  # a square arcsec
    ra, dec = rng.uniform(100, 102, 40_000), rng.uniform(-1, 1, 40_000)
    true = rng.choice(40_000, 2000, replace=False)
    mine = Positions(
        np.r_[ra[true], rng.uniform(100.1, 101.9, 3000)], np.r_[dec[true], rng.uniform(-0.9, 0.9, 3000)],
        np.ones(5000, bool),
    )  # fmt: skip
    there = shifted(mine, 3.0, most=20_000)
    first, _, _ = within(there.positions.ra, there.positions.dec, ra, dec, 3.0)
    chance = measured(there, len(np.unique(first)))
    expected = 1 - np.exp(-np.pi * 9 * density)
    assert chance.rate == pytest.approx(expected, abs=4 * chance.error)
    matched = len(np.unique(within(mine.ra, mine.dec, ra, dec, 3.0)[0]))
    # Of the 3000 without a partner so many are matched by chance.
    assert chance.expected(5000 - matched) == pytest.approx(3000 * expected, rel=0.15)
    assert f"{len(there)} positions" in chance.how


def test_rate_has_an_error_even_without_matches() -> None:
    none = Chance(100, 0)
    assert none.rate == 0
    assert 0.003 < none.error < 0.02
    assert Chance(10, 10).expected(0) != Chance(10, 5).expected(1)
    assert Chance(failed="the archive is down").told() == "not measured: the archive is down"


# Separations


@given(st.lists(st.floats(0, 1.5), max_size=50))
def test_every_match_is_in_one_bin(values: list[float]) -> None:
    found = Separations.of(np.array(values), 1.5)
    assert found.counts.sum() == len(values)
    assert found.by_chance.sum() == pytest.approx(1)
    assert len(found.lines()) == 10
    if values:
        assert found.median == pytest.approx(np.median(values))


def test_histogram_in_words() -> None:
    found = Separations.of(np.array([0.1, 0.2, 1.9, 2.0 + 1e-9, np.nan]), 2, bins=2)
    assert found.told() == "0-1: 2, 1-2: 2"
    assert found.lines()[0].count("#") == 40
