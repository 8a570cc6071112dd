"""The mixtures of a prediction as an ensemble of qp (LSST DESC), in its HDF5 form; an optional part."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError, UsageError
from vo_photoz.tables.fields import free_null, mask_of
from vo_photoz.tables.user_table import UserTable, unique_names

_MIXTURE = {"weights": "pz_weight", "means": "pz_mean", "stds": "pz_sigma"}


def write_qp(table: UserTable, path: Path) -> None:
    """Write ``qp.mixmod`` with all scalar columns as ancillary data; rows without a prediction are NaN.

    Raises
    ------
    UsageError
        Raised if qp is not installed.
    TableError
        Raised if the table has no mixtures.
    """
    try:
        qp: Any = import_module("qp")
    except ImportError:
        raise UsageError(
            "A file for qp cannot be written, because qp is not installed.",
            advice="Install the extra: pip install 'vo-photoz[qp]'.",
        ) from None
    if not set(_MIXTURE.values()) <= set(table.names):
        raise TableError(
            "The table has no mixtures (pz_weight, pz_mean, pz_sigma), which a file for qp needs."
        )
    mixture = {key: np.asarray(table.values(name), dtype="f8") for key, name in _MIXTURE.items()}
    ancillary = {
        name: _ancillary(values)
        for name, values in zip(unique_names(table.names), table.data, strict=True)
        if values.ndim == 1 and name not in _MIXTURE.values() and _scalar(values)
    }
    part = path.with_name(f"{path.name.replace('.', '_')}.hdf5")  # qp goes by the ending
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of the rows that are NaN
            qp.Ensemble(qp.mixmod, data=mixture, ancil=ancillary).write_to(str(part))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _scalar(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "biuf" or all(isinstance(cell, str) for cell in np.ma.getdata(values))


def _ancillary(values: NDArray[Any]) -> NDArray[Any]:
    data = np.ma.getdata(values)
    if data.dtype.kind == "O":
        return np.array([cell.encode("utf-8") for cell in data], dtype="S")
    if data.dtype.kind == "f":
        return np.where(mask_of(values), np.nan, data)
    null = free_null(values)
    return data if null is None else np.where(mask_of(values), null, data).astype(data.dtype)
