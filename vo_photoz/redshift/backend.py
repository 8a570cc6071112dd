"""Keras, imported without the greetings of its backend.

TensorFlow writes lines about instruction sets and absent graphics cards past Python, straight to the file
handle of standard error, whatever its log level. They are held back; all else written there is passed on.
So is its suspicion that a function is compiled too often: every network of an ensemble is compiled, once.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

GREETINGS = re.compile(
    rb"WARNING: All log messages before absl|[IW]0000 |To enable the following"
    rb"|E0000 .*(cuInit|cuda|CUDA|use_unbounded_threadpool)"
)


@contextmanager
def without_greetings() -> Iterator[None]:
    """Hold back standard error, and pass on what is no greeting."""
    try:
        sys.stderr.flush()
        real = os.dup(2)
    except (OSError, ValueError, AttributeError):  # no standard error: nothing to hold back
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for line in held:
                if not GREETINGS.match(line):
                    os.write(2, line)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # a service must leave memory to others

with without_greetings():
    import keras

    keras.ops.zeros(1)  # looks for graphics cards now, not in the middle of a run
    if find_spec("tensorflow"):
        import_module("tensorflow")  # every backend of keras does so, as soon as a network is described

logging.getLogger("tensorflow").addFilter(lambda told: "tf.function retracing" not in told.getMessage())
ops = keras.ops

__all__ = ["keras", "ops"]
