"""Write all networks of a model as one ONNX file, and prove that it gives the same."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from vo_photoz.errors import ModelError
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.card import write_card
from vo_photoz.redshift.inference.keras_runner import KerasRunner, compiled
from vo_photoz.redshift.inference.runner import mixtures
from vo_photoz.redshift.model import Model, file_hash, load_model

FILE = "networks.onnx"
"""Its name in the folder of a model."""
OPSET = 18
"""Of ONNX; read by onnxruntime from 1.14 (2023) on."""
TOLERANCE = 1e-5
"""Largest difference of a number x to that of the networks, in units of 1 + x."""
TRIALS = 64
SQRT2 = np.array(2**0.5, dtype=np.float32)


def add_onnx(folder: Path, *, made_by: str = "") -> float:
    """Write the networks of a model as ONNX into its folder, and their hash into its card.

    Parameters
    ----------
    folder : Path
        Of a model; an ONNX file that it has already is written anew.
    made_by : str
        The command that does it, for the card.

    Returns
    -------
    float
        Largest difference to the networks on random stamps.

    Raises
    ------
    ModelError
        Raised if the model is not whole, or as by `export_onnx`; the folder stays as it was then.
    """
    model = load_model(folder, "tensorflow")
    difference = export_onnx(model, model.folder / FILE)
    changed = {"onnx": {FILE: file_hash(model.folder / FILE)}, "made_by": model.card.commands_with(made_by)}
    write_card(model.folder, model.card.model_copy(update=changed))
    return difference


def export_onnx(model: Model, path: Path) -> float:
    """Write the networks of a model as ONNX: stamps (n, band, y, x) to mixtures (n, 3, k).

    Returns
    -------
    float
        Largest difference to the networks on random stamps from faint to saturated.

    Raises
    ------
    ModelError
        Raised if tf2onnx or onnxruntime is not installed, keras does not run on TensorFlow, a layer has no
        counterpart in ONNX, or the answers differ by more than 1e-5; nothing is written then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(_converted(model))
        difference = _checked(model, temporary)
        temporary.replace(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        temporary.unlink(missing_ok=True)
    return difference


def _converted(model: Model) -> bytes:
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"ONNX files are written through TensorFlow, but keras runs on {keras.backend.backend()} here.",
            advice="Unset KERAS_BACKEND.",
        )
    import tensorflow as tf  # noqa: PLC0415 - only with this backend

    tf2onnx = _extra("tf2onnx")
    stamps = tf.TensorSpec((None, *model.networks[0].input_shape[1:]), tf.float32, name="stamps")
    written, _ = tf2onnx.convert.from_function(
        compiled(model.networks, portable=True),
        input_signature=[stamps],
        opset=OPSET,
        custom_op_handlers={"Erfc": (_erfc, []), "Log1p": (_log1p, [])},
    )
    _fusable(written)
    _describe(written, model)
    blob: bytes = written.SerializeToString()
    return blob


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ModelError(
            f"{error.name or name}, which is needed to write ONNX files, is not installed.",
            advice="Install it with `pip install 'vo-photoz[onnx-export]'`.",
        ) from None


def _erfc(graph: Any, node: Any, name: str, _: Any) -> Any:
    """The complement of the error function, which ONNX lacks, as 1 - erf."""
    node.type, out = "Erf", node.output[0]
    one = graph.make_const(f"{name}_one", np.array(1, dtype=np.float32)).output[0]
    complement = graph.make_node("Sub", [one, out])
    readers = [other for other in graph.get_nodes() if other.name != complement.name]
    graph.replace_all_inputs(out, complement.output[0], ops=readers)
    return node


def _log1p(graph: Any, node: Any, name: str, _: Any) -> Any:
    """The logarithm of 1 + x, which ONNX lacks; near 0 it is good to 1e-7 and no better."""
    one = graph.make_const(f"{name}_one", np.array(1, dtype=np.float32)).output[0]
    raised = graph.make_node("Add", [node.input[0], one])
    node.type = "Log"
    graph.replace_input(node, node.input[0], raised.output[0], 0)
    return node


def _fusable(written: Any) -> None:
    """Write x * 0.7071 before an error function as x / 1.4142.

    So ONNX Runtime recognises the exact GELU and computes it in one pass; TensorFlow had made the division a
    product.
    """
    erf = {node.input[0] for node in written.graph.node if node.op_type == "Erf"}
    constants = {one.name: one for one in written.graph.initializer}
    for node in written.graph.node:
        if node.op_type != "Mul" or node.output[0] not in erf:
            continue
        factor = next((constants[name] for name in node.input if name in constants), None)
        if factor is None or np.size(value := _value(factor)) != 1 or not np.isclose(value, 0.5**0.5):
            continue
        inverse = f"{node.name}_inverse"
        written.graph.initializer.append(_extra("onnx.numpy_helper").from_array(SQRT2, inverse))
        other = next(name for name in node.input if name != factor.name)
        node.op_type = "Div"
        del node.input[:]
        node.input.extend([other, inverse])


def _value(constant: Any) -> np.ndarray:
    return np.asarray(_extra("onnx.numpy_helper").to_array(constant))


def _describe(written: Any, model: Model) -> None:
    """Say in the file whose networks these are."""
    written.producer_name = f"vo_photoz ({written.producer_name} {written.producer_version})"
    for key, value in {"model": model.card.name, "weights": model.hash}.items():
        entry = written.metadata_props.add()
        entry.key, entry.value = key, value


def _checked(model: Model, path: Path) -> float:
    """Largest difference between the ONNX file and the networks; an error if it is too large."""
    rng = np.random.default_rng(1)
    shape = (TRIALS, *model.networks[0].input_shape[1:])
    brightness = 10 ** rng.uniform(1, 6, (TRIALS, 1, 1, 1))
    stamps = (brightness * (rng.normal(0, 1, shape) + rng.exponential(1, shape))).astype(np.float32)
    stamps[0] = 0
    onnx = _extra("vo_photoz.redshift.inference.onnx_runner").OnnxRunner(path)
    here, there = (
        mixtures(runner, stamps, np.arange(TRIALS), model.card.components)
        for runner in (KerasRunner(model.networks), onnx)
    )
    difference = np.abs(here - there)
    if not (difference <= TOLERANCE * (1 + np.abs(here))).all():
        raise ModelError(
            f"The ONNX file of the model {model.card.name} gives other densities: they differ by "
            f"{difference.max():.1g}.",
            advice="Keep to TensorFlow for this model, or try another version of tf2onnx.",
        )
    return float(difference.max())
