"""Values of parameters on the command line, and `queries check`, on a genuine DaCHS with stand-ins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from astropy.table import Table
from typer.testing import CliRunner

from tests.servers.dachs import Dachs
from tests.servers.standin_answers import expected_rows, position_of
from tests.servers.standin_tables import ROWS, sky
from tests.servers.standins import local_name
from vo_photoz.cli.main import app
from vo_photoz.tap.queries import load_query, shipped_folder
from vo_photoz.tap.queries.adql import table_names

pytestmark = pytest.mark.servers


def local_file(name: str, folder: Path) -> Path:
    """A shipped query for the stand-ins, as a user would write it."""
    text = (shipped_folder() / f"{name}.adql").read_text()
    for table in table_names(load_query(name).adql):
        if not table.startswith("TAP_UPLOAD"):
            text = text.replace(table, local_name(table.strip('"')))
    (folder / f"{name}.adql").write_text(text)
    return folder / f"{name}.adql"


def test_values_on_the_command_line(archive: Dachs, tmp_path: Path) -> None:
    table, out = tmp_path / "mine.csv", tmp_path / "out.fits"
    ra, dec = sky(ROWS)
    Table({"ra": ra, "dec": dec}).write(table)
    query = local_file("gaia-stars", tmp_path)
    counts = []
    for snr in ("0", "5", "11.5"):
        asked = ["crossmatch", str(table), "-o", str(out), "--with", f"{query}:snr={snr}"]
        done = CliRunner().invoke(app, [*asked, "--service", archive.url, "--no-chance"])
        assert done.exit_code == 0, done.output
        counts.append(int((Table.read(out)["gaia_stars_nmatch"] > 0).sum()))
    assert counts[0] > counts[1] > counts[2] > 0
    done = CliRunner().invoke(app, [*asked[:-1], f"{query}:snr=5; DROP TABLE x", "--service", archive.url])
    assert done.exit_code == 2
    assert "snr" in done.stderr


@pytest.mark.parametrize("name", ["dr16q", "cfhtls-point-sources", "desi-edr"])
def test_check_asks_the_archive(archive: Dachs, tmp_path: Path, name: str) -> None:
    query = local_file(name, tmp_path)
    ra, dec = position_of(load_query(name), expected_rows(load_query(name))[0])
    asked = ["queries", "check", str(query), "--service", archive.url, "--position", f"{ra} {dec}"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output + done.stderr
    assert "as they should be" in done.output
    assert int(re.search(r"with (\d+) rows", done.output)[1]) > 0


def test_check_tells_what_the_archive_has_otherwise(archive: Dachs, tmp_path: Path) -> None:
    query = local_file("dr16q", tmp_path)
    good = query.read_text()
    for old, new, told in (
        ("ra [deg]", "ra [rad]", "ra is in deg there; the header says rad"),
        ("db.r_z AS", "db.nonsuch AS", "nonsuch"),
        ("dr16q AS db", "dr99q AS db", "dr99q"),
    ):
        query.write_text(good.replace(old, new))
        done = CliRunner().invoke(app, ["queries", "check", str(query), "--service", archive.url])
        assert done.exit_code != 0
        assert told in done.stderr


def test_an_archive_may_know_more_than_the_grammar(archive: Dachs, tmp_path: Path) -> None:
    query = local_file("dr16q", tmp_path)
    query.write_text(query.read_text().replace("db.r_z AS", "COALESCE(db.r_z, 'none') AS"))
    text = query.read_text()
    query.write_text("\n".join(line for line in text.splitlines() if not line.startswith("-- vizier")))
    asked = ["queries", "check", str(query)]
    alone = CliRunner().invoke(app, asked)
    assert alone.exit_code == 2
    assert "COALESCE" in alone.stderr
    done = CliRunner().invoke(app, [*asked, "--service", archive.url])
    assert done.exit_code == 0, done.stderr
