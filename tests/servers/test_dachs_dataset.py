"""A training set whose sample comes from a genuine archive."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.cfhtls_sky import write_survey
from tests.servers.archive_query import TEXT, archive_query
from tests.servers.dachs import Dachs
from tests.servers.spectra import Spectra
from tests.servers.standin_tables import ROWS, rows, sky
from tests.servers.standins import install, mapped
from vo_photoz.cli.main import app
from vo_photoz.datasets.ledger import read_ledger
from vo_photoz.datasets.store import open_dataset
from vo_photoz.flow import Coverage
from vo_photoz.hips.coverage import read_moc
from vo_photoz.hips.survey import own_surveys
from vo_photoz.pipeline.datasets.build.archive_rows import ArchiveRows, cells_around
from vo_photoz.sky.moc import contains, from_mocpy, union
from vo_photoz.sky.pairs import separation_arcsec
from vo_photoz.tap.queries import load_query, own_folders, shipped_folder

pytestmark = pytest.mark.servers


WIDE = [(0.1, 0.0, 1.5), (123.0, 89.9, 0.4)]  # across 0 h, and at the pole
SPARSE = [(60.0, 20.0, 2.0)]


def fields(cones: list[tuple[float, float, float]]) -> Coverage:
    """Fields given by their middle and radius, degrees."""
    import astropy.units as u
    from mocpy import MOC

    return union(
        [
            from_mocpy(MOC.from_cone(lon=ra * u.deg, lat=dec * u.deg, radius=r * u.deg, max_depth=11))
            for ra, dec, r in cones
        ]
    )


@pytest.mark.parametrize(("cones", "maxrec", "least"), [(WIDE, 1_000_000, 3000), (SPARSE, 25, 30)])
def test_all_rows_of_an_archive_in_a_footprint(
    dachs: Dachs,
    catalogue: Spectra,
    tmp_path: Path,
    cones: list[tuple[float, float, float]],
    maxrec: int,
    least: int,
) -> None:
    footprint = fields(cones)
    query = archive_query(TEXT.replace("http://127.0.0.1:9/tap", dachs.url))
    rows = ArchiveRows(query, None, tmp_path, maxrec=maxrec).fetch(footprint)
    found = rows.columns["specobjid"].to_numpy()
    assert len(found) == len(set(found.tolist())), "each row of the archive comes once"
    inside = contains(footprint, catalogue.ra, catalogue.dec)
    assert inside.sum() > least
    got = contains(footprint, rows.ra, rows.dec)
    assert set(found[got].tolist()) == set(catalogue.specobjid[inside].tolist())
    z = dict(zip(found.tolist(), rows.columns["z_spec"].to_pylist(), strict=True))
    for row in np.flatnonzero(inside)[:500]:
        known = z[int(catalogue.specobjid[row])]
        assert known == catalogue.z[row] if known is not None else np.isnan(catalogue.z[row])


def test_the_cells_hold_the_footprint_and_little_more() -> None:
    footprint = fields(WIDE)
    order, cells = cells_around(footprint)
    assert order == 8
    assert 1.0 < len(cells) / (12 * 4**order) / footprint.sky_fraction < 1.5


MIDDLE, PIXEL, SIDE = (150.1, 2.2), 1.6, 1100  # half of the stand-ins' rows lie around it


def stand_in_world(dachs: Dachs) -> None:
    """What the shipped recipe names, as files of the user: queries for the stand-ins, a sandbox survey.

    DaCHS cannot have tables named "VII/260/dr7qso": only the names of tables and the service are changed.
    """
    install()
    queries, surveys = own_folders()[-1], own_surveys()
    for folder in (queries, surveys):
        folder.mkdir(parents=True)
    for name in ("dr7q", "dr12q", "cfhtls-wide"):
        text = (shipped_folder() / f"{name}.adql").read_text()
        query = load_query(shipped_folder() / f"{name}.adql")
        text = text.replace(query.adql, mapped(query).adql)
        text = re.sub("-- service: .*", f"-- service: {dachs.url}", text)
        (queries / f"{name}.adql").write_text(text)
    noise = np.random.default_rng(1).normal(0, 30, (5, SIDE, SIDE)).astype(np.float32)
    write_survey(surveys, noise, MIDDLE, PIXEL, pixel_order=17)


def objects_by_hand() -> dict[int, tuple[str, set[float]]]:
    """For each object of the stand-ins, the catalogue that wins and the redshifts that it may have.

    Rows of the stand-ins lie at the same places in both catalogues, some in pairs less than 1 arcsec apart.
    An object goes by the smallest of its row numbers.
    """
    ra, dec = sky(ROWS)
    apart = separation_arcsec(ra[:, None], dec[:, None], ra, dec)
    group = (apart <= 1.5).argmax(axis=1)
    found: dict[int, tuple[str, set[float]]] = {}
    for sample, table, column in (("dr7q", "VII/260/dr7qso", "z"), ("dr12q", "VII/279/dr12q", "zVI")):
        known: dict[int, set[float]] = {}
        for row, z in enumerate(rows(table)[column]):
            if z is not None and not (sample == "dr12q" and float(z) < 0):
                known.setdefault(int(group[row]), set()).add(float(z))
        found |= {one: (sample, z) for one, z in known.items()}  # DR12 comes last: it wins
    return found


def test_the_recipe_of_the_talk(dachs: Dachs, tmp_path: Path) -> None:
    stand_in_world(dachs)
    output = tmp_path / "quasars"
    done = CliRunner().invoke(app, ["dataset", "build", "cfhtls-quasars", "-o", str(output)])
    assert done.exit_code == 0, done.output
    data, ledger = open_dataset(output), read_ledger(output)
    assert ledger is not None
    assert ledger.adds_up()
    dropped = pq.read_table(output / "dropped.parquet").to_pylist()
    assert len(dropped) + len(data) == sum(s.rows_in for s in ledger.steps if s.name.startswith("sample"))

    # What the merge let through, whatever became of it later, is what one finds by hand.
    later = [
        row for row in dropped if row["step"] not in ("sample dr7q", "sample dr12q", "merge", "footprint")
    ]
    kept = zip(data.rows.more["sample"].to_pylist(), data.rows.ra, data.rows.dec, data.rows.z, strict=True)
    merged = [(row["sample"], row["ra"], row["dec"], row["z"]) for row in later] + list(kept)
    ra, dec = sky(ROWS)
    wanted = objects_by_hand()
    covered = read_moc((output / "footprint.fits").read_bytes(), "footprint")
    inside = {one for one in wanted if contains(covered, ra[[one]], dec[[one]])[0]}
    seen = set()
    for sample, lon, lat, z in merged:
        one = int((separation_arcsec(lon, lat, ra, dec) <= 1.5).argmax())
        seen.add(one)
        assert wanted[one][0] == sample
        assert z in wanted[one][1]
    assert seen == inside
    assert len(seen) == len(merged) > 60

    magnitudes = rows("II/317/cfhtls_w")
    bands = list(data.manifest.bands)
    for band in ("u", "i"):
        column = magnitudes[f"{band}mag"]
        for one, value in zip(range(len(data)), data.rows.mag[:, bands.index(band)], strict=True):
            near = separation_arcsec(data.rows.ra[one], data.rows.dec[one], ra, dec) <= 1.0
            possible = [np.nan if column[k] is None else column[k] for k in np.flatnonzero(near)]
            assert np.float32(value) in np.array(possible, np.float32) or np.isnan([value, *possible]).any()
    assert "Schneider" in data.manifest.source["citation"]
    assert "Paris" in data.manifest.source["citation"]
    assert len(data) > 25
