"""Columns of an archive that gave nothing: null, with what the query file knows of them."""

from __future__ import annotations

import numpy as np

from vo_photoz.sky.pairs import null_partners
from vo_photoz.tap.queries import parse_query

TEXT = """\
-- title: Stub
-- service: http://127.0.0.1:9/tap
-- upload: yes
-- parameters: radius = 1.5 arcsec
-- returns: ra [deg] <pos.eq.ra;meta.main> (right ascension, ICRS), dec [deg] <pos.eq.dec;meta.main>,
--   name <meta.id;meta.main>, z_spec <src.redshift> null -999, flux [mJy] <phot.flux>
SELECT up.id, db.ra, db.dec, db.name, db.z AS z_spec, db.flux
FROM stub AS db JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.ra, db.dec), CIRCLE('ICRS', up.ra, up.dec, {radius}))
"""


def test_units_ucds_and_kinds_come_from_the_query_file() -> None:
    query = parse_query(TEXT, "stub-1", "stub-1.adql")
    columns = null_partners(query.name, query.returns, 3, query.described)
    told = {column.name: (column.unit, column.ucd, column.values.dtype.kind) for column in columns}
    assert told == {
        "stub_1_ra": ("deg", "pos.eq", "f"),
        "stub_1_dec": ("deg", "pos.eq", "f"),
        "stub_1_name": ("", "meta.id", "U"),
        "stub_1_z_spec": ("", "src.redshift", "f"),
        "stub_1_flux": ("mJy", "phot.flux", "f"),
        "stub_1_separation": ("arcsec", "pos.angDistance", "f"),
        "stub_1_nmatch": ("", "meta.number", "i"),
    }
    assert all(np.ma.getmaskarray(column.values).all() for column in columns)
    assert "nothing was obtained" in columns[0].description
