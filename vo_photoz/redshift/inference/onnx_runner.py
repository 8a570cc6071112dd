"""Networks on ONNX Runtime: no keras, no TensorFlow, little memory, a quick start."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from vo_photoz.errors import ModelError
from vo_photoz.flow import Float32Array
from vo_photoz.redshift.inference.memory import says_out_of_memory

BATCH = 1024
SLICE = 64
"""Stamps of one thread at a time: enough to hide the cost of a call, little memory."""
STEP = 8
"""Slices of whole steps have the same bits in every row, whatever their size (measured: from 4 on)."""


class OnnxRunner:
    """Networks in one ONNX file; see `runner.Runner`.

    Every core takes slices of the batch for itself: that is quicker than all cores on each layer.

    Parameters
    ----------
    path : Path
        Written by `export.export_onnx`.
    threads : int or None
        Threads; None takes the cores that this process may use.

    Raises
    ------
    ModelError
        Raised if the file cannot be loaded.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.name = f"onnxruntime {onnxruntime.__version__}"
        self.batch, self.step = BATCH, STEP
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what matters is raised
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            self._input, self._output = (
                self._session.get_inputs()[0].name,
                self._session.get_outputs()[0].name,
            )
        except Exception as error:  # noqa: BLE001 - it has a class of error for every code, without a base
            reason = str(error).strip().splitlines()[0]
            raise ModelError(
                f"The ONNX file {path} cannot be loaded: {reason}",
                advice=f"It may need another version of onnxruntime (here {onnxruntime.__version__}); "
                "get the model again or take --runtime tensorflow.",
            ) from None
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="onnx")

    def __call__(self, pixels: Float32Array) -> Float32Array:
        """Mixtures of stamps; raises MemoryError if there is not enough memory."""
        share = max(1, -(-len(pixels) // self._threads))
        size = min(SLICE, -(-share // self.step) * self.step, self.batch)
        parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
        try:
            return np.concatenate(list(self._pool.map(self._run, parts)))
        except Exception as error:
            if says_out_of_memory(error):
                raise MemoryError(str(error)) from None
            raise

    def _run(self, pixels: Float32Array) -> Float32Array:
        found: list[Float32Array] = self._session.run([self._output], {self._input: pixels})
        return found[0]
