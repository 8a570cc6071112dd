"""Every shipped query on a genuine DaCHS, against the rows it should find, pair by pair and value by value.

DaCHS cannot have tables named "VII/289/dr16q", `basic` or `gaiadr3.gaia_source` in one schema of ours: tables
of the same columns stand in, and `standins.mapped` changes the name after FROM and JOIN. Nothing else of a
query differs.
"""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import pyvo
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from mocpy import MOC

from tests.servers import dachs as server
from tests.servers.dachs import Dachs
from tests.servers.standin_answers import expected, expected_rows, plain, position_of, selected, types
from tests.servers.standin_tables import ROWS, sky
from tests.servers.standins import SCHEMA, local_name, mapped
from vo_photoz.flow import Positions
from vo_photoz.sky.pairs import Pairs
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.queries import load_query, shipped_folder
from vo_photoz.tap.queries.check import example
from vo_photoz.tap.queries.places import in_cone

pytestmark = pytest.mark.servers
RADIUS = 1.0


def returned(pairs: Pairs) -> list[str]:
    columns = [np.ma.asarray(column.values).tolist() for column in pairs.columns]
    return sorted(repr(row) for row in zip(pairs.rows.tolist(), *columns, strict=True))


@pytest.fixture(scope="module")
def positions() -> Positions:
    """Near the sources of the archives, within and just beyond the radius, and nowhere near."""
    rng = np.random.default_rng(1)
    ra, dec = sky(ROWS)
    dec = np.clip(dec + rng.choice([0, 0.3, -0.9, 0.999, 1.001, 1.3], ROWS) / 3600, -90, 90)
    spare = rng.uniform(0, 360, 50), rng.uniform(-80, 80, 50)
    return Positions(np.r_[ra, spare[0]], np.r_[dec, spare[1]], np.ones(ROWS + 50, dtype=bool))


SHIPPED = sorted(path.stem for path in shipped_folder().glob("*.adql"))
MATCHING = [name for name in SHIPPED if load_query(shipped_folder() / f"{name}.adql").sky is None]
LISTING = [name for name in SHIPPED if name not in MATCHING]


@pytest.mark.parametrize("name", MATCHING)
def test_query_finds_its_rows(archive: Dachs, positions: Positions, name: str) -> None:
    query = mapped(load_query(name))
    original = load_query(name)
    # Without an upload the positions go as text, a few at a time, which DaCHS takes long to parse.
    asked = positions if query.upload else positions.take(slice(340, 420))
    pairs, _ = find_pairs(asked, query, radius_arcsec=RADIUS, service=archive.url, seconds=60)
    wanted = expected(original, asked, RADIUS)
    assert len(wanted) > 20, "the stand-in has too few rows for a test"
    assert returned(pairs) == wanted
    told = {column.name: (column.unit, column.ucd) for column in pairs.columns}
    for column in original.returns:
        assert u.Unit(told[column][0]) == u.Unit(original.returned[column].unit), column
        assert told[column][1], column


def test_shipped_texts_are_adql_by_the_parser_of_dachs(archive: Dachs) -> None:
    """Under their real names, which no table here has."""
    texts = {name: example(load_query(shipped_folder() / f"{name}.adql")) for name in SHIPPED}
    script = "\n".join(
        [
            "import json, sys",
            "from gavo.adql import parseToTree",
            "for name, text in json.load(sys.stdin).items():",
            "    print(name, *(field.name for field in parseToTree(text).getSelectFields()))",
        ]
    )
    command = ["/usr/bin/python3", "-c", script]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    found = {words[0]: words[1:] for words in map(str.split, done.stdout.splitlines())}
    for name in SHIPPED:
        query = load_query(shipped_folder() / f"{name}.adql")
        assert found[name] == [*(["id"] if query.upload else []), *query.returns]


@pytest.mark.parametrize("name", LISTING)
@pytest.mark.parametrize("area", ["cone", "box", "moc"])
def test_query_lists_a_part_of_the_sky(archive: Dachs, name: str, area: str) -> None:
    query, original = mapped(load_query(name)), load_query(name)
    moc = MOC.from_cone(150.1 * u.deg, 2.2 * u.deg, radius=0.4 * u.deg, max_depth=10)
    inside = {
        "cone": in_cone(150.1, 2.2, 0.4),
        "box": lambda ra, dec: f"{ra} BETWEEN 149.7 AND 150.3 AND {dec} > 1.9",
        "moc": lambda ra, dec: f"1 = CONTAINS(POINT('ICRS', {ra}, {dec}), MOC('{moc.to_string()}'))",
    }[area]
    found = pyvo.dal.TAPService(archive.url).run_sync(query.render(inside=inside), maxrec=10_000).to_table()
    every, columns, kinds = expected_rows(original), selected(original), types(original)
    at = np.array([position_of(original, row) for row in every])
    here = SkyCoord(at[:, 0], at[:, 1], unit="deg")
    kept = {
        "cone": here.separation(SkyCoord(150.1, 2.2, unit="deg")) < 0.4 * u.deg,
        "box": (at[:, 0] >= 149.7) & (at[:, 0] <= 150.3) & (at[:, 1] > 1.9),
        "moc": moc.contains_lonlat(here.ra, here.dec),
    }[area]
    values = [[plain(row[n], kinds[n]) for n in columns] for row in every]
    wanted = sorted(repr(tuple(values[i])) for i in np.flatnonzero(kept))
    assert 5 < len(wanted) < len(every)
    got = [np.ma.asarray(found[name.lower()]).tolist() for name in original.returns]
    assert sorted(repr(tuple(none_if_empty(v) for v in row)) for row in zip(*got, strict=True)) == wanted


def none_if_empty(value: object) -> object:
    return None if value == "" or (isinstance(value, float) and math.isnan(value)) else value


def test_parameters_change_what_is_found(archive: Dachs, positions: Positions) -> None:
    query = mapped(load_query("gaia-stars"))
    counts = [
        len(find_pairs(positions, one, radius_arcsec=RADIUS, service=archive.url, seconds=60)[0])
        for one in (query.given(snr=0), query, query.given(snr="900"))
    ]
    assert counts[0] > counts[1] > counts[2] == 0


# Nothing of a user's becomes code

HOSTILE = f'x"; DROP TABLE {local_name("VII/289/dr16q")}; --'


def test_column_names_with_sql_stay_at_home(archive: Dachs, tmp_path: Path) -> None:
    from vo_photoz.pipeline.crossmatch.chain import crossmatch

    ra, dec = sky(ROWS)
    table, query, out = tmp_path / "mine.fits", tmp_path / "dr16q.adql", tmp_path / "out.vot"
    Table({HOSTILE: ra, "1=1) OR (1=1": dec, "TAP_UPLOAD.positions": np.arange(ROWS)}).write(table)
    text = Path(load_query("dr16q").origin).read_text()
    query.write_text(text.replace('"VII/289/dr16q"', local_name("VII/289/dr16q")))
    result = crossmatch(
        table, out, with_=[query], service=archive.url, ra=HOSTILE, dec="1=1) OR (1=1", seconds=60
    )
    assert int(result.matches[0].infos["matched"]) == ROWS
    assert "DROP" not in result.matches[0].infos["adql"]
    assert server.sql(f"SELECT count(*) FROM {local_name('VII/289/dr16q')}", "gavo") == str(ROWS)
    assert SCHEMA in result.matches[0].infos["adql"]
