"""All that a genuine DaCHS has inside a coverage map, by every route, against mocpy's own filter."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from mocpy import MOC
from typer.testing import CliRunner

from tests.servers.dachs import Dachs
from tests.servers.spectra import Spectra
from vo_photoz.cli.main import app
from vo_photoz.errors import ServiceError
from vo_photoz.flow import Coverage
from vo_photoz.hips.moc_files import write_moc
from vo_photoz.sky.moc import from_mocpy, to_mocpy
from vo_photoz.tables.read import read_table
from vo_photoz.tap import footprint
from vo_photoz.tap.footprint import CIRCLES, RANGES, Inside, Route, rows_inside
from vo_photoz.tap.footprint import MOC as BY_MOC
from vo_photoz.tap.queries.text import parse_query
from vo_photoz.tap.services.capabilities import Limits, read_limits

pytestmark = pytest.mark.servers

LIST = """\
-- title: Sources of a part of the sky
-- service: http://127.0.0.1:9/tap
-- upload: no
-- parameters: z_min = 0.0
-- returns: ra, dec, specobjid, z_spec
SELECT db.ra, db.dec, db.specobjid, db.z AS z_spec FROM vo_photoz_tests.spectra AS db
WHERE {inside(db.ra, db.dec)} AND db.z >= {z_min}
"""


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    """A field at 0 h, one over the pole and a band in the south."""
    cones = [(359.0, 1.0, 4.0), (80.0, 89.0, 2.0), (200.0, -89.8, 1.0), (150.0, -40.0, 6.0)]
    parts = [
        MOC.from_cone(ra * u.deg, dec * u.deg, radius=radius * u.deg, max_depth=6)
        for ra, dec, radius in cones
    ]
    return from_mocpy(parts[0].union(*parts[1:]), "four fields")


def wanted(table: Spectra, coverage: Coverage, z_min: float = 0.0) -> np.ndarray:
    covered = to_mocpy(coverage).contains_lonlat(table.ra * u.deg, table.dec * u.deg)
    with np.errstate(invalid="ignore"):
        return np.sort(table.specobjid[covered & (table.z >= z_min)])


def ids(found: Inside) -> np.ndarray:
    return np.sort(np.asarray({c.name: c.values for c in found.columns}["specobjid"]))


def test_dachs_says_that_it_takes_maps(dachs: Dachs) -> None:
    import time

    limits = read_limits(dachs.url, time.monotonic() + 30)
    assert limits.moc
    assert limits.has("CONTAINS")


@pytest.mark.parametrize(
    ("route", "limits"),
    [
        (BY_MOC, None),
        (CIRCLES, Limits(known=True, geometry=frozenset({"POINT", "CIRCLE", "CONTAINS"}))),
        (RANGES, Limits(known=True)),
    ],
)
def test_rows_are_those_of_mocpy(
    dachs: Dachs,
    catalogue: Spectra,
    coverage: Coverage,
    route: Route,
    limits: Limits | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if limits is not None:
        monkeypatch.setattr(footprint, "read_limits", lambda *_: limits)
    found = rows_inside(parse_query(LIST, "spectra"), coverage, service=dachs.url, seconds=120)
    expected = wanted(catalogue, coverage)
    assert len(expected) > 3000
    np.testing.assert_array_equal(ids(found), expected)
    assert found.infos["route"] == route.name
    if route is BY_MOC:
        assert int(found.infos["received"]) <= 1.02 * len(expected)


def test_answers_that_are_cut_are_asked_again_in_pieces(
    dachs: Dachs, catalogue: Spectra, coverage: Coverage
) -> None:
    found = rows_inside(
        parse_query(LIST, "spectra"),
        coverage,
        service=dachs.url,
        maxrec=2500,
        parameters={"z_min": 0.5},
        seconds=120,
    )
    np.testing.assert_array_equal(ids(found), wanted(catalogue, coverage, 0.5))
    assert int(found.infos["queries"]) > 1


def test_error_of_the_archive_is_told(dachs: Dachs, coverage: Coverage) -> None:
    wrong = re.sub(r"vo_photoz_tests\.spectra", "vo_photoz_tests.nonsuch", LIST)
    with pytest.raises(ServiceError, match="nonsuch"):
        rows_inside(parse_query(wrong, "q"), coverage, service=dachs.url, seconds=60)


def test_select_writes_a_table_and_tells_the_route(
    dachs: Dachs, catalogue: Spectra, coverage: Coverage, tmp_path: Path
) -> None:
    write_moc(coverage, tmp_path / "moc.fits")
    (tmp_path / "spectra.adql").write_text(LIST)
    ask = [
        "select", str(tmp_path / "spectra.adql") + ":z_min=1.5", "--coverage", str(tmp_path / "moc.fits"),
        "-o", str(tmp_path / "out.vot"), "--service", dachs.url,
    ]  # fmt: skip
    done = CliRunner().invoke(app, ask)
    assert done.exit_code == 0, done.output
    expected = wanted(catalogue, coverage, 1.5)
    written = read_table(tmp_path / "out.vot")
    np.testing.assert_array_equal(np.sort(written.values("specobjid")), expected)
    assert "MOC in ADQL" in done.output
    assert f"{len(expected)} inside" in done.output
    assert "MOC in ADQL" in written.infos["vo_photoz.query_result"]
    ask = ["crossmatch", str(tmp_path / "out.vot"), "-o", "x.vot", "--with", str(tmp_path / "spectra.adql")]
    near = CliRunner().invoke(app, ask)
    assert near.exit_code == 2
    assert "vo-photoz select" in near.output
