"""Memory that does not suffice: asked for beforehand, and recognised in what libraries say.

Where a library gets no memory it mostly raises an error of its own, and the batch is halved. But oneDNN,
which multiplies and convolves inside TensorFlow, throws some errors where nobody catches them, and the
process is aborted. So what a batch will take is asked for, and given back, before the library gets it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

SPARE = 64 * 2**20
"""Bytes that must be free beside the batch: threads, graphs and work space of oneDNN take them. Measured with
``sdss-quasars`` on TensorFlow 2.21 without asking: aborted with 10 MB left, not with 20 MB or more."""
WORDS = (
    "out of memory", "out_of_memory", "resource_exhausted", "resourceexhausted", "oom when",
    "failed to allocate", "unable to allocate", "memoryerror", "bad_alloc", "bad allocation",
    "received an exception:status: 1,",
)  # fmt: skip
"""How the libraries say it, in lower case; each has an exception of its own."""


def says_out_of_memory(error: BaseException) -> bool:
    """Whether an error of a library, or what it came from, tells that memory could not be had."""
    return any(_says(one) for one in _chain(error))


def check_room(bytes_needed: int) -> None:
    """Check that so much memory and `SPARE` can be had now.

    It is asked for and given back at once, untouched, so this takes no time. A limit of the process
    (``ulimit -v``, ``RLIMIT_DATA``) is seen by it; where the system promises more memory than it has
    (overcommit, a container's limit) it is not.

    Raises
    ------
    MemoryError
        Raised if not.
    """
    np.empty(bytes_needed + SPARE, np.uint8)


def bytes_to_predict(networks: Sequence[keras.Model]) -> int:
    """What a stamp takes in networks that run side by side.

    For each the largest layer with its input; once the pixels, their copy, and the neighbourhoods that
    `layers` makes of them.
    """
    from vo_photoz.redshift.inference.layers import MOST_NEIGHBOURS  # noqa: PLC0415 - imports keras

    bands, *side = networks[0].input_shape[1:]
    shared: int = 4 * prod(side) * (MOST_NEIGHBOURS + 2 * bands)
    each = sum(max(_layers(one), default=0) for one in networks)
    return shared + each


def bytes_to_train(network: keras.Model) -> int:
    """What a stamp takes in a step of training: the values of all layers, all kept, and their gradients."""
    return 2 * sum(_layers(network))


def _layers(network: keras.Model) -> Iterator[int]:
    """Bytes of float32 that each layer of a network reads and gives for one stamp."""
    for layer in network.layers:
        yield 4 * sum(prod(one.shape[1:]) for one in (*_tensors(layer.input), *_tensors(layer.output)))


def _tensors(found: Any) -> Sequence[Any]:
    return found if isinstance(found, list | tuple) else [found]


def _says(error: BaseException) -> bool:
    text = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(words in text for words in WORDS)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
