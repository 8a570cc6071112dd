"""Partners in a HATS catalogue: a folder, or an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from vo_photoz.catalogues.hats_engine import is_hats, on_network
from vo_photoz.flow import Positions, Progress
from vo_photoz.sky.pairs import Pairs
from vo_photoz.tap.queries.query import Describe

__all__ = ["HatsPartners", "is_hats"]

TRIALS = 1_000
"""Shifted positions that measure the chance matches: each may need another part of the catalogue."""


@dataclass(frozen=True)
class HatsPartners:
    """A HATS catalogue, through LSDB.

    Parameters
    ----------
    address : str
        Folder or address.
    scheduler : str or None
        Address of a Dask scheduler; None computes in threads of this process.
    columns : sequence of str or None
        Columns to join; None takes the catalogue's own choice.
    """

    address: str
    scheduler: str | None = None
    columns: Sequence[str] | None = None
    returns: tuple[str, ...] = field(default=(), init=False)
    described: Describe | None = field(default=None, init=False)
    cite: str = field(default="", init=False)
    epoch: float | None = field(default=None, init=False)
    trials: int = field(default=TRIALS, init=False)

    @property
    def name(self) -> str:
        """Last part of the address."""
        path = PurePosixPath(urlsplit(self.address).path if on_network(self.address) else self.address)
        return path.name or "hats"

    @property
    def service(self) -> str:
        """The address."""
        return f"the HATS catalogue {self.address}"

    @property
    def remote(self) -> bool:
        """Whether it lies on the network, or the scheduler does."""
        return on_network(self.address) or self.scheduler is not None

    def pairs(
        self, positions: Positions, radius_arcsec: float, progress: Progress
    ) -> tuple[Pairs, dict[str, str]]:
        """Match where the catalogue is."""
        from vo_photoz.catalogues.hats import hats_pairs  # noqa: PLC0415 - needs much that others do not

        pairs, told = hats_pairs(
            positions,
            self.address,
            radius_arcsec=radius_arcsec,
            columns=self.columns,
            scheduler=self.scheduler,
            progress=progress,
        )
        return pairs, {**told, "query": self.name}
