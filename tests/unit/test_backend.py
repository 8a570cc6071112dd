"""What TensorFlow writes that helps nobody is held back; the rest is not."""

from __future__ import annotations

import subprocess
import sys

SEVEN = """
import logging
import numpy as np
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.inference.keras_runner import compiled
for number in range(7):
    stamps = keras.Input((3,))
    network = keras.Model(stamps, keras.layers.Reshape((3, 1))(keras.layers.Dense(3)(stamps)))
    assert np.shape(compiled([network])(np.zeros((2, 3), np.float32))) == (2, 3, 1)
    network.predict(np.zeros((2, 3), np.float32), verbose=0)
logging.getLogger("tensorflow").warning("something else")
"""


def test_many_networks_in_a_process_are_no_reason_to_warn():
    told = subprocess.run(
        [sys.executable, "-c", SEVEN], capture_output=True, text=True, timeout=300, check=True
    )
    assert told.stderr.splitlines() == ["WARNING:tensorflow:something else"]
    assert told.stdout == ""
