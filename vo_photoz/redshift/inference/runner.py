"""What runs the networks of a model, and the one loop that feeds it."""

from __future__ import annotations

import gc
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import ModelError
from vo_photoz.flow import Float32Array

if TYPE_CHECKING:
    from vo_photoz.redshift.model import Model

log = logging.getLogger(__name__)

LARGEST = np.float32(1e15)
"""Pixel values, nJy/arcsec2: a million Jy/arcsec2 is brighter than any source."""
Runtime = Literal["auto", "tensorflow", "onnx"]


class Runner(Protocol):
    """All members of a model as one function.

    Parameters
    ----------
    name : str
        What computes, for provenance: "keras tensorflow 2.21.0", "onnxruntime 1.32.0".
    batch : int
        Stamps that it takes at most at a time; it becomes smaller when the memory does not suffice.
    step : int
        Batches are filled up to a multiple of it. Libraries compute rows beyond a multiple of what a
        processor takes at once in another way, so the same stamp gave other last digits in other company.
    """

    name: str
    batch: int

    @property
    def step(self) -> int:
        """See the parameters."""

    def __call__(self, pixels: Float32Array) -> Float32Array:
        """Mixtures (n, 3, k) of stamps (n, band, y, x) without missing pixels.

        Raises
        ------
        MemoryError
            Raised if there is not enough memory for so many.
        """


def open_runner(model: Model, runtime: Runtime) -> Runner:
    """Open what runs a model.

    Parameters
    ----------
    model : Model
        Its ONNX file and its weights were checked against the card.
    runtime : {"auto", "tensorflow", "onnx"}
        ``auto``: ONNX Runtime when it is installed and the model has an ONNX file, else keras on its backend.

    Raises
    ------
    ModelError
        Raised if the model or the installation lacks what is needed, or a file cannot be loaded.
    """
    if chosen(model, runtime) == "onnx":
        from vo_photoz.redshift.inference.onnx_runner import OnnxRunner  # noqa: PLC0415 - an extra

        return OnnxRunner(model.folder / next(iter(model.card.onnx)))
    from vo_photoz.redshift.inference.keras_runner import KerasRunner  # noqa: PLC0415 - slow to import

    return KerasRunner(model.networks)


def chosen(model: Model, runtime: Runtime) -> Literal["tensorflow", "onnx"]:
    """Which of the two runs a model; importing neither.

    Raises
    ------
    ModelError
        Raised if ONNX is asked for and there is no file or no ONNX Runtime, or neither of both is installed.
    """
    has_file, installed = bool(model.card.onnx), _installed("onnxruntime")
    if runtime == "onnx" and not has_file:
        raise ModelError(
            f"The model {model.card.name} has no ONNX file.",
            advice=f"Make one with `vo-photoz models export {model.card.name}`.",
        )
    if runtime == "onnx" and not installed:
        raise ModelError(
            "ONNX Runtime is not installed.", advice="Install it with `pip install 'vo-photoz[onnx]'`."
        )
    if runtime != "tensorflow" and has_file and installed:
        return "onnx"
    if not _installed("keras"):
        raise ModelError(
            f"The model {model.card.name} needs keras and TensorFlow, which are not installed here.",
            advice="Install them, or take a model with an ONNX file and `pip install 'vo-photoz[onnx]'`.",
        )
    return "tensorflow"


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def mixtures(runner: Runner, pixels: Float32Array, rows: NDArray[np.intp], components: int) -> Float32Array:
    """Mixtures (len(rows), 3, k) of some of the stamps (n, band, y, x); missing pixels count as empty sky.

    Only one batch at a time is copied. A batch for which the memory does not suffice is halved, and the work
    goes on from there. Networks such as ``compact`` give a stamp the same mixture to the last bit whatever
    stands beside it, as long as the memory suffices for ``runner.step`` stamps.

    Raises
    ------
    ModelError
        Raised if the memory does not suffice for one stamp, or the networks give other than ``components``.
    """
    out = np.empty((len(rows), 3, components), dtype=np.float32)
    start = 0
    while start < len(rows):
        part = slice(start, start + runner.batch)
        found = _tried(runner, pixels, rows[part])
        if found is None:
            _halve(runner)
            continue
        if found.shape[1:] != out.shape[1:]:
            raise ModelError(
                f"The networks give {found.shape[-1]} Gaussians, the card of the model names {components}.",
                advice="Get the model again.",
            )
        out[part] = found[: len(out[part])]
        start = part.stop
    return out


def _tried(runner: Runner, pixels: Float32Array, rows: NDArray[np.intp]) -> Float32Array | None:
    """Mixtures of a batch; None if there was not enough memory."""
    try:
        return runner(_filled(_finite(pixels[rows]), min(runner.step, runner.batch)))
    except MemoryError:
        return None


def _filled(pixels: Float32Array, step: int) -> Float32Array:
    """Stamps, and empty ones up to a multiple of ``step``."""
    missing = -len(pixels) % step
    return np.pad(pixels, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else pixels


def _finite(pixels: Float32Array) -> Float32Array:
    """Empty sky where a pixel is missing; values so large that squares overflow are cut."""
    if pixels.min() >= -LARGEST and pixels.max() <= LARGEST:  # false for NaN
        return pixels
    clean = np.nan_to_num(pixels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(clean, -LARGEST, LARGEST, out=clean)


def _halve(runner: Runner) -> None:
    gc.collect()  # errors of libraries hold the batch that failed, in circles
    if runner.batch <= 1:
        raise ModelError(
            "There is not enough memory to predict a single stamp.",
            advice="Close other programs, or take a machine with more memory.",
        )
    log.warning(
        "Not enough memory for %d stamps at a time: going on with %d.", runner.batch, runner.batch // 2
    )
    runner.batch //= 2
