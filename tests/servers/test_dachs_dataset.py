"""A training set whose sample comes from a genuine archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.servers.archive_query import TEXT, archive_query
from tests.servers.dachs import Dachs
from tests.servers.spectra import Spectra
from vo_photoz.flow import Coverage
from vo_photoz.pipeline.archive_rows import ArchiveRows, cells_around
from vo_photoz.sky.moc import contains, from_mocpy, union

pytestmark = pytest.mark.servers


WIDE = [(0.1, 0.0, 1.5), (123.0, 89.9, 0.4)]  # across 0 h, and at the pole
SMALL = [(0.0, 0.0, 0.1)]  # 2,000 rows crowd there


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


@pytest.mark.parametrize(("cones", "maxrec", "least"), [(WIDE, 1_000_000, 3000), (SMALL, 1500, 1900)])
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
