"""The model that comes with the program: whole, as small as promised, better than nearest neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.flow import Stamps
from vo_photoz.pipeline.datasets.import_stamps import import_dataset
from vo_photoz.pipeline.evaluate import evaluate
from vo_photoz.redshift import mixture
from vo_photoz.redshift.model import check_fits, list_models, load_model
from vo_photoz.redshift.predict import outside_domain, predict_stamps

NAME = "sdss-quasars"


def test_it_is_whole_and_its_card_says_all():
    assert NAME in list_models()
    model = load_model(NAME)
    card = model.card
    assert card.name == NAME
    assert (card.bands, card.stamp_pixels, card.pixel_arcsec) == (list("ugriz"), 28, 0.4)
    assert (card.pixel_unit, card.classes, card.dereddened) == ("nJy/arcsec2", [], False)
    assert card.calibration is not None
    assert 0 not in card.calibration["folds"]
    assert list(card.onnx) == ["networks.onnx"]
    parts = card.training.sources
    assert [(one["real"], one["share"] > 0.5) for one in parts] == [
        (True, True), (False, False), (False, False),
    ]  # fmt: skip
    assert 0 <= card.z_min < 0.1
    assert 6.9 < card.z_max <= 7.0
    assert card.specialist is not None
    assert card.specialist.inner is not None
    assert [one["real"] for one in card.specialist.training] == [False]
    assert [one["real"] for one in card.specialist.inner.training] == [False, True]
    assert (card.members, card.specialist.members, card.specialist.inner.members) == (15, 12, 8)
    assert card.scores["model"]["crps"] < card.scores["neighbours"]["crps"] < card.scores["prior"]["crps"]
    assert "Ahumada" in card.citation
    assert [" ".join(command.split()[1:3]) for command in card.made_by] == [
        "dataset simulate", "dataset simulate", "train sim-1", "dataset import", "dataset simulate",
        "train quasars", "dataset simulate", "train sim-wide", "train quasars", "dataset simulate",
        "train sim-mid", "train quasars", "train quasars", "models join", "models join", "models calibrate",
        "models export",
    ]  # fmt: skip
    assert sum(file.stat().st_size for file in model.folder.rglob("*")) < 10_000_000
    check_fits(card, ["z", "i", "r", "g", "u"])


def test_it_turns_light_into_a_density():
    model = load_model(NAME)
    offset = np.arange(28) - 13.5
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.6**2)
    # A source that drops out in u and fades in g, as quasars beyond z = 3.5 do; one bright everywhere.
    red = np.array([0.0, 4e3, 2e4, 2.3e4, 2.3e4])[:, None, None] * psf
    blue = np.array([1.5e4, 2e4, 2e4, 2e4, 2e4])[:, None, None] * psf
    sky = np.array([500, 200, 330, 540, 2000])[:, None, None]
    noise = np.random.default_rng(1).normal(0, 1, (2, 5, 28, 28)) * sky
    pixels = (np.stack([red, blue]) + noise).astype(np.float32)
    stamps = Stamps(pixels, np.zeros(2, dtype=np.int16), tuple("ugriz"), 0.4, "nJy/arcsec2")
    pdf = predict_stamps(model, stamps)
    assert pdf.weight.shape == (2, model.card.components)
    assert pdf.weight.sum(1) == pytest.approx(np.ones(2), abs=1e-5)
    red_z, blue_z = mixture.quantile(pdf, 0.5)
    assert red_z > blue_z + 0.3
    empty = Stamps(0 * pixels, stamps.flags, stamps.bands, 0.4, "nJy/arcsec2")
    assert outside_domain(model, empty).all()


@pytest.mark.shared
def test_it_beats_the_neighbours_on_a_sky_it_has_not_seen(shared: Path, tmp_path: Path):
    """The whole way of the pixels: file, HiPS, our own cutouts, networks."""
    file = shared / "data" / "quasars" / "sdss_quasars_ugriz.npz"
    data = import_dataset(file, tmp_path / "quasars")
    found = evaluate(NAME, data)
    card = load_model(NAME).card
    assert found.fold == 0
    assert found.model.n == 506
    assert not found.seen
    assert found.model.crps < found.neighbours.crps
    assert found.gain > 2 * found.gain_error
    assert found.prior.crps > 0.3
    assert found.model.crps == pytest.approx(card.scores["model"]["crps"], abs=0.002)
    assert abs(found.model.coverage_68 - 0.68) < 0.06
    inside = data.stamps(np.flatnonzero(data.rows.fold == 0))
    assert outside_domain(load_model(NAME), inside).mean() < 0.06
