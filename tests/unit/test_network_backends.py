"""The same weights give the same densities on every installed backend of keras, and each can train."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vo_photoz.redshift.backend import keras

HERE = keras.backend.backend()
OTHERS = [
    pytest.param(name, marks=pytest.mark.skipif(not importlib.util.find_spec(name), reason=f"no {name} here"))
    for name in ("jax", "torch")
    if name != HERE
]
LIMITS = {"network": 1e-4, "shipped": 1e-4}
"""Largest difference of weights, means and widths."""


def numbers(backend: str, folder: Path) -> dict[str, np.ndarray]:
    """What `tests.backend_numbers` computes in a process of its own."""
    path = folder / f"{backend}.npz"
    subprocess.run(
        [sys.executable, "-m", "tests.backend_numbers", str(path)],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONWARNINGS": "ignore"},
        cwd=Path(__file__).parents[2],
        check=True,
    )
    with np.load(path) as found:
        assert str(found["backend"]) == backend
        return {name: found[name] for name in found.files if name != "backend"}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return numbers("tensorflow", tmp_path_factory.mktemp("numbers"))


@pytest.mark.parametrize("backend", OTHERS)
def test_backends_agree(ours, backend: str, tmp_path: Path):
    theirs = numbers(backend, tmp_path)
    assert set(theirs) == set(ours)
    for name, found in theirs.items():
        kind = name.split()[0]
        assert np.isfinite(found).all(), name
        if kind in LIMITS:
            assert np.abs(found - ours[name]).max() < LIMITS[kind], name
        elif kind != "training":
            # Gradients of mixtures with widths of 1e-4 reach 1e13: they agree in their digits.
            np.testing.assert_allclose(found, ours[name], rtol=2e-3, atol=2e-5, err_msg=name)
    for told in (theirs["training"], ours["training"]):
        assert told[-1] < 0.7 * told[0]
