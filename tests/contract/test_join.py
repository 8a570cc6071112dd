"""``vo-photoz models join``: two models become one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vo_photoz.cli.main import app
from vo_photoz.flow import Stamps
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.card import FILE, histogram, read_card
from vo_photoz.redshift.inference.export import add_onnx
from vo_photoz.redshift.load import save_network
from vo_photoz.redshift.model import SHIPPED, file_hash, load_model
from vo_photoz.redshift.networks import NetworkShape, build_network, prepare
from vo_photoz.redshift.predict import predict_stamps
from vo_photoz.redshift.prior_table import prior_of
from vo_photoz.redshift.specialist import shares_of

SIDE = 28


def stamps(n: int, seed: int = 0) -> Stamps:
    rng = np.random.default_rng(seed)
    offset = np.arange(SIDE) - (SIDE - 1) / 2
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset**2) / 1.6**2)
    peak = 10 ** rng.uniform(3, 5, (n, 5, 1, 1))
    pixels = (peak * psf + 500 * rng.standard_normal((n, 5, SIDE, SIDE))).astype(np.float32)
    return Stamps(pixels, np.zeros(n, dtype=np.int16), tuple("ugriz"), 0.4, "nJy/arcsec2")


def as_shown(z: np.ndarray) -> dict[str, list]:
    edges, counts = histogram(z)
    return {"histogram_edges": edges, "histogram_counts": counts}


def a_model(
    folder: Path, low: float, high: float, *, members: int, components: int, **changes: object
) -> Path:
    """An untrained model of a range of redshifts, with the card of a trained one."""
    (folder / "weights").mkdir(parents=True)
    shutil.copyfile(SHIPPED / "sdss-quasars" / "domain.npz", folder / "domain.npz")
    shape = NetworkShape(
        bands=5, stamp_pixels=SIDE, components=components, softening=(500.0,) * 5, dense=(16, 8),
        z_centre=0.5 * (low + high), z_scale=(high - low) / 3,
    )  # fmt: skip
    names = [f"weights/member-{number}.keras" for number in range(members)]
    for number, name in enumerate(names):
        keras.utils.set_random_seed(number + components)
        network = build_network(shape)
        prepare(network, stamps(200).pixels)
        save_network(network, folder / name)
    card = json.loads((SHIPPED / "sdss-quasars" / FILE).read_text())
    z = np.random.default_rng(5).uniform(low, high, 5000)
    card.update(
        name=folder.name, components=components * members, members=members, z_min=low, z_max=high,
        weights={name: file_hash(folder / name) for name in names}, onnx={}, calibration=None,
        specialist=None, prior=prior_of(z).model_dump(), made_by=[f"train {folder.name}"],
        domain={"domain.npz": file_hash(folder / "domain.npz")},
        training={**card["training"], **as_shown(z)},
    )  # fmt: skip
    card.update(changes)
    (folder / FILE).write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A general model and a specialist of another form."""
    where = tmp_path_factory.mktemp("join")
    general = a_model(where / "general", 0.0, 7.0, members=2, components=8)
    return general, a_model(where / "special", 2.7, 5.05, members=3, components=4)


def told(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["models", *(str(word) for word in words)])
    return result.exit_code, " ".join(result.output.split())


def test_the_joined_model_says_what_both_say(parts, tmp_path):
    general, special = parts
    code, output = told("join", general, special, "-o", tmp_path / "both", "--below", 0.01, "--beyond", 0.05)
    assert code == 0, output
    assert "28 Gaussians from 5 networks" in output
    assert (
        "3 of the networks, for 2.700 to 5.050; assumed are 1 % of the sources below and 5 % beyond" in output
    )
    some = stamps(40, seed=1)
    whole, own = (predict_stamps(load_model(one), some) for one in (general, special))
    both = predict_stamps(load_model(tmp_path / "both"), some)
    shares = np.array([2.7, 2.35, 1.95]) / 7  # a flat prior from 0 to 7
    place = np.digitize(whole.mean, [2.7, 5.05])
    odds = whole.weight * (np.array([0.01, 0.94, 0.05]) / shares)[place]
    odds /= odds.sum(1, keepdims=True)
    inside = np.where(place == 1, odds, 0).sum(1)
    assert inside.min() < 0.99  # or this would test nothing
    assert both.weight[:, :16] == pytest.approx(np.where(place == 1, 0, odds), abs=2e-3)
    assert both.weight[:, 16:] == pytest.approx(own.weight * inside[:, None], abs=2e-3)
    assert both.mean == pytest.approx(np.concatenate([whole.mean, own.mean], axis=1), abs=1e-4)


def test_its_card_tells_of_both(parts, tmp_path):
    general, special = parts
    told("join", general, special, "-o", tmp_path / "both", "--name", "pair", "--title", "Two in one")
    card = read_card(tmp_path / "both")
    assert (card.name, card.title, card.calibration, card.scores) == ("pair", "Two in one", None, {})
    assert card.specialist is not None
    assert card.specialist.assumed == card.specialist.shown
    assert card.specialist.training[0]["held_out_fold"] == 0
    *before, last = card.made_by
    assert before == ["train general", "train special"]
    assert last == "vo-photoz models join general special -o both --name pair --title 'Two in one'"
    code, output = told("check", tmp_path / "both")
    assert code == 0, output
    assert told("show", tmp_path / "both")[1].count("for 2.700 to 5.050") == 1


def test_what_was_shown_is_not_smoothed(parts, tmp_path):
    """Real stamps end where the specialist begins; a prior that is smoothed would put some of them below."""
    rng = np.random.default_rng(8)
    z = np.concatenate([rng.uniform(2.7, 5.05, 19_000), rng.uniform(0, 7, 1000)])
    changes = {"prior": prior_of(z, smoothing=0.1).model_dump()}
    general = a_model(tmp_path / "general", 0.0, 7.0, members=1, components=8, **changes)
    card = json.loads((general / FILE).read_text())
    (general / FILE).write_text(json.dumps({**card, "training": {**card["training"], **as_shown(z)}}))
    code, output = told("join", general, parts[1], "-o", tmp_path / "both")
    assert code == 0, output
    specialist = read_card(tmp_path / "both").specialist
    assert specialist is not None
    below, beyond = float(np.mean(z < 2.7)), float(np.mean(z > 5.05))
    assert specialist.shown == pytest.approx((below, 1 - below - beyond, beyond), abs=1e-3)


def test_a_general_model_that_was_shown_nothing_outside_is_refused(parts, tmp_path):
    """Its odds would be divided by zero; a few sources can be lost when their share is rounded."""
    general = a_model(tmp_path / "general", 0.0, 7.0, members=1, components=8)
    card = json.loads((general / FILE).read_text())
    shown = as_shown(np.random.default_rng(1).uniform(2.7, 6.9, 3000))
    (general / FILE).write_text(json.dumps({**card, "training": {**card["training"], **shown}}))
    for words in ((), ("--below", 0.01)):
        code, output = told("join", general, parts[1], "-o", tmp_path / "both", *words)
        assert code != 0
        assert "showed next to nothing below 2.700" in output
        assert "Traceback" not in output
        assert "fault of vo-photoz" not in output
    assert not (tmp_path / "both").exists()


def test_networks_of_several_specialists_have_the_same_say(parts, tmp_path):
    general, special = parts
    other = a_model(tmp_path / "other", 2.9, 5.2, members=1, components=4)
    code, output = told("join", general, special, other, "-o", tmp_path / "both")
    assert code == 0, output
    assert "4 of the networks, for 2.900 to 5.050" in output
    some = stamps(30, seed=3)
    both = predict_stamps(load_model(tmp_path / "both"), some)
    one, two = (predict_stamps(load_model(folder), some) for folder in (special, other))
    inside = both.weight[:, 16:].sum(1, keepdims=True)
    assert both.weight[:, 16:28] == pytest.approx(one.weight * inside * 3 / 4, abs=1e-4)
    assert both.weight[:, 28:] == pytest.approx(two.weight * inside / 4, abs=1e-4)
    assert both.mean[:, 16:] == pytest.approx(np.concatenate([one.mean, two.mean], axis=1), abs=1e-4)


def test_onnx_says_the_same(parts, tmp_path):
    told("join", *parts, "-o", tmp_path / "both")
    add_onnx(tmp_path / "both")
    some = stamps(50, seed=2)
    here, there = (
        predict_stamps(load_model(tmp_path / "both", runtime), some) for runtime in ("tensorflow", "onnx")
    )
    assert there.weight == pytest.approx(here.weight, abs=1e-4)
    assert there.mean == pytest.approx(here.mean, abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pixel_arcsec": 0.5}, "do not eat the same stamps: their pixel_arcsec differ (0.4 and 0.5)"),
        ({"z_min": -1.0}, "are not a part of those of the general model"),
        ({"prior": None}, "does not tell its prior"),
        ({"training": {"held_out_fold": 3}}, "held out different folds (0 and 3)"),
    ],
)
def test_what_does_not_fit_is_refused(parts, tmp_path, changes, words):
    special = tmp_path / "other"
    shutil.copytree(parts[1], special)
    card = json.loads((special / FILE).read_text())
    card = {**card, **changes, "training": {**card["training"], **changes.get("training", {})}}
    (special / FILE).write_text(json.dumps(card))
    code, output = told("join", parts[0], special, "-o", tmp_path / "both")
    assert code != 0
    assert words in output
    assert "Traceback" not in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


def test_shares_that_cannot_be_meant_and_folders_that_exist(parts, tmp_path):
    for below, beyond in ((0, 0.1), (0.7, 0.4), (-0.1, 0.2)):
        code, output = told("join", *parts, "-o", tmp_path / "both", "--below", below, "--beyond", beyond)
        assert code != 0
        assert "cannot be meant" in output
    (tmp_path / "both").mkdir()
    code, output = told("join", *parts, "-o", tmp_path / "both")
    assert code != 0
    assert "exists already" in output


def test_a_specialist_may_have_one_of_its_own(parts, tmp_path):
    general, wide = parts
    narrow = a_model(tmp_path / "narrow", 3.0, 4.5, members=1, components=4)
    told("join", wide, narrow, "-o", tmp_path / "special", "--beyond", 0.05)
    code, output = told("join", general, tmp_path / "special", "-o", tmp_path / "both", "--below", 0.01)
    assert code == 0, output
    assert "32 Gaussians from 6 networks; 4 of the networks, for 2.700 to 5.050" in output
    assert "1 of these, for 3.000 to 4.500" in output
    some = stamps(40, seed=1)
    inner, both = (predict_stamps(load_model(tmp_path / one), some) for one in ("special", "both"))
    inside = both.weight[:, 16:].sum(1, keepdims=True)
    assert inside.min() < 0.99
    assert both.weight[:, 16:] == pytest.approx(inner.weight * inside, abs=1e-4)
    assert both.mean[:, 16:] == pytest.approx(inner.mean, abs=1e-4)
    prior = read_card(tmp_path / "both").prior
    outer, own = (read_card(tmp_path / one).specialist for one in ("both", "special"))
    assert outer.inner == own
    assert shares_of(prior.edges, prior.masses("").sum(0), 3.0, 4.5)[1] == pytest.approx(
        outer.assumed[1] * own.assumed[1], abs=1e-3
    )


def test_a_joined_model_is_the_one_specialist_or_none(parts, tmp_path):
    told("join", *parts, "-o", tmp_path / "both")
    for words in ((tmp_path / "both", parts[1]), (parts[0], tmp_path / "both", parts[1])):
        code, output = told("join", *words, "-o", tmp_path / "more")
        assert code != 0
        assert "was joined already" in output
        assert not (tmp_path / "more").exists()


def test_a_training_starts_from_its_general_networks(parts, tmp_path):
    told("join", *parts, "-o", tmp_path / "both")
    model, general = load_model(tmp_path / "both"), load_model(parts[0])
    assert model.card.general_members == general.card.members == 2
    assert model.card.network == general.card.network
    for one, other in zip(model.networks, general.networks, strict=False):
        for here, there in zip(one.get_weights(), other.get_weights(), strict=True):
            assert np.array_equal(here, there)
