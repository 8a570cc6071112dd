"""Densities on disk while they are made, so that a run that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from vo_photoz.flow import FlagArray, Float32Array, MixturePDF

KEY_FILE = "key.json"


class Checkpoint:
    """Densities of a run in a folder beside its output; started anew when it belongs to another run.

    Parameters
    ----------
    folder : Path
        Made when missing.
    run : mapping of str to str
        What the run is made of (positions, survey, weights); with anything else the folder starts empty.
    n_rows, components : int
        Shape of the densities.

    Notes
    -----
    A batch is marked as done after its numbers are on disk: a row is either complete or made again.
    """

    def __init__(self, folder: Path, run: Mapping[str, str], n_rows: int, components: int) -> None:
        self.folder = folder
        if not self._belongs_to(run):
            shutil.rmtree(folder, ignore_errors=True)
        self.resumed = folder.is_dir()
        mode = "r+" if self.resumed else "w+"
        folder.mkdir(parents=True, exist_ok=True)
        self._numbers = open_memmap(
            folder / "densities.npy", mode=mode, dtype=np.float32, shape=(n_rows, 3, components)
        )
        self._magnitude = open_memmap(folder / "magnitude.npy", mode=mode, dtype=np.float32, shape=(n_rows,))
        self._flags = open_memmap(folder / "flags.npy", mode=mode, dtype=np.int16, shape=(n_rows,))
        self._done = open_memmap(folder / "done.npy", mode=mode, dtype=np.bool_, shape=(n_rows,))
        if not self.resumed:
            (folder / KEY_FILE).write_text(json.dumps(dict(run)), encoding="utf-8")

    def _belongs_to(self, run: Mapping[str, str]) -> bool:
        try:
            return bool(json.loads((self.folder / KEY_FILE).read_text(encoding="utf-8")) == dict(run))
        except (OSError, ValueError):
            return False

    @property
    def done(self) -> NDArray[np.bool_]:
        """Rows whose densities and flags are here, shape (n,)."""
        return np.array(self._done)

    def restore(self, pdf: MixturePDF, magnitude: Float32Array, flags: FlagArray) -> None:
        """Fill in the rows that are done."""
        rows = np.flatnonzero(self._done)
        for number, column in enumerate((pdf.weight, pdf.mean, pdf.sigma)):
            column[rows] = self._numbers[rows, number]
        magnitude[rows] = self._magnitude[rows]
        flags[rows] |= self._flags[rows]

    def keep(
        self, rows: NDArray[np.intp], pdf: MixturePDF, magnitude: Float32Array, flags: FlagArray
    ) -> None:
        """Write rows of the whole columns to disk."""
        self._numbers[rows] = np.stack([pdf.weight[rows], pdf.mean[rows], pdf.sigma[rows]], axis=1)
        self._magnitude[rows] = magnitude[rows]
        self._flags[rows] = flags[rows]
        self._numbers.flush()
        self._magnitude.flush()
        self._flags.flush()
        self._done[rows] = True
        self._done.flush()

    def remove(self) -> None:
        """Remove the folder: the output is written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def fingerprint(*arrays: NDArray[np.float64]) -> str:
    """Hash of columns."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
