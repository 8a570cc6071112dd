"""A simulated sky in a training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vo_photoz.datasets.store import Dataset, open_dataset
from vo_photoz.flow import Float32Array
from vo_photoz.pipeline.datasets.simulate import simulate_dataset
from vo_photoz.pipeline.training.ingredients import Form, Labels
from vo_photoz.redshift.training.simulated import HELD_OUT, STOP_STAMPS, SkySource, seed_number
from vo_photoz.simulation.sky import SimulatedBatch, SimulatedSky

SAMPLE = 8192
"""Sources from which the distribution of redshifts and classes is taken."""
HELD_OUT_STAMPS = 10_000
"""A fifth of them is scored, the others teach the nearest neighbours."""


@dataclass
class SkyIngredient:
    """A simulated sky in a training.

    Parameters
    ----------
    sky : SimulatedSky
        The simulator.
    name : str
        Of its description.
    share : float
        Of the stamps that the networks are shown.
    seed : int
        Of the training.
    """

    sky: SimulatedSky
    name: str
    share: float
    seed: int
    real: bool = False

    @cached_property
    def _sample(self) -> SimulatedBatch:
        return self.sky.draw(seed_number((self.seed, HELD_OUT, 1)), SAMPLE)

    @property
    def form(self) -> Form:
        """Of the stamps."""
        stamps = self._sample.stamps
        return Form(
            stamps.bands, stamps.pixels.shape[-1], stamps.pixel_arcsec, stamps.unit, stamps.dereddened
        )

    @property
    def sha256(self) -> str:
        """Hash of the description."""
        return hashlib.sha256(self.sky.file.model_dump_json().encode()).hexdigest()

    @property
    def origin(self) -> dict[str, Any]:
        """What it is."""
        return {"title": self.sky.file.title, "description": self.sky.file.model_dump(mode="json")}

    @property
    def labels(self) -> Labels:
        """Redshifts and classes of a sample."""
        return self._sample.z, self._sample.kind

    @property
    def left_out(self) -> dict[str, int]:
        """Nothing is."""
        return {}

    def source(self, bands: Sequence[str], classes: tuple[str, ...], seed: int) -> SkySource:
        """Stream of stamps, drawn while the networks learn."""
        return SkySource(self.sky, self.name, bands, classes, seed)

    def support(self, bands: Sequence[str], n: int) -> Float32Array:
        """Stamps of the sample."""
        stamps = self._sample.stamps
        return stamps.pixels[:n][:, [stamps.bands.index(band) for band in bands]]

    def told(self) -> dict[str, Any]:
        """What the card says of it."""
        return {
            "name": self.name, "share": self.share, "real": False, "sha256": self.sha256,
            "title": self.sky.file.title, "stopped_by": STOP_STAMPS,
        }  # fmt: skip

    def held_out(self, folder: Path) -> Dataset:
        """A data set of sources that no network has seen; made in a folder unless it is there."""
        if not folder.exists():
            simulate_dataset(self.sky, folder, n=HELD_OUT_STAMPS, seed=seed_number((self.seed, HELD_OUT)))
        return open_dataset(folder)
