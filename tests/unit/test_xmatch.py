"""CDS X-Match, played on this machine: pairs against astropy, limits, faults, one job at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.table import MaskedColumn, Table

from tests.servers.cds import Cds, serving
from tests.servers.fault_proxy import fault_proxy
from vo_photoz.errors import DeadlineExceeded, ProtocolError, ServiceError, Truncated, UsageError
from vo_photoz.flow import Positions
from vo_photoz.http.exchange import exchange
from vo_photoz.sky.chunks import sorted_rows
from vo_photoz.tap.services.answer import Answer, read_answer
from vo_photoz.tap.vizier import Condition, VizierTable
from vo_photoz.tap.xmatch import _Request, find_pairs, positions_csv

TABLE = VizierTable("V/154/sdss16", {"ra": "RA_ICRS", "dec": "DE_ICRS", "z_spec": "zsp", "name": "SDSS16"})
ROWS = 1800


@pytest.fixture(scope="module")
def catalogue() -> Table:
    """Around 0 h, both poles and a crowded field."""
    rng = np.random.default_rng(7)
    third = ROWS // 3
    ra = np.r_[rng.normal(0, 0.01, third) % 360, rng.uniform(0, 360, third), rng.normal(150, 0.01, third)]
    dec = np.r_[
        rng.normal(0, 0.01, third), 90 - 0.01 * np.sqrt(rng.random(third)), rng.normal(2, 0.01, third)
    ]
    z = MaskedColumn(rng.gamma(3, 0.3, ROWS), mask=rng.random(ROWS) < 0.1)
    names = [f"J{i:06d}" for i in range(ROWS)]
    return Table({"SDSS16": names, "RA_ICRS": ra, "DE_ICRS": dec, "zsp": z, "mode": rng.integers(1, 3, ROWS)})


@pytest.fixture
def cds(catalogue: Table) -> Iterator[Cds]:
    with serving(Cds({"V/154/sdss16": (catalogue, "RA_ICRS", "DE_ICRS")})) as server:
        yield server


@pytest.fixture
def sources(catalogue: Table) -> Positions:
    rng = np.random.default_rng(8)
    ra = np.asarray(catalogue["RA_ICRS"])[::3] + rng.normal(0, 1, ROWS // 3) / 3600
    dec = np.clip(np.asarray(catalogue["DE_ICRS"])[::3] + rng.normal(0, 1, ROWS // 3) / 3600, -90, 90)
    ra[5], dec[5] = np.nan, np.nan
    return Positions(ra, dec, np.isfinite(ra), "generated")


def astropys(sources: Positions, catalogue: Table, radius: float) -> set[tuple[int, str]]:
    rows = np.flatnonzero(sources.valid)
    first, second, _, _ = search_around_sky(
        SkyCoord(sources.ra[rows], sources.dec[rows], unit="deg"),
        SkyCoord(catalogue["RA_ICRS"], catalogue["DE_ICRS"], unit="deg"),
        radius * u.arcsec,
    )
    names = np.asarray(catalogue["SDSS16"])
    return set(zip(rows[first].tolist(), names[second].tolist(), strict=True))


def named(pairs) -> set[tuple[int, str]]:  # type: ignore[no-untyped-def]
    names = next(column.values for column in pairs.columns if column.name == "name")
    return set(zip(pairs.rows.tolist(), [str(name) for name in names], strict=True))


@pytest.mark.parametrize("chunk_rows", [50_000, 170])
def test_pairs_are_astropys(cds: Cds, sources: Positions, catalogue: Table, chunk_rows: int) -> None:
    pairs, infos = find_pairs(sources, TABLE, "q", radius_arcsec=5, service=cds.xmatch, chunk_rows=chunk_rows)
    wanted = astropys(sources, catalogue, 5)
    assert len(wanted) > 900
    assert named(pairs) == wanted
    assert len(pairs) == len(wanted)
    assert [column.name for column in pairs.columns] == ["ra", "dec", "z_spec", "name"]
    assert infos["route"] == "CDS X-Match"
    z = pairs.columns[2].values
    assert 0.02 < np.ma.getmaskarray(z).mean() < 0.2, "nulls stay nulls"


def test_only_row_and_position_travel(cds: Cds, sources: Positions) -> None:
    find_pairs(sources, TABLE, "q", radius_arcsec=1, service=cds.xmatch)
    sent = Table.read(cds.uploads[0].decode(), format="ascii.csv")
    assert sent.colnames == ["vo_photoz_row", "vo_photoz_ra", "vo_photoz_dec"]
    assert len(sent) == sources.valid.sum()
    assert cds.asked[0]["cols1"] == "vo_photoz_row"
    assert int(cds.asked[0]["MAXREC"]) <= 2_000_000
    np.testing.assert_array_equal(sent["vo_photoz_dec"], sources.dec[sent["vo_photoz_row"]])


def test_all_columns_and_conditions(cds: Cds, sources: Positions, catalogue: Table) -> None:
    whole, _ = find_pairs(sources, VizierTable("V/154/sdss16", {}), "q", radius_arcsec=2, service=cds.xmatch)
    assert [column.name for column in whole.columns] == catalogue.colnames
    where = (Condition("mode", "=", "1"), Condition("zsp", "not null"))
    some, _ = find_pairs(
        sources, VizierTable(TABLE.name, TABLE.columns, where), "q", radius_arcsec=2, service=cds.xmatch
    )
    by_name = {column.name: column.values for column in whole.columns}
    assert len(some) == ((by_name["mode"] == 1) & ~np.ma.getmaskarray(by_name["zsp"])).sum()
    assert [column.name for column in some.columns] == ["ra", "dec", "z_spec", "name"]


@pytest.mark.parametrize("limit", [500, 100])
def test_truncation_is_met_with_smaller_requests(
    cds: Cds, sources: Positions, catalogue: Table, limit: int
) -> None:
    cds.hard_limit = limit
    pairs, _ = find_pairs(sources, TABLE, "q", radius_arcsec=5, service=cds.xmatch)
    assert named(pairs) == astropys(sources, catalogue, 5)


def test_truncation_that_cannot_be_mended_is_an_error(cds: Cds, sources: Positions) -> None:
    cds.hard_limit = 5
    with pytest.raises(Truncated, match="there are more"):
        find_pairs(sources, TABLE, "q", radius_arcsec=60, service=cds.xmatch)


def test_upload_that_is_too_large_goes_in_parts(cds: Cds, sources: Positions, catalogue: Table) -> None:
    cds.most_upload = 10_000
    pairs, _ = find_pairs(sources, TABLE, "q", radius_arcsec=5, service=cds.xmatch)
    assert named(pairs) == astropys(sources, catalogue, 5)


def test_one_job_at_a_time(cds: Cds, sources: Positions) -> None:
    cds.seconds = 0.2
    found: list[int] = []

    def ask() -> None:
        found.append(len(find_pairs(sources, TABLE, "q", radius_arcsec=1, service=cds.xmatch)[0]))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert cds.most_at_once == 1


def test_pairs_survive_faults(cds: Cds, sources: Positions, catalogue: Table) -> None:
    faults = {1: "503 0", 2: "drop", 4: "cut", 5: "502"}
    with fault_proxy(cds.xmatch, lambda method, path, n: faults.get(n, "")) as (url, plan):
        pairs, _ = find_pairs(sources, TABLE, "q", radius_arcsec=5, service=url, chunk_rows=400)
    assert named(pairs) == astropys(sources, catalogue, 5)
    assert len(plan.asked) > 5


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("403", ServiceError, "several jobs"),
        ("html", ProtocolError, "HTML"),
        ("halfdocument", ProtocolError, "ends in the middle"),
        ("garbage", ProtocolError, "instead of a VOTable"),
        ("stall", DeadlineExceeded, "not finished"),
    ],
)
def test_faults_are_told(cds: Cds, sources: Positions, fault: str, kind: type, words: str) -> None:
    with fault_proxy(cds.xmatch, lambda *_: fault) as (url, _), pytest.raises(kind, match=words):
        find_pairs(sources, TABLE, "q", radius_arcsec=1, service=url, seconds=2)


def test_error_of_the_service_is_told_in_its_words(cds: Cds, sources: Positions) -> None:
    with pytest.raises(ServiceError, match="Table not found"):
        find_pairs(sources, VizierTable("J/A+A/1/1/t", {}), "q", radius_arcsec=1, service=cds.xmatch)
    wrong = VizierTable("V/154/sdss16", {"z": "nonsuch"})
    with pytest.raises(ServiceError, match="nonsuch"):
        find_pairs(sources, wrong, "q", radius_arcsec=1, service=cds.xmatch)


@pytest.mark.parametrize("radius", [0, -1, 181, float("nan")])
def test_radius_that_x_match_does_not_take(sources: Positions, radius: float) -> None:
    with pytest.raises(UsageError, match="180"):
        find_pairs(sources, TABLE, "q", radius_arcsec=radius, service="http://127.0.0.1:9")


def test_nothing_to_send(cds: Cds) -> None:
    none = Positions(np.array([np.nan]), np.array([np.nan]), np.array([False]))
    pairs, _ = find_pairs(none, TABLE, "q", radius_arcsec=1, service=cds.xmatch)
    assert len(pairs) == 0
    assert not cds.asked


def test_rows_that_were_not_sent_are_refused(cds: Cds, sources: Positions) -> None:
    """The answer to another upload: rows from 1000 on."""
    moved = Positions(
        np.r_[np.full(1000, np.nan), sources.ra], np.r_[np.full(1000, np.nan), sources.dec],
        np.r_[np.zeros(1000, bool), sources.valid],
    )  # fmt: skip
    request = _Request(moved, TABLE, 5.0, {}, cds.xmatch, float("inf"))
    others = positions_csv(sorted_rows(moved), *(x[sorted_rows(moved)] for x in (moved.ra, moved.dec)))
    assert len(request.ask(sorted_rows(moved))) > 0
    with pytest.raises(ProtocolError, match="not sent"):
        request._pairs(_answer(cds, others), sorted_rows(sources))


def _answer(cds: Cds, upload: bytes) -> Answer:
    form = {
        "REQUEST": "xmatch", "RESPONSEFORMAT": "votable", "distMaxArcsec": "5", "cat2": TABLE.address,
        "colRA1": "vo_photoz_ra", "colDec1": "vo_photoz_dec", "cols1": "vo_photoz_row",
    }  # fmt: skip
    files = {"cat1": ("a.csv", upload, "text/csv")}
    reply = exchange("POST", cds.xmatch, seconds=30, data=form, files=files)
    return read_answer(reply.body, reply.url, 0)
