"""Keras is quiet when it is imported, but nothing else is lost; weights are averaged."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from vo_photoz.redshift.backend import without_greetings
from vo_photoz.redshift.training.member import _averaged


def test_only_greetings_are_held_back(capfd: pytest.CaptureFixture[str]):
    with without_greetings():
        os.write(2, b"I0000 00:00:1.2 1 port.cc:153] oneDNN custom operations are on.\nreal trouble\n")
    assert capfd.readouterr().err == "real trouble\n"


def test_what_was_said_before_an_error_is_passed_on(capfd: pytest.CaptureFixture[str]):
    def broken_import() -> None:
        with without_greetings():
            os.write(2, b"libfoo is broken\n")
            raise ImportError

    with pytest.raises(ImportError):
        broken_import()
    assert capfd.readouterr().err == "libfoo is broken\n"
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_loading_the_backend_says_nothing(backend):
    pytest.importorskip(backend)
    describe = (
        "import vo_photoz.redshift.load, keras; keras.saving.serialize_keras_object(keras.layers.Dense(1))"
    )
    done = subprocess.run(
        [sys.executable, "-c", describe],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == done.stderr == ""


def test_the_mean_of_weights_follows_them_slowly():
    mean: list[np.ndarray] = []
    for value in (0.0, 1.0, 1.0):
        mean = _averaged(mean, [np.full(2, value)], 0.5)
    assert mean[0] == pytest.approx(np.full(2, 0.75))
