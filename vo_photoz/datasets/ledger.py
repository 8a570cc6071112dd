"""The ledger of a build: rows in and out of every step, and why; it adds up to the last row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "ledger.json"


@dataclass(frozen=True)
class Step:
    """What one step did.

    Parameters
    ----------
    name : str
        "sample dr7q", "merge", ...
    rows_in, rows_out : int
        Rows before and after.
    dropped : dict
        Number of rows left out for each reason.
    notes : list of str
        What else is to be known, for example where conflicts are listed.
    """

    name: str
    rows_in: int
    rows_out: int
    dropped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def adds_up(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows_in - sum(self.dropped.values()) == self.rows_out

    @classmethod
    def from_json(cls, text: str) -> Step:
        """What `to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """The step as text, always the same for the same step."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Ledger:
    """All steps in their order: the samples, then what was done with them together."""

    steps: list[Step]

    def adds_up(self) -> bool:
        """Whether every row of every step is accounted for, from the samples to the last row."""
        samples = [step for step in self.steps if _is_sample(step)]
        chain = [step for step in self.steps if not _is_sample(step)]
        arriving = [sum(step.rows_out for step in samples), *(step.rows_out for step in chain)]
        return all(step.adds_up for step in self.steps) and all(
            step.rows_in == rows for step, rows in zip(chain, arriving, strict=False)
        )

    def lines(self) -> list[str]:
        """The ledger as a table for people."""
        width = max(len(step.name) for step in self.steps)
        lines = [f"{'step':{width}}  {'rows in':>11}  {'rows out':>11}  left out, and why"]
        blank = " " * (width + 28)
        for step in self.steps:
            told = [f"{count:,} {reason}" for reason, count in step.dropped.items()]
            told += [f"({note})" for note in step.notes]
            first = f"{step.name:{width}}  {step.rows_in:>11,}  {step.rows_out:>11,}"
            lines += [f"{first}  {told[0] if told else ''}".rstrip(), *(blank + more for more in told[1:])]
        return lines

    def write(self, folder: Path) -> None:
        """Write ``ledger.json`` into a folder."""
        content = [asdict(step) for step in self.steps]
        (folder / FILE).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_ledger(folder: Path) -> Ledger | None:
    """Ledger of a data set; None where it was not built by a recipe."""
    try:
        steps: Sequence[dict[str, Any]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Ledger([Step(**step) for step in steps])
    except (OSError, ValueError, TypeError):
        return None


def _is_sample(step: Step) -> bool:
    return step.name.startswith("sample ")
