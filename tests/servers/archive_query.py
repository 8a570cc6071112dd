"""The query of the test archive, and sources to ask it about."""

from __future__ import annotations

import numpy as np

from tests.servers.spectra import Spectra
from vo_photoz.flow import Positions
from vo_photoz.tap.queries import Query, parse_query

TEXT = """\
-- title: Generated redshifts of the test archive
-- service: http://127.0.0.1:9/tap
-- upload: yes
-- parameters: radius = 1.5 arcsec
-- returns: ra, dec, specobjid, z_spec, z_err, class
-- verified: by these tests
-- cite: nobody
SELECT up.id, db.ra, db.dec, db.specobjid, db.z AS z_spec, db.z_err, db.class
FROM vo_photoz_tests.spectra AS db
JOIN TAP_UPLOAD.positions AS up
  ON 1 = CONTAINS(POINT('ICRS', db.ra, db.dec), CIRCLE('ICRS', up.ra, up.dec, {radius}))
"""

CONES = """\
-- title: The same by cones
-- service: http://127.0.0.1:9/tap
-- upload: no
-- parameters: radius = 1.5 arcsec
-- returns: ra, dec, specobjid
SELECT db.ra, db.dec, db.specobjid FROM vo_photoz_tests.spectra AS db WHERE {cones(db.ra, db.dec)}
"""


def archive_query(text: str = TEXT) -> Query:
    """The query, as if read from spectra.adql."""
    return parse_query(text, "spectra", "spectra.adql")


def sources(table: Spectra, n: int, seed: int = 1) -> Positions:
    """Four fifths near rows of the archive (poles, 0 h and companions among them), the rest anywhere."""
    rng = np.random.default_rng(seed)
    near = rng.choice(len(table.ra), n * 4 // 5, replace=False)
    near[:60] = np.r_[0:20, 2000:2020, 4000:4020]
    spare = n - len(near)
    ra = np.r_[table.ra[near], rng.uniform(0, 360, spare)]
    dec = np.r_[table.dec[near], np.degrees(np.arcsin(rng.uniform(-1, 1, spare)))]
    dec = np.clip(dec + rng.normal(0, 0.3, n) / 3600, -90, 90)
    order = rng.permutation(n)
    return Positions(ra[order], dec[order], np.ones(n, dtype=bool), "generated")
