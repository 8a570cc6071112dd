"""One client returned 1,000 objects without a word. Here a limit of the server costs requests, never rows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.servers.archive_query import CONES, archive_query, sources
from tests.servers.dachs import Dachs
from tests.servers.fault_proxy import fault_proxy
from tests.servers.spectra import Spectra
from tests.servers.test_tap_journal import RADIUS, astropys, partners
from vo_photoz.errors import Truncated
from vo_photoz.flow import Positions
from vo_photoz.tap.crossmatch import find_pairs
from vo_photoz.tap.services.capabilities import read_limits

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    ("limit", "rows", "told"),
    [(1_000, 3_000, "maxrec"), (1_000, 3_000, "silent"), (20_000, 26_000, "maxrec")],
)
def test_nothing_is_silently_truncated(
    dachs: Dachs, catalogue: Spectra, limit: int, rows: int, told: str
) -> None:
    positions = sources(catalogue, rows, seed=12)
    expected = astropys(positions, catalogue)
    assert len(expected) > limit
    with fault_proxy(dachs.url, lambda *request: f"{told} {limit}") as (url, _):
        pairs, infos = find_pairs(
            positions, archive_query(), radius_arcsec=RADIUS, service=url, seconds=200, chunk_rows=26_000
        )
    assert partners(pairs) == expected
    assert int(infos["pieces"]) > 1


def test_cones_are_not_truncated(dachs: Dachs, catalogue: Spectra) -> None:
    crowd = np.flatnonzero(catalogue.dec > 89.97)[:12]
    positions = Positions(catalogue.ra[crowd], catalogue.dec[crowd], np.ones(12, dtype=bool))
    counts = []
    for limit in (100_000, 1_000):
        with fault_proxy(dachs.url, lambda *request, limit=limit: f"silent {limit}") as (url, _):
            pairs, _ = find_pairs(positions, archive_query(CONES), radius_arcsec=60, service=url, seconds=60)
        counts.append(partners(pairs))
    assert counts[0] == counts[1]
    assert len(counts[0]) > 1_000


def test_one_source_beyond_the_limit_is_an_error_that_names_it(dachs: Dachs) -> None:
    pole = Positions(np.array([0.0]), np.array([90.0]), np.array([True]))
    with (
        fault_proxy(dachs.url, lambda *request: "maxrec 1000") as (url, _),
        pytest.raises(Truncated, match="its own limit of 1000 rows"),
    ):
        find_pairs(pole, archive_query(), radius_arcsec=170, service=url, seconds=60)


def test_limits_of_the_service_are_read(dachs: Dachs) -> None:
    limits = read_limits(dachs.url, float("inf"))
    assert limits.known
    assert (limits.upload_bytes, limits.upload_rows) == (20_000_000, None)
    assert (limits.default_rows, limits.most_rows, limits.seconds) == (20_000, 2_000_000, 3_600)
    assert limits.inline_upload
    assert limits.has("CONTAINS")
    assert limits.has("ivo_healpix_index")
    assert not limits.has("nonsuch")
