"""The mixtures of a prediction as an ensemble of qp, in its HDF5 form."""

from __future__ import annotations

from pathlib import Path

from vo_photoz.errors import UsageError
from vo_photoz.tables.user_table import UserTable


def write_qp(table: UserTable, path: Path) -> None:
    """Refuse, saying what can be done.

    Raises
    ------
    UsageError
        Raised always: see the advice.
    """
    raise UsageError(
        f"{path.name} cannot be written: qp is not there.",
        advice="Write --format parquet: pz_weight, pz_mean and pz_sigma are what qp.mixmod takes.",
    )
