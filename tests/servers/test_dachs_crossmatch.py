"""Crossmatches on a genuine DaCHS against astropy's answer, pair by pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.io.votable import parse
from astropy.io.votable.dataorigin import extract_data_origin

from tests.servers.archive_query import CONES, TEXT, archive_query, sources
from tests.servers.dachs import Dachs
from tests.servers.spectra import Spectra
from vo_photoz.flow import Match, Positions
from vo_photoz.tap.crossmatch import crossmatch, find_pairs
from vo_photoz.tap.queries import load_query

pytestmark = pytest.mark.servers
RADIUS = 1.5


def by_name(match: Match) -> dict[str, np.ndarray]:
    return {column.name: column.values for column in match.columns}


def assert_is_astropys(match: Match, positions: Positions, table: Spectra) -> None:
    """Best partner, its separation and the number of partners of every row."""
    ours = SkyCoord(positions.ra, positions.dec, unit="deg")
    theirs = SkyCoord(table.ra, table.dec, unit="deg")
    first, second, separation, _ = search_around_sky(ours, theirs, RADIUS * u.arcsec)
    values = by_name(match)
    count = np.bincount(first, minlength=len(positions))
    assert count.max() > 1, "the sample has no crowded source"
    np.testing.assert_array_equal(values["spectra_nmatch"], count)
    order = np.lexsort((separation.arcsec, first))
    rows, at = np.unique(first[order], return_index=True)
    best = second[order][at]
    found = ~np.ma.getmaskarray(values["spectra_specobjid"])
    np.testing.assert_array_equal(np.flatnonzero(found), rows)
    np.testing.assert_array_equal(values["spectra_specobjid"][rows], table.specobjid[best])
    np.testing.assert_allclose(values["spectra_separation"][rows], separation.arcsec[order][at], atol=1e-7)


def test_ten_thousand_rows_as_a_job(dachs: Dachs, catalogue: Spectra) -> None:
    positions = sources(catalogue, 10_000)
    match = crossmatch(positions, archive_query(), radius_arcsec=RADIUS, service=dachs.url, seconds=120)
    assert_is_astropys(match, positions, catalogue)
    values = by_name(match)
    rows = np.flatnonzero(~np.ma.getmaskarray(values["spectra_specobjid"]))
    known = catalogue.z[values["spectra_specobjid"][rows] - 10**15]
    np.testing.assert_array_equal(np.ma.getmaskarray(values["spectra_z_spec"])[rows], np.isnan(known))
    np.testing.assert_array_equal(np.ma.filled(values["spectra_z_spec"][rows], np.nan), known)


def test_one_thousand_rows_in_one_request(dachs: Dachs, catalogue: Spectra) -> None:
    positions = sources(catalogue, 1_000, seed=2)
    match = crossmatch(positions, archive_query(), radius_arcsec=RADIUS, service=dachs.url, seconds=60)
    assert_is_astropys(match, positions, catalogue)


def test_chunks_give_the_same_answer(dachs: Dachs, catalogue: Spectra) -> None:
    positions = sources(catalogue, 900, seed=3)
    steps: list[int] = []
    match = crossmatch(
        positions,
        archive_query(),
        radius_arcsec=RADIUS,
        service=dachs.url,
        seconds=60,
        chunk_rows=200,
        progress=lambda step, done, total: steps.append(done),
    )
    assert_is_astropys(match, positions, catalogue)
    assert len(steps) == 5
    assert steps == sorted(steps)
    assert steps[-1] == 900


def test_cones_where_a_service_takes_no_upload(dachs: Dachs, catalogue: Spectra) -> None:
    positions = sources(catalogue, 120, seed=4)
    match = crossmatch(positions, archive_query(CONES), radius_arcsec=RADIUS, service=dachs.url, seconds=60)
    assert_is_astropys(match, positions, catalogue)


def test_metadata_of_the_archive_comes_along(dachs: Dachs, catalogue: Spectra) -> None:
    match = crossmatch(
        sources(catalogue, 100), archive_query(), radius_arcsec=RADIUS, service=dachs.url, seconds=60
    )
    told = {column.name: (column.unit, column.ucd, column.description) for column in match.columns}
    assert told["spectra_ra"] == ("deg", "pos.eq", "Right ascension, ICRS")
    assert told["spectra_z_spec"][1:] == ("src.redshift", "Spectroscopic redshift")
    assert told["spectra_separation"][0] == "arcsec"
    assert {column.values.dtype.kind for column in match.columns if column.name == "spectra_class"} == {"U"}
    assert match.infos["service"] == dachs.url
    assert match.infos["sent"] == "100"


def test_rows_without_a_position_stay_and_are_not_sent(dachs: Dachs, catalogue: Spectra) -> None:
    good = sources(catalogue, 200, seed=5)
    ra, dec, valid = good.ra.copy(), good.dec.copy(), good.valid.copy()
    ra[[3, 50]], dec[[3, 50]], valid[[3, 50]] = np.nan, np.nan, False
    match = crossmatch(
        Positions(ra, dec, valid), archive_query(), radius_arcsec=RADIUS, service=dachs.url, seconds=60
    )
    values = by_name(match)
    assert match.infos["sent"] == "198"
    assert len(values["spectra_z_spec"]) == 200
    assert np.ma.getmaskarray(values["spectra_ra"])[[3, 50]].all()
    assert (values["spectra_nmatch"][[3, 50]] == 0).all()


def test_radius_is_exact_where_the_archive_rounds(dachs: Dachs, catalogue: Spectra) -> None:
    ra, dec = catalogue.ra[3330], catalogue.dec[3330]
    distances = np.array([1.4999, 1.49999, 1.50001, 1.50005, 1.5001])
    around = Positions(np.full(5, ra), dec - distances / 3600, np.ones(5, dtype=bool))
    match = crossmatch(around, archive_query(), radius_arcsec=RADIUS, service=dachs.url, seconds=60)
    ours, theirs = (SkyCoord(p.ra, p.dec, unit="deg") for p in (around, catalogue))
    first = search_around_sky(ours, theirs, RADIUS * u.arcsec)[0]
    np.testing.assert_array_equal(by_name(match)["spectra_nmatch"], np.bincount(first, minlength=5))


def test_no_partner_at_all(dachs: Dachs) -> None:
    nowhere = Positions(np.array([11.1]), np.array([44.4]), np.array([True]))
    pairs, infos = find_pairs(nowhere, archive_query(), radius_arcsec=0.01, service=dachs.url, seconds=60)
    assert len(pairs) == 0
    assert infos["matched"] == "0"
    assert [column.name for column in pairs.columns] == list(archive_query().returns)


def test_command_joins_and_tells_the_origin(dachs: Dachs, catalogue: Spectra, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from vo_photoz.cli.main import app

    positions = sources(catalogue, 300, seed=6)
    table, query, out = tmp_path / "mine.csv", tmp_path / "spectra.adql", tmp_path / "out.vot"
    lines = [
        f"s{i},{ra!r},{dec!r}"
        for i, (ra, dec) in enumerate(zip(positions.ra.tolist(), positions.dec.tolist(), strict=True))
    ]
    table.write_text("name,ra,dec\n" + "\n".join(lines) + "\n")
    query.write_text(TEXT)
    asked = ["crossmatch", str(table), "-o", str(out), "--with", str(query), "--service", dachs.url]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    tree = parse(out)
    rows = tree.get_first_table().to_table()
    assert list(rows["name"]) == [f"s{i}" for i in range(300)]
    assert_is_astropys(
        Match("spectra", [_column(rows, name) for name in rows.colnames if name.startswith("spectra_")]),
        positions,
        catalogue,
    )
    origin = extract_data_origin(tree)
    assert "vo_photoz_tests.spectra" in str(origin.query.query)
    assert origin.query.request_date.startswith("20")
    told = {info.name: info.value for info in tree.resources[0].infos}
    assert dachs.url in told["vo_photoz.query_result"]
    assert len(told["vo_photoz.input_sha256"]) == 64

    pairs = tmp_path / "pairs.vot"
    done = CliRunner().invoke(app, [*asked[:3], str(pairs), *asked[4:], "--matches", "all"])
    assert done.exit_code == 0, done.output
    every = parse(pairs).get_first_table().to_table()
    count = np.bincount(every["row"], minlength=300)
    np.testing.assert_array_equal(count, rows["spectra_nmatch"])


def _column(rows, name):  # type: ignore[no-untyped-def]
    from vo_photoz.flow import NewColumn

    return NewColumn(name, np.ma.asarray(rows[name]))


def test_check_command_names_the_columns(dachs: Dachs, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from vo_photoz.cli.main import app

    query = tmp_path / "spectra.adql"
    query.write_text(TEXT)
    done = CliRunner().invoke(app, ["queries", "check", str(query), "--service", dachs.url])
    assert done.exit_code == 0, done.output
    assert "spectra_z_spec" in done.output
    assert load_query(query).name == "spectra"
