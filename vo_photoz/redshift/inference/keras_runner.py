"""Networks on keras: TensorFlow, or whatever backend keras has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vo_photoz.flow import Float32Array
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.inference.memory import bytes_to_predict, check_room, says_out_of_memory
from vo_photoz.redshift.inference.merge import together

BATCH = 256
"""Stamps at a time: enough to keep the cores busy, little memory (0.4 GB for five `dcmdn-1`)."""
STEP = 16
"""Floats in the widest register of a processor. With whole ones TensorFlow gives every row the same bits,
whatever the size of the batch: measured with ``compact``, 16 to 592 stamps and 1 to 5 threads. The
convolutions of ``dcmdn`` are computed in another way up to 64 stamps: there last digits hang on the size."""


class KerasRunner:
    """Networks as one compiled function of the backend of keras; see `runner.Runner`.

    Parameters
    ----------
    networks : sequence of keras.Model
        The members.
    """

    def __init__(self, networks: Sequence[keras.Model]) -> None:
        backend = keras.backend.backend()
        self.name = f"keras {keras.__version__} on {backend}"
        self.batch = BATCH
        self._one_size = backend == "jax"
        self._bytes_a_stamp = bytes_to_predict(networks)
        self._run = compiled(networks)

    @property
    def step(self) -> int:
        """Batches are filled up to a multiple of it; JAX compiles anew, and otherwise, for every size."""
        return self.batch if self._one_size else STEP

    def __call__(self, pixels: Float32Array) -> Float32Array:
        """Mixtures of stamps; raises MemoryError if there is not enough memory."""
        check_room(len(pixels) * self._bytes_a_stamp)
        try:
            return np.asarray(keras.ops.convert_to_numpy(self._run(pixels)))
        except Exception as error:
            if says_out_of_memory(error):
                raise MemoryError(str(error)) from None
            raise


def compiled(networks: Sequence[keras.Model], *, portable: bool = False) -> Callable[[Any], Any]:
    """All members as one compiled function: stamps (n, band, y, x) to (n, 3, k).

    TensorFlow compiles it once for every number of stamps, JAX once for each. ``portable`` leaves out what is
    quick on TensorFlow alone.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - only with this backend

        on_cpu = not tf.config.list_physical_devices("GPU")
        function = together(networks, by_products=on_cpu and not portable)
        signature = tf.TensorSpec((None, *networks[0].input_shape[1:]), tf.float32, name="stamps")
        on_tensorflow: Callable[[Any], Any] = tf.function(function, input_signature=[signature])
        return on_tensorflow
    if backend == "jax":
        import jax  # noqa: PLC0415 - only with this backend

        on_jax: Callable[[Any], Any] = jax.jit(together(networks))
        return on_jax
    return together(networks)
