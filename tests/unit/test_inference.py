"""Networks as one function, on keras and on ONNX Runtime: the same numbers, bounded memory, plain words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests import small_models as small
from vo_photoz.cli.main import app
from vo_photoz.errors import ModelError
from vo_photoz.flow import MixturePDF
from vo_photoz.redshift.classes import class_probabilities
from vo_photoz.redshift.inference.memory import says_out_of_memory
from vo_photoz.redshift.inference.runner import chosen
from vo_photoz.redshift.model import load_model
from vo_photoz.redshift.predict import predict_stamps

ROOT = Path(__file__).resolve().parent.parent.parent
CORES = 2


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_model(tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture(scope="module")
def exported(plain: Path) -> Path:
    """The same model with an ONNX file, as the command leaves it."""
    folder = plain.parent / "exported"
    shutil.copytree(plain, folder)
    result = CliRunner().invoke(app, ["models", "export", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


def stacked(pdf: MixturePDF) -> np.ndarray:
    return np.stack([pdf.weight, pdf.mean, pdf.sigma], axis=1)


def one_by_one(networks: list, pixels: np.ndarray) -> np.ndarray:
    """Mixtures of the members, each alone as keras computes it."""
    parts = [np.array(network(pixels, training=False)) for network in networks]
    for part in parts:
        part[:, 0] /= len(parts)
    return np.concatenate(parts, axis=2)


@pytest.mark.parametrize(
    ("architecture", "classes"), [("compact", ()), ("compact", small.CLASSES), ("dcmdn-1", small.CLASSES)]
)
def test_all_members_as_one_function_are_the_members(architecture, classes):
    from vo_photoz.redshift.inference.keras_runner import KerasRunner

    networks, pixels = small.networks(small.shape(architecture, classes)), small.stamps(37).pixels
    small.give_biases(networks)
    found = KerasRunner(networks)(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, one_by_one(networks, pixels), rtol=2e-6, atol=5e-6)


def test_members_that_are_not_built_alike_run_too():
    from vo_photoz.redshift.inference.keras_runner import KerasRunner

    wide = small.networks(replace(small.shape(), filters=(5, 7, 9)), members=1)
    networks, pixels = [*small.networks(small.shape(), members=1), *wide], small.stamps(9).pixels
    np.testing.assert_allclose(KerasRunner(networks)(pixels), one_by_one(networks, pixels), atol=5e-6)


def test_onnx_gives_the_same_densities_and_classes(exported):
    shown = small.stamps(300)
    here = predict_stamps(load_model(exported, "tensorflow"), shown)
    model = load_model(exported)
    assert model.runner.name.startswith("onnxruntime")
    there = predict_stamps(model, shown)
    np.testing.assert_allclose(stacked(there), stacked(here), rtol=0, atol=1e-5)
    card = model.card
    assert card.made_by == ["vo-photoz models export exported"]
    sums = class_probabilities(there, card.component_classes, card.classes)
    assert sums.sum(1) == pytest.approx(np.ones(300), abs=1e-5)
    assert card.onnx.keys() == {"networks.onnx"}


def test_members_share_what_needs_no_weights(exported):
    """One logarithm for the channels and one for the light, however many members there are."""
    import onnx

    written = onnx.load(exported / "networks.onnx")
    operations = [node.op_type for node in written.graph.node]
    assert operations.count("Log") + operations.count("Asinh") <= 3
    assert operations.count("Conv") == 1 + 2  # one wide first layer, then one for each member
    assert {one.key: one.value for one in written.metadata_props}["weights"] == load_model(exported).hash


def test_a_worker_without_tensorflow_predicts_with_little_memory(exported, tmp_path):
    shown = small.stamps(64)
    np.save(tmp_path / "stamps.npy", shown.pixels)
    words = [str(exported), str(tmp_path / "stamps.npy"), str(tmp_path / "out.npy")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.light_worker", *words],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    expected = predict_stamps(load_model(exported, "tensorflow"), shown)
    found = np.moveaxis(np.load(tmp_path / "out.npy"), 0, 1)
    np.testing.assert_allclose(found, stacked(expected), rtol=0, atol=1e-5)
    assert float(done.stdout) < 200


def test_a_worker_without_tensorflow_says_what_a_model_lacks(plain, tmp_path):
    np.save(tmp_path / "stamps.npy", small.stamps(2).pixels)
    words = [str(plain), str(tmp_path / "stamps.npy"), str(tmp_path / "out.npy")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.light_worker", *words],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert "ModelError: The model plain needs keras and TensorFlow" in done.stderr


def test_what_runs_a_model_is_chosen_by_what_there_is(plain, exported, monkeypatch):
    assert chosen(load_model(plain), "auto") == "tensorflow"
    assert chosen(load_model(exported), "auto") == "onnx"
    assert chosen(load_model(exported), "tensorflow") == "tensorflow"
    with pytest.raises(ModelError, match=r"has no ONNX file\. Make one with `vo-photoz models export"):
        load_model(plain, "onnx").runner  # noqa: B018
    monkeypatch.setattr("vo_photoz.redshift.inference.runner.find_spec", lambda name: name == "keras" or None)
    assert chosen(load_model(exported), "auto") == "tensorflow"
    with pytest.raises(ModelError, match="ONNX Runtime is not installed"):
        chosen(load_model(exported), "onnx")


def test_the_setting_chooses_too(exported, monkeypatch):
    from vo_photoz import settings

    monkeypatch.setenv("VO_PHOTOZ_RUNTIME", "tensorflow")
    settings.defaults.cache_clear()
    assert load_model(exported).runtime == "tensorflow"


def test_an_onnx_file_elsewhere_leaves_the_model_as_it_is(plain, tmp_path):
    before = (plain / "card.json").read_bytes()
    result = CliRunner().invoke(app, ["models", "export", str(plain), "-o", str(tmp_path / "sub" / "n.onnx")])
    assert result.exit_code == 0, result.output
    assert "Written:" in result.output
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["n.onnx"]
    assert (plain / "card.json").read_bytes() == before


def test_an_onnx_file_that_differs_is_not_kept(plain, tmp_path, monkeypatch):
    from vo_photoz.redshift.inference import export

    monkeypatch.setattr(export, "TOLERANCE", 1e-12)
    with pytest.raises(ModelError, match="gives other densities"):
        export.export_onnx(load_model(plain, "tensorflow"), tmp_path / "n.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda file: file.unlink(), "networks.onnx is missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:-100]), "changed or cut off"),
    ],
)
def test_a_damaged_onnx_file_is_told_and_not_passed_over(exported, tmp_path, harm, message):
    shutil.copytree(exported, tmp_path / "copy")
    harm(tmp_path / "copy" / "networks.onnx")
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path / "copy")


def test_an_onnx_file_that_is_none_is_told(exported, tmp_path):
    from vo_photoz.redshift.model import file_hash

    folder = tmp_path / "copy"
    shutil.copytree(exported, folder)
    (folder / "networks.onnx").write_bytes(b"no networks")
    card = json.loads((folder / "card.json").read_text())
    card["onnx"] = {"networks.onnx": file_hash(folder / "networks.onnx")}
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"networks\.onnx cannot be loaded"):
        predict_stamps(load_model(folder), small.stamps(1))


def test_networks_that_do_not_fit_their_card_are_told(exported, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(exported, folder)
    card = json.loads((folder / "card.json").read_text())
    changed = {"components": 2, "classes": [], "component_classes": []}
    (folder / "card.json").write_text(json.dumps({**card, **changed}))
    with pytest.raises(ModelError, match="the card of the model names 2"):
        predict_stamps(load_model(folder), small.stamps(1))


@pytest.mark.parametrize("runtime", ["tensorflow", "onnx"])
def test_constant_stamps_have_a_density_and_stamps_without_a_centre_have_none(exported, runtime):
    shown = small.stamps(6)
    shown.pixels[0] = 0
    shown.pixels[1] = 7.0
    shown.pixels[2] = np.nan
    shown.pixels[3] = np.inf
    shown.pixels[4] = 1e30
    found = stacked(predict_stamps(load_model(exported, runtime), shown))
    assert list(np.isfinite(found).all((1, 2))) == [True, True, False, False, True, True]


def test_a_process_has_one_copy_of_a_model(exported, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: load_model(exported), range(16)))
        assert len({id(model) for model in models}) == 1
        assert len({id(runner) for runner in pool.map(lambda model: model.runner, models)}) == 1
    shutil.copytree(exported, tmp_path / "copy")
    one = load_model(tmp_path / "copy")
    card = json.loads((tmp_path / "copy" / "card.json").read_text())
    (tmp_path / "copy" / "card.json").write_text(json.dumps({**card, "title": "another"}))
    assert load_model(tmp_path / "copy") is not one
    (tmp_path / "copy" / "weights" / "member-0.keras").write_bytes(b"PK")
    with pytest.raises(ModelError, match="changed or cut off"):
        load_model(tmp_path / "copy")


@pytest.mark.parametrize("runtime", ["tensorflow", "onnx"])
def test_many_threads_get_what_one_gets(exported, runtime):
    model, shown = load_model(exported, runtime), [small.stamps(n, seed=n) for n in range(1, 40, 3)]
    alone = [stacked(predict_stamps(model, one)) for one in shown]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: stacked(predict_stamps(model, one)), shown))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("runtime", ["tensorflow", "onnx"])
def test_a_stamp_has_the_same_bits_in_any_company(exported, runtime):
    model, shown = load_model(exported, runtime), small.stamps(300)

    def predicted(rows: np.ndarray) -> np.ndarray:
        part = replace(shown, pixels=shown.pixels[rows], flags=shown.flags[rows])
        return stacked(predict_stamps(model, part, orientations=8))

    expected, order = predicted(np.arange(300)), np.random.default_rng(3).permutation(300)
    np.testing.assert_array_equal(predicted(order), expected[order])
    for size in (1, 3, 10, 50, 77, 129):
        parts = [predicted(np.arange(300)[start : start + size]) for start in range(0, 300, size)]
        np.testing.assert_array_equal(np.concatenate(parts), expected, err_msg=str(size))


def out_of_memory_above(rows: int, real):
    """What TensorFlow does when a graphics card or a computer has no memory for more rows."""
    import tensorflow as tf

    def run(pixels):
        if len(pixels) > rows:
            raise tf.errors.ResourceExhaustedError(
                None, None, "OOM when allocating tensor with shape[256,20,20,96]"
            )
        return real(pixels)

    return run


def test_a_batch_without_memory_is_halved_and_goes_on(plain, monkeypatch, caplog):
    model, shown = load_model(plain, "tensorflow"), small.stamps(400)
    expected = stacked(predict_stamps(model, shown))
    monkeypatch.setattr(model.runner, "batch", 256)
    monkeypatch.setattr(model.runner, "_run", out_of_memory_above(50, model.runner._run))
    np.testing.assert_allclose(stacked(predict_stamps(model, shown)), expected, atol=1e-5)
    assert model.runner.batch == 32
    assert caplog.messages[-1].endswith("going on with 32.")


def test_no_memory_for_one_stamp_is_told(plain, monkeypatch):
    model = load_model(plain, "tensorflow")
    monkeypatch.setattr(model.runner, "batch", 256)
    monkeypatch.setattr(model.runner, "_run", out_of_memory_above(0, None))
    with pytest.raises(ModelError, match="not enough memory to predict a single stamp"):
        predict_stamps(model, small.stamps(5))


def test_other_failures_are_not_taken_for_missing_memory(plain, monkeypatch):
    model = load_model(plain, "tensorflow")

    def fails(_):
        raise ValueError("another reason")

    monkeypatch.setattr(model.runner, "_run", fails)
    with pytest.raises(ValueError, match="another reason"):
        predict_stamps(model, small.stamps(5))


@pytest.mark.parametrize("runtime", ["onnx", "tensorflow"])
def test_under_a_real_limit_of_memory_batches_become_smaller(exported, runtime):
    limits = ["250", "150", "20"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.memory_limit", "predict", str(exported), runtime, "20000", *limits],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    *enough, little = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(enough) == 2
    for one in enough:
        assert 16 <= one["batch"] <= 20_000
        assert one["difference"] < 1e-5
    if runtime == "onnx":
        assert little["batch"] < 20_000
        assert little["difference"] < 1e-5
    else:
        assert enough[0]["batch"] < 20_000
        assert little["error"].startswith("ModelError: There is not enough memory to predict a single stamp")


def test_what_a_library_says_of_memory_is_recognised_where_it_is_wrapped_too():
    """TensorFlow packs a MemoryError of numpy into a TypeError as it takes the arguments of a function."""

    def packed() -> None:
        try:
            raise MemoryError
        except MemoryError as inner:
            raise TypeError(f"Binding inputs to tf.function failed due to `{inner}`.") from None

    with pytest.raises(TypeError) as caught:
        packed()
    assert says_out_of_memory(caught.value)
    assert says_out_of_memory(TypeError("failed due to `Unable to allocate 7.66 MiB for an array`"))
    assert not says_out_of_memory(TypeError("failed due to `missing a required argument`"))


def test_models_check_runs_all_that_can_run_a_model(plain, exported):
    for folder, names in ((plain, ["keras"]), (exported, ["onnxruntime", "keras"])):
        result = CliRunner().invoke(app, ["models", "check", str(folder)])
        assert result.exit_code == 0, result.output
        assert [name in result.output for name in names] == [True] * len(names)
        assert len(result.output.splitlines()) == len(names)
