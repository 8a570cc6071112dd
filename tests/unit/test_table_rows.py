"""A sample of a training set out of a long table: rows near the footprint, in batches, all accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table
from mocpy import MOC

from vo_photoz.datasets.recipe_parts import Sample
from vo_photoz.pipeline.datasets.build.samples import FAR, SampleSource, to_candidates
from vo_photoz.pipeline.datasets.build.table_rows import TableRows
from vo_photoz.sky.moc import contains, from_mocpy


def test_rows_near_the_footprint_keep_their_numbers(tmp_path: Path, monkeypatch) -> None:
    rng, n = np.random.default_rng(8), 20_000
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[5] = np.nan
    z = np.where(np.arange(n) % 3 == 0, np.nan, rng.uniform(0, 5, n))
    Table({"ra": ra, "dec": dec, "z": z, "plate": np.arange(n)}).write(tmp_path / "all.csv")
    footprint = from_mocpy(MOC.from_string("3/100 5/7"))
    monkeypatch.setattr("vo_photoz.tables.batches.BATCH_ROWS", 3000)
    sample = Sample(name="all", table="all.csv", redshift="z", keep=["plate"])
    raw = TableRows(SampleSource(sample, path=tmp_path / "all.csv"), footprint).fetch()
    inside = np.flatnonzero(contains(footprint, ra, dec))
    assert set(inside) <= set(raw.row)
    assert 5 in raw.row  # no position: listed with its reason
    assert len(inside) < len(raw.row) < n / 4
    assert raw.columns["plate"].to_pylist() == raw.row.tolist()
    kept, dropped, step = to_candidates(sample, raw)
    assert step.adds_up
    assert (step.rows_in, step.dropped[FAR]) == (n, n - len(raw.row))
    assert kept.num_rows + dropped.num_rows == len(raw.row)
    assert {"no position", "no redshift"} == set(dropped["reason"].to_pylist())
