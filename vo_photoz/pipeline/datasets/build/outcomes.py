"""What a step of a build gives, and its files: rows kept, rows left out, the line of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from vo_photoz.datasets.candidates import read, write
from vo_photoz.datasets.ledger import Step
from vo_photoz.errors import TableError

KEPT, DROPPED, STEP = "kept.parquet", "dropped.parquet", "step.json"


@dataclass(frozen=True)
class Outcome:
    """What a step gives.

    Parameters
    ----------
    kept, dropped : pyarrow.Table
        Candidates; those left out have the columns ``step`` and ``reason``.
    step : Step
        For the ledger.
    """

    kept: pa.Table
    dropped: pa.Table
    step: Step

    def save(self, folder: Path) -> None:
        """Write it into the folder of the step."""
        write(self.kept, folder / KEPT)
        write(self.dropped, folder / DROPPED)
        (folder / STEP).write_text(self.step.to_json(), encoding="utf-8")

    def need_objects(self) -> None:
        """Refuse an outcome without objects.

        Raises
        ------
        TableError
            Raised if none is left; says why.
        """
        if not self.kept.num_rows:
            raise nothing_left([self.step])


def nothing_left(steps: Sequence[Step]) -> TableError:
    """The error for a build without objects, after these steps."""
    told = [f"{count:,} {reason}" for step in steps for reason, count in step.dropped.items()]
    names = ", ".join(f"{step.name} ({step.rows_in:,} rows)" for step in steps)
    return TableError(
        f"No object is left after {names}: {'; '.join(told) or 'there were none'}.",
        advice="Check the samples and cuts of the recipe, and what the survey covers.",
    )


def kept_rows(folder: Path) -> pa.Table:
    """Candidates that a step kept."""
    return read(folder / KEPT)


def dropped_rows(folder: Path) -> pa.Table:
    """Candidates that a step left out."""
    return read(folder / DROPPED)


def step_of(folder: Path) -> Step:
    """Line of the ledger of a step."""
    return Step.from_json((folder / STEP).read_text(encoding="utf-8"))
