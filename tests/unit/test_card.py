"""Cards of models: what they carry, and that older ones are still read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vo_photoz.errors import ModelError
from vo_photoz.redshift.card import FILE, read_card
from vo_photoz.redshift.prior_table import PriorTable, prior_of

OLD = {
    "format": "vo-photoz model",
    "version": 1,
    "name": "old",
    "bands": ["g", "r"],
    "stamp_pixels": 28,
    "pixel_arcsec": 0.4,
    "pixel_unit": "nJy/arcsec2",
    "components": 4,
    "members": 2,
    "z_min": 0.0,
    "z_max": 3.0,
    "training": {
        "name": "set", "rows": 7, "held_out_fold": 0, "histogram_edges": [0, 3], "histogram_counts": [7],
        "sha256": "0", "real": True,
    },
    "weights": {"weights/member-0.keras": "0"},
}  # fmt: skip


def card(folder: Path, **changes: object):
    (folder / FILE).write_text(json.dumps({**OLD, **changes}), encoding="utf-8")
    return read_card(folder)


def test_an_older_card_is_read_and_says_that_it_knows_no_more(tmp_path):
    old = card(tmp_path)
    assert (old.calibration, old.prior, old.orientations, old.component_classes) == (None, None, 1, [])


def test_a_card_comes_back_as_it_was_written(tmp_path):
    rng = np.random.default_rng(1)
    prior = prior_of(rng.uniform(0, 3, 50), ["QSO"] * 30 + ["STAR"] * 20, source="a simulated sky")
    new = card(
        tmp_path, classes=["STAR", "QSO"], component_classes=["STAR", "QSO"] * 2, orientations=8,
        prior=prior.model_dump(), calibration={"warps": {}},
    )  # fmt: skip
    (tmp_path / FILE).write_text(new.model_dump_json(), encoding="utf-8")
    again = read_card(tmp_path)
    assert again == new
    assert again.prior == prior


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["STAR", "QSO"], "component_classes": ["STAR"]}, "4 components, but classes for 1"),
        ({"classes": ["QSO"], "component_classes": ["QSO"] * 3 + ["FROG"]}, "of the class FROG"),
        ({"component_classes": ["QSO"] * 4}, "of the class QSO"),
        ({"orientations": 3}, "wrong at orientations"),
        ({"prior": {"edges": [0, 1], "mass": {"": [0.5]}}}, "must sum to 1"),
        ({"prior": {"edges": [0, 1, 2], "mass": {"": [1.0]}}}, "one number a bin"),
        ({"prior": {"edges": [1, 0], "mass": {"": [1.0]}}}, "must rise"),
        ({"prior": {"edges": [0, 1, 2], "mass": {"": [2.0, -1.0]}}}, "not negative"),
    ],
)
def test_a_card_that_contradicts_itself_is_told_in_one_sentence(tmp_path, changes, message):
    with pytest.raises(ModelError, match=message):
        card(tmp_path, **changes)


def test_the_prior_of_a_set_is_its_histogram():
    prior = prior_of([0.01, 0.02, 1.01, np.nan], ["STAR", "STAR", "QSO", "QSO"], weight=[1, 1, 2, 5])
    assert prior.share("STAR") == prior.share("QSO") == pytest.approx(0.5)
    assert prior.share("GALAXY") == 0
    grid = np.linspace(-1, 3, 40_001)
    assert np.trapezoid(prior.density("QSO", grid), grid) == pytest.approx(0.5, rel=1e-3)
    assert prior.density("QSO", [0.5, 5.0]) == pytest.approx([0, 0])
    with pytest.raises(ValueError, match="no object has a redshift"):
        prior_of([np.nan])


def test_a_prior_without_classes_has_one_nameless_class():
    prior = prior_of([1.0, 2.0])
    assert list(prior.mass) == [""]
    assert isinstance(prior, PriorTable)
