"""Predictions under dust: a raw model flags it, a dereddened one corrects it, and asks for a map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
import pytest

from vo_photoz.errors import ModelError
from vo_photoz.flow import Flag
from vo_photoz.pipeline.prediction.predict import predict
from vo_photoz.redshift.model import load_model
from vo_photoz.tables.read import read_table


def flat_map(path: Path, ebv: float) -> Path:
    healpy.write_map(path, np.full(12 * 4**2, ebv), coord="G", column_names=["EBV"])
    return path


def medians(sandbox: Path, tmp_path: Path, **options):
    result = predict(
        sandbox / "sources.vot", output=tmp_path / "out.vot", survey=sandbox / "survey.toml", **options
    )
    return result.predictions


def test_dust(sandbox: Path, tmp_path: Path) -> None:
    raw = load_model("sdss-quasars")
    assert not raw.card.dereddened
    clean = replace(raw, card=raw.card.model_copy(update={"dereddened": True}))
    plain = medians(sandbox, tmp_path, model=raw)
    dusty = medians(sandbox, tmp_path, model=raw, ebv_map=flat_map(tmp_path / "dust.fits", 0.4))
    on_the_sky = plain.flags & Flag.NO_POSITION == 0
    assert (dusty.flags[on_the_sky] & Flag.HIGH_EXTINCTION).all()
    assert not (plain.flags & Flag.HIGH_EXTINCTION).any()
    np.testing.assert_array_equal(plain.median, dusty.median)
    infos = read_table(tmp_path / "out.vot").infos
    assert "not corrected, flagged only" in infos["vo_photoz.parameters"]

    without = medians(sandbox, tmp_path, model=clean, ebv_map=flat_map(tmp_path / "none.fits", 0.0))
    np.testing.assert_array_equal(plain.median, without.median)
    corrected = medians(sandbox, tmp_path, model=clean, ebv_map=flat_map(tmp_path / "some.fits", 0.2))
    seen = np.isfinite(plain.median)
    assert (corrected.median[seen] != plain.median[seen]).mean() > 0.9
    assert not (corrected.flags & Flag.HIGH_EXTINCTION).any()
    assert "corrected" in read_table(tmp_path / "out.vot").infos["vo_photoz.parameters"]
    with pytest.raises(ModelError, match=r"no map of E\(B-V\)"):
        medians(sandbox, tmp_path, model=clean)
