"""Partners in a table on this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from vo_photoz.catalogues.match import table_pairs
from vo_photoz.flow import Positions, Progress
from vo_photoz.sky.pairs import Pairs
from vo_photoz.tables.read import read_table
from vo_photoz.tables.user_table import UserTable
from vo_photoz.tap.queries.query import Describe

LOCAL_TRIALS = 20_000
"""Shifted positions that measure the chance matches."""


@dataclass(frozen=True)
class TablePartners:
    """A table on this machine."""

    path: Path
    returns: tuple[str, ...] = field(default=(), init=False)
    described: Describe | None = field(default=None, init=False)
    cite: str = field(default="", init=False)
    epoch: float | None = field(default=None, init=False)
    remote: bool = field(default=False, init=False)
    trials: int = field(default=LOCAL_TRIALS, init=False)

    @property
    def name(self) -> str:
        """Name of the file, without its ending."""
        return self.path.stem

    @property
    def service(self) -> str:
        """Name of the file."""
        return f"the table {self.path.name}"

    @cached_property
    def table(self) -> UserTable:
        """The table, read once."""
        return read_table(self.path)

    def pairs(
        self,
        positions: Positions,
        radius_arcsec: float,
        progress: Progress,  # noqa: ARG002 - quick
    ) -> tuple[Pairs, dict[str, str]]:
        """Match here."""
        pairs = table_pairs(positions, self.table, radius_arcsec=radius_arcsec)
        infos = {"service": self.service, "query": self.name, "radius_arcsec": f"{radius_arcsec:g}"}
        return pairs, infos
