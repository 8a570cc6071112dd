"""The whole chain of a crossmatch on DaCHS: best, all and best-symmetric against astropy; routes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.table import Table
from typer.testing import CliRunner

from tests.servers import cds
from tests.servers.archive_query import CONES, TEXT, sources
from tests.servers.dachs import Dachs
from tests.servers.spectra import Spectra
from vo_photoz import settings
from vo_photoz.cli.main import app
from vo_photoz.flow import Positions
from vo_photoz.pipeline.crossmatch.chain import crossmatch
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable

pytestmark = pytest.mark.servers
RADIUS = 2.0
ROWS = 2000


@pytest.fixture(scope="module")
def positions(catalogue: Spectra) -> Positions:
    """Poles, 0 h and companions among them; every fifth source twice, a little apart."""
    some = sources(catalogue, ROWS)
    dec = some.dec.copy()
    ra = some.ra.copy()
    ra[1::5], dec[1::5] = ra[::5], np.clip(dec[::5] + 0.2 / 3600, -90, 90)
    return Positions(ra, dec, some.valid)


@pytest.fixture
def table(positions: Positions, tmp_path: Path) -> Path:
    rows = Table({"name": np.arange(ROWS) + 7, "ra": positions.ra, "dec": positions.dec})
    rows.write(tmp_path / "mine.fits")
    return tmp_path / "mine.fits"


@pytest.fixture
def query(tmp_path: Path) -> Path:
    (tmp_path / "spectra.adql").write_text(TEXT)
    return tmp_path / "spectra.adql"


@pytest.fixture(scope="module")
def astropys(positions: Positions, catalogue: Spectra) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first, second, separation, _ = search_around_sky(
        SkyCoord(positions.ra, positions.dec, unit="deg"),
        SkyCoord(catalogue.ra, catalogue.dec, unit="deg"),
        RADIUS * u.arcsec,
    )
    order = np.lexsort((separation.arcsec, first))
    return first[order], second[order], separation.arcsec[order]


def test_all_pairs(dachs: Dachs, catalogue: Spectra, table: Path, query: Path, astropys) -> None:  # type: ignore[no-untyped-def]
    first, second, _ = astropys
    result = crossmatch(
        table, table.with_name("o.vot"), with_=[query], radius_arcsec=RADIUS, matches="all", service=dachs.url
    )
    written = read_table(result.path)
    got = set(zip(written.values("row").tolist(), written.values("specobjid").tolist(), strict=True))
    assert got == set(zip(first.tolist(), catalogue.specobjid[second].tolist(), strict=True))
    assert written.n_rows == len(first)
    assert (np.diff(written.values("row")) >= 0).all()
    ledger = result.reports[0].ledger
    assert ledger.matched == len(np.unique(first)) == ROWS - ledger.unmatched
    assert result.reports[0].infos["route"] == "TAP, positions uploaded"


def test_best_and_best_for_both(dachs: Dachs, catalogue: Spectra, table: Path, query: Path, astropys) -> None:  # type: ignore[no-untyped-def]
    first, second, separation = astropys
    best_of_row, best_of_partner = {}, {}
    for element in np.argsort(separation, kind="stable").tolist():
        best_of_row.setdefault(int(first[element]), element)
        best_of_partner.setdefault(int(second[element]), element)
    wanted = {
        "best": {row: int(catalogue.specobjid[second[e]]) for row, e in best_of_row.items()},
        "best-symmetric": {
            row: int(catalogue.specobjid[second[e]])
            for row, e in best_of_row.items()
            if best_of_partner[int(second[e])] == e
        },
    }
    assert len(wanted["best-symmetric"]) < len(wanted["best"]) - 100
    for kind, expected in wanted.items():
        result = crossmatch(
            table,
            table.with_name(f"{kind}.vot"),
            with_=[query],
            radius_arcsec=RADIUS,
            matches=kind,  # type: ignore[arg-type]
            service=dachs.url,
        )
        written = read_table(result.path)
        assert dict(matched(written, "spectra_specobjid")) == expected
        np.testing.assert_array_equal(
            written.values("spectra_nmatch"), np.bincount(first, minlength=ROWS), "partners are counted"
        )
        ledger = result.reports[0].ledger
        assert (ledger.matched, ledger.sent) == (len(expected), ROWS)
        assert ledger.taken == len(wanted["best"]) - len(expected)
        # A random sky with 200,000 sources: 1e-5 of it lies within the radius; the poles and 0 h are crowded.
        chance = result.reports[0].chance
        assert chance.tried == 1000
        assert 0 <= chance.rate < 0.05


def matched(table: UserTable, name: str) -> list[tuple[int, int]]:
    values = np.ma.asarray(table.values(name))
    rows = np.flatnonzero(~np.ma.getmaskarray(values))
    return list(zip(rows.tolist(), np.ma.getdata(values)[rows].tolist(), strict=True))


@pytest.fixture
def strasbourg(catalogue: Spectra, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """CDS with the same rows, under other names of the columns."""
    z = np.ma.MaskedArray(catalogue.z, mask=~np.isfinite(catalogue.z))
    columns = {"Spec": catalogue.specobjid, "RA_ICRS": catalogue.ra, "DE_ICRS": catalogue.dec, "zsp": z}
    with cds.serving(cds.Cds({"V/154/sdss16": (Table(columns), "RA_ICRS", "DE_ICRS")})) as server:
        monkeypatch.setenv("VO_PHOTOZ_XMATCH_SERVICE", server.xmatch)
        settings.defaults.cache_clear()
        yield server


VIZIER = """\
-- vizier: V/154/sdss16
-- vizier_columns: ra = RA_ICRS, dec = DE_ICRS, specobjid = Spec
-- vizier_where: zsp IS NOT NULL
"""


def test_service_without_uploads_is_answered_by_xmatch(
    catalogue: Spectra, table: Path, tmp_path: Path, strasbourg: cds.Cds, astropys
) -> None:  # type: ignore[no-untyped-def]
    first, second, _ = astropys
    (tmp_path / "spectra.adql").write_text(CONES.replace("SELECT", VIZIER + "SELECT", 1))
    out = tmp_path / "o.vot"
    done = CliRunner().invoke(
        app,
        ["crossmatch", str(table), "-o", str(out), "--with", str(tmp_path / "spectra.adql"), "--radius", "2",
         "--matches", "all"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "CDS X-Match" in done.output
    known = np.isfinite(catalogue.z[second])
    written = read_table(out)
    got = set(zip(written.values("row").tolist(), written.values("specobjid").tolist(), strict=True))
    assert got == set(zip(first[known].tolist(), catalogue.specobjid[second[known]].tolist(), strict=True))
    assert "route = CDS X-Match" in written.infos["vo_photoz.query_result"]
    assert [ask["cat2"] for ask in strasbourg.asked] == ["vizier:V/154/sdss16"] * 2, "pairs, then chance"


def test_xmatch_when_it_is_wanted(
    dachs: Dachs, table: Path, tmp_path: Path, query: Path, strasbourg: cds.Cds
) -> None:
    (tmp_path / "named.adql").write_text(
        TEXT.replace("ra, dec, specobjid, z_spec, z_err, class", "ra, dec, specobjid").replace(
            "SELECT", VIZIER + "SELECT", 1
        )
    )
    whole = crossmatch(table, tmp_path / "w.vot", with_=["vizier:V/154/sdss16"], radius_arcsec=RADIUS)
    assert read_table(whole.path).values("sdss16_nmatch").max() > 1
    asked = len(strasbourg.asked)
    named = crossmatch(
        table, tmp_path / "n.vot", with_=[tmp_path / "named.adql"], radius_arcsec=RADIUS, service="xmatch"
    )
    by_tap = crossmatch(
        table, tmp_path / "t.vot", with_=[tmp_path / "named.adql"], radius_arcsec=RADIUS, service=dachs.url
    )
    assert len(strasbourg.asked) == asked + 2
    assert named.reports[0].infos["route"] == "CDS X-Match"
    assert by_tap.reports[0].infos["route"] == "TAP, positions uploaded"
    refused = CliRunner().invoke(
        app, ["crossmatch", str(table), "-o", "x.vot", "--with", str(query), "--service", "xmatch"]
    )
    assert refused.exit_code == 2
    assert "-- vizier: TABLE" in refused.output
