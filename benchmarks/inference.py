"""Stamps to mixtures: an ensemble of five against `keras.Model.predict`, and a worker's first answer.

The weights are random: they do not matter to the time. The peer is the same ensemble as one keras model, with
keras's own batch and with a larger one. Needs the extras `onnx` and `onnx-export`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from alternate import alternate, report

BANDS, SIDE, MEMBERS, STAMPS = 5, 28, 5, 2048
CLASSES = ("STAR", "GALAXY", "QSO")
SOFTENING = (1050.0, 400.0, 650.0, 1100.0, 4200.0)
"""Noise of a pixel of SDSS in ugriz, nJy/arcsec2: see the note of the real stamps."""
WORKER = """
import sys
from pathlib import Path
import numpy as np
from vo_photoz.flow import Stamps
from vo_photoz.redshift.model import load_model
from vo_photoz.redshift.predict import predict_stamps
model = load_model(sys.argv[1], sys.argv[2])
card = model.card
pixels = np.load(sys.argv[3])
flags = np.zeros(len(pixels), np.int16)
predict_stamps(model, Stamps(pixels, flags, tuple(card.bands), 0.4, card.pixel_unit))
print("answer", flush=True)
status = Path("/proc/self/status").read_text()  # rusage would tell the memory of the parent
print(int(status.split("VmHWM:")[1].split()[0]) / 1024, flush=True)
"""


def main(rounds: int = 5) -> None:
    """Print rates, ratios, seconds to the first answer and memory."""
    pixels = stamps()
    with tempfile.TemporaryDirectory() as place:
        folder = write_model(Path(place) / "model", "compact", MEMBERS)
        print(f"{MEMBERS} networks (compact), {STAMPS} stamps of {BANDS} x {SIDE} x {SIDE}, two runtimes")
        report(alternate(of_ensemble(folder, pixels), rounds), per=STAMPS)
        print("one network of each architecture, on keras")
        report(alternate(of_architectures(pixels[:512]), rounds), per=512)
        print("a worker from its start to the first 64 mixtures")
        first_answers(folder, Path(place), pixels[:64], rounds)


def stamps() -> np.ndarray:
    """Point sources on noise, nJy/arcsec2."""
    rng = np.random.default_rng(1)
    offset = np.arange(SIDE) - (SIDE - 1) / 2
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset[None, :] ** 2) / 1.5**2)
    flux = 10 ** rng.uniform(3, 5, (STAMPS, BANDS))
    noise = rng.normal(0, np.array(SOFTENING)[None, :, None, None], (STAMPS, BANDS, SIDE, SIDE))
    return (flux[:, :, None, None] * psf + noise).astype(np.float32)


def of_ensemble(folder: Path, pixels: np.ndarray) -> dict[str, Any]:
    """Ours on both runtimes, and the peers; all warm and proven to agree."""
    from vo_photoz.redshift.inference.runner import mixtures
    from vo_photoz.redshift.model import load_model

    rows = np.arange(len(pixels))

    def ours(runtime: str) -> Any:
        model = load_model(folder, runtime)
        return lambda: mixtures(model.runner, pixels, rows, model.card.components)

    peer = one_keras_model(load_model(folder, "tensorflow").networks)
    candidates = {
        "ours, TensorFlow": ours("tensorflow"),
        "ours, ONNX Runtime": ours("onnx"),
        "keras.predict, batches of 32": lambda: peer.predict(pixels, batch_size=32, verbose=0),
        "keras.predict, batches of 256": lambda: peer.predict(pixels, batch_size=256, verbose=0),
    }
    answers = [run() for run in candidates.values()]
    difference = max(float(np.abs(one - answers[-1]).max()) for one in answers)
    print(f"largest difference of a weight, mean or width: {difference:.1g}")
    return candidates


def one_keras_model(networks: list[Any]) -> Any:
    """The ensemble as a user of keras would write it."""
    from vo_photoz.redshift.backend import keras, ops

    for number, network in enumerate(networks):
        network.name = f"member_{number}"
    shown = keras.Input(networks[0].input_shape[1:])
    parts = [network(shown) for network in networks]
    weight = ops.concatenate([part[:, :1] for part in parts], axis=2) / len(parts)
    rest = ops.concatenate([part[:, 1:] for part in parts], axis=2)
    return keras.Model(shown, ops.concatenate([weight, rest], axis=1))


def of_architectures(pixels: np.ndarray) -> dict[str, Any]:
    """One network of each architecture; dcmdn-1 is the peer."""
    from vo_photoz.redshift.inference.keras_runner import KerasRunner
    from vo_photoz.redshift.inference.runner import mixtures
    from vo_photoz.redshift.networks import build_network

    candidates = {}
    for name in ("compact", "dcmdn-1"):
        network = build_network(shape(name))
        give_biases(network, 1)
        runner, k = KerasRunner([network]), network.output_shape[-1]
        candidates[name] = lambda runner=runner, k=k: mixtures(runner, pixels, np.arange(len(pixels)), k)
        candidates[name]()
    return candidates


def first_answers(folder: Path, place: Path, pixels: np.ndarray, rounds: int) -> None:
    """Time and memory of workers in processes of their own."""
    np.save(place / "stamps.npy", pixels)
    memory: dict[str, list[float]] = {"onnx": [], "tensorflow": []}

    def worker(runtime: str) -> None:
        words = [sys.executable, "-c", WORKER, str(folder), runtime, str(place / "stamps.npy")]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "answer\n"
            memory[runtime].append(float(process.stdout.readline()))

    seconds = alternate({name: lambda name=name: worker(name) for name in memory}, rounds)
    report(seconds)
    for name, megabytes in memory.items():
        print(f"{name:40s} {statistics.median(megabytes):9.0f} MB at most")


def shape(architecture: str) -> Any:
    from vo_photoz.redshift.networks import NetworkShape

    return NetworkShape(
        BANDS, SIDE, 5, SOFTENING, 2.0, 1.5, architecture=architecture, classes=CLASSES
    )  # five Gaussians for galaxies and quasars each, one for stars


def write_model(folder: Path, architecture: str, members: int) -> Path:
    """A model with random weights, and its ONNX file."""
    from vo_photoz.redshift.backend import keras
    from vo_photoz.redshift.card import Card, Training, write_card
    from vo_photoz.redshift.inference.export import add_onnx
    from vo_photoz.redshift.load import save_network
    from vo_photoz.redshift.model import file_hash
    from vo_photoz.redshift.networks import build_network, prepare

    (folder / "weights").mkdir(parents=True)
    chosen, weights, sample = shape(architecture), {}, stamps()[:256]
    for number in range(members):
        keras.utils.set_random_seed(number)
        network, name = build_network(chosen), f"weights/member-{number}.keras"
        prepare(network, sample[number::members])
        give_biases(network, number)
        save_network(network, folder / name)
        weights[name] = file_hash(folder / name)
    training = Training(
        name="none", rows=0, held_out_fold=0, histogram_edges=[], histogram_counts=[], sha256="", real=False
    )
    k = chosen.mixture_components * members
    card = Card(
        name="benchmark", bands=list("ugriz"), stamp_pixels=SIDE, pixel_arcsec=0.4, pixel_unit="nJy/arcsec2",
        components=k, members=members, classes=list(CLASSES),
        component_classes=list(chosen.component_classes) * members, z_min=0, z_max=7, training=training,
        weights=weights,
    )  # fmt: skip
    write_card(folder, card)
    add_onnx(folder)
    return folder


def give_biases(network: Any, seed: int) -> None:
    """Biases as small as trained ones: a compiler would drop those that are zero."""
    rng = np.random.default_rng(seed)
    for weight in network.trainable_weights:
        if weight.name == "bias":
            weight.assign(rng.normal(0, 0.02, weight.shape))


if __name__ == "__main__":
    main()
