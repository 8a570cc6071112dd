"""The networks on one core: parameters, time to predict and time to learn, and ratios to `dcmdn-1`.

The weights are random: they do not matter to the time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from alternate import alternate, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

BATCH = 256
NAMES = ("compact with a picture", "compact without a picture", "dcmdn-2", "dcmdn-1")  # the last is the peer


def main(rounds: int = 3) -> None:
    """Print parameters, and seconds of a batch."""
    on_one_core()
    from tests.backend_numbers import light

    stamps, labels = light(BATCH)
    networks = {name: made(name, stamps) for name in NAMES}
    for name, network in networks.items():
        print(f"{name:26s} {network.count_params():12,d} parameters")
    print(f"{BATCH} stamps forward, as the program predicts")
    report(alternate({name: forward(network, stamps) for name, network in networks.items()}, rounds), BATCH)
    print(f"a training step of {BATCH} stamps")
    report(alternate({name: step(networks[name], stamps, labels) for name in NAMES}, 1), BATCH)


def on_one_core() -> None:
    """Before the backend starts its threads."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"


def made(name: str, stamps: np.ndarray) -> Any:
    """A network whose inputs are scaled."""
    from tests.backend_numbers import SHAPES
    from vo_photoz.redshift.backend import keras
    from vo_photoz.redshift.losses import loss_named
    from vo_photoz.redshift.networks import build_network, prepare

    network = build_network(SHAPES[name])
    prepare(network, stamps)
    network.compile(keras.optimizers.AdamW(1e-4), loss_named("crps", SHAPES[name]))
    return network


def forward(network: Any, stamps: np.ndarray) -> Callable[[], Any]:
    """Prediction, compiled."""
    import tensorflow as tf

    from vo_photoz.redshift.inference.merge import together

    run = tf.function(together([network]))
    given = tf.constant(stamps)
    run(given)
    return lambda: np.asarray(run(given))


def step(network: Any, stamps: np.ndarray, labels: np.ndarray) -> Callable[[], Any]:
    """One step of the training, compiled."""
    network.train_on_batch(stamps, labels)
    return lambda: network.train_on_batch(stamps, labels)


if __name__ == "__main__":
    main()
