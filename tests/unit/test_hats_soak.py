"""HATS at full size: 200,000 positions against 500,000 sources, here and on a cluster; 5 million rows."""

import subprocess
import sys
import time

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.table import Table

from tests.unit.test_hats import cluster, numbers
from vo_photoz.catalogues.hats import hats_pairs
from vo_photoz.catalogues.hats_write import import_hats
from vo_photoz.catalogues.match import table_pairs
from vo_photoz.flow import Positions
from vo_photoz.tables.read import read_table

pytestmark = pytest.mark.soak
RADIUS = 2.0
IMPORT = """
import resource, sys
from vo_photoz.catalogues.hats_write import import_hats
rows = import_hats(sys.argv[1], sys.argv[2]).n_rows
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def sky(n, rng):
    """Half of the sources in a crowded field at 0 = 360 degrees, half over the whole sky."""
    half = n // 2
    ra = np.concatenate([rng.uniform(-1.5, 1.5, half) % 360, rng.uniform(0, 360, n - half)])
    dec = np.concatenate([rng.uniform(-1, 1, half), np.degrees(np.arcsin(rng.uniform(-1, 1, n - half)))])
    return ra, dec


def test_200_000_positions_and_500_000_sources(tmp_path):
    rng = np.random.default_rng(4)
    ra, dec = sky(200_000, rng)
    far_ra, far_dec = sky(300_000, rng)
    east, north = rng.normal(0, 0.8 / 3600, (2, 200_000))
    other_ra = np.concatenate([(ra + east / np.cos(np.radians(dec))) % 360, far_ra])
    other_dec = np.concatenate([np.clip(dec + north, -90, 90), far_dec])
    Table({"ra": other_ra, "dec": other_dec, "number": np.arange(500_000)}).write(tmp_path / "t.fits")
    started = time.monotonic()
    done = import_hats(tmp_path / "t.fits", tmp_path / "h", part_rows=50_000)
    print(f"import: {time.monotonic() - started:.1f} s, {done.parts} parts")
    positions = Positions(ra, dec, np.ones(len(ra), bool))
    started = time.monotonic()
    here, _ = hats_pairs(positions, tmp_path / "h", radius_arcsec=RADIUS)
    print(f"LSDB: {time.monotonic() - started:.1f} s, {len(here)} pairs")
    with cluster(tmp_path) as (address, _):
        started = time.monotonic()
        far, _ = hats_pairs(positions, tmp_path / "h", radius_arcsec=RADIUS, scheduler=address)
        print(f"LSDB, two workers: {time.monotonic() - started:.1f} s")
        assert import_hats(tmp_path / "t.fits", tmp_path / "far", scheduler=address).n_rows == 500_000
    started = time.monotonic()
    ours = table_pairs(positions, read_table(tmp_path / "t.fits"), radius_arcsec=RADIUS)
    print(f"our match: {time.monotonic() - started:.1f} s")
    first, second, *_ = search_around_sky(
        SkyCoord(ra, dec, unit="deg"), SkyCoord(other_ra, other_dec, unit="deg"), RADIUS * u.arcsec
    )
    expected = sorted(zip(first.tolist(), second.tolist(), strict=True))
    assert len(expected) > 180_000
    assert numbers(here) == numbers(far) == numbers(ours) == expected


def test_five_million_rows_are_imported_in_bounded_memory(tmp_path):
    rng = np.random.default_rng(5)
    with (tmp_path / "t.csv").open("w") as file:
        file.write("id,ra,dec,z,name\n")
        for block in range(20):
            ra, dec = sky(250_000, rng)
            rows = zip(range(250_000), ra.round(7).tolist(), dec.round(7).tolist(), strict=True)
            file.writelines(f"{block * 250_000 + i},{a},{d},{i / 1e5:.4f},source {i}\n" for i, a, d in rows)
    started = time.monotonic()
    command = [sys.executable, "-c", IMPORT, str(tmp_path / "t.csv"), str(tmp_path / "h")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800)
    rows, megabytes = map(int, answer.stdout.split())
    print(f"5,000,000 rows: {time.monotonic() - started:.1f} s, {megabytes} MB")
    assert rows == 5_000_000
    assert megabytes < 1500
