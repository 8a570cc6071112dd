"""Where the report of an evaluation goes: JSON, one page, or a folder with all of it."""

from __future__ import annotations

from pathlib import Path

from vo_photoz.pipeline.evaluation.report import report, write_json
from vo_photoz.pipeline.evaluation.result import Evaluation


def write_report(found: Evaluation, output: Path) -> list[Path]:
    """Write the report.

    Raises
    ------
    UsageError
        Raised if it cannot be written.
    """
    write_json(report(found), output)
    return [output]
