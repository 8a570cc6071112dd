"""Classes of objects in files of stamps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vo_photoz.errors import TableError
from vo_photoz.pipeline.datasets.import_stamps import import_dataset


def file_with(path: Path, kind: list[str]) -> Path:
    n = len(kind)
    images = np.random.default_rng(1).normal(0, 1, (n, 1, 36, 36)).astype(np.float32)
    names = np.array([f"{row}" for row in range(n)])
    where = {"ra": 10 + np.arange(n), "dec": np.zeros(n), "z": np.ones(n)}
    np.savez(path / "stamps.npz", images=images, id=names, **where, **{"class": np.array(kind)})
    return path / "stamps.npz"


def test_classes_come_along(tmp_path):
    file = file_with(tmp_path, ["QSO", "", "STAR"])
    made = import_dataset(file, tmp_path / "set", bands=("r",))
    assert dict(zip(made.rows.id, made.rows.kind, strict=True)) == {"0": "QSO", "1": "", "2": "STAR"}
    assert made.hash() == made.manifest.sha256


def test_strange_classes_are_told(tmp_path):
    with pytest.raises(TableError, match=r"hold 'star'.*They are STAR, GALAXY, QSO"):
        import_dataset(file_with(tmp_path, ["QSO", "star"]), tmp_path / "set", bands=("r",))
    assert not (tmp_path / "set").exists()
