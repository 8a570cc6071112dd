"""A data set in a training: its objects checked and sorted by fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.store import Dataset
from vo_photoz.errors import TableError, UsageError
from vo_photoz.flow import BoolArray, Float32Array
from vo_photoz.pipeline.training.ingredients import Form, Labels
from vo_photoz.redshift.cleaning import GOOD, REASONS, faults, labelled
from vo_photoz.redshift.training.sources import DatasetSource, is_star

PART = 1024
RowNumbers = NDArray[np.intp]


@dataclass(frozen=True)
class DatasetIngredient:
    """A data set in a training.

    Parameters
    ----------
    data : Dataset
        Stamps and labels.
    share : float
        Of the stamps that the networks are shown.
    fit, stop, held : int array
        Rows that are fitted, that say when to stop, and that no network sees.
    left_out : dict
        Number of objects that are none of these, by the reason.
    """

    data: Dataset
    share: float
    fit: RowNumbers
    stop: RowNumbers
    held: RowNumbers
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.data.name

    @property
    def real(self) -> bool:
        """Whether a telescope took the stamps."""
        return self.data.manifest.real

    @property
    def sha256(self) -> str:
        """Hash of stamps and rows."""
        return self.data.manifest.sha256

    @property
    def origin(self) -> dict[str, Any]:
        """Where images and labels come from."""
        return self.data.manifest.source

    @property
    def form(self) -> Form:
        """Of the stamps."""
        held = self.data.manifest
        return Form(
            tuple(held.bands),
            held.stamp_pixels,
            held.pixel_arcsec,
            held.unit,
            held.dereddened,
            held.dereddening,
        )

    @property
    def used(self) -> RowNumbers:
        """Rows that shape the networks."""
        return np.concatenate([self.fit, self.stop])

    @property
    def labels(self) -> Labels:
        """Redshifts and classes of the objects that shape the networks."""
        return labels_of(self.data, self.used)

    def source(self, bands: Sequence[str], classes: tuple[str, ...], seed: int) -> DatasetSource:  # noqa: ARG002
        """Stream of the stamps; the seed is for simulators."""
        return DatasetSource(self.data, self.fit, self.stop, bands, classes)

    def support(self, bands: Sequence[str], n: int) -> Float32Array:
        """Stamps from all over the data set."""
        rows = self.used[:: -(-len(self.used) // n)]
        return self.data.pixels(rows)[:, [self.data.manifest.bands.index(band) for band in bands]]

    def told(self) -> dict[str, Any]:
        """What the card says of it."""
        return {
            "name": self.name, "share": self.share, "real": self.real, "sha256": self.sha256,
            "fitted": len(self.fit), "stopped_by": len(self.stop), "left_out": self.left_out,
        }  # fmt: skip


def split(data: Dataset, share: float, held_out_fold: int, stop_fold: int | None) -> DatasetIngredient:
    """Sort the objects of a data set by fold, without those that nothing can be learned from.

    Without a fold to stop by, all but the held-out fold are fitted.

    Raises
    ------
    TableError
        Raised if none, or too few, are left.
    UsageError
        Raised if both folds are the same.
    """
    if held_out_fold == stop_fold:
        raise UsageError("The held-out fold and the fold for early stopping must differ.")
    good, left_out = trainable(data)
    fold = data.rows.fold
    fit = np.flatnonzero(good & (fold != held_out_fold) & (fold != stop_fold))
    stop, held = (np.flatnonzero(good & (fold == one)) for one in (stop_fold, held_out_fold))
    if len(fit) < 2 or (stop_fold is not None and len(stop) < 1):
        raise TableError(
            f"The data set {data.folder} is too small: {len(fit)} objects to fit, {len(stop)} to stop by.",
            advice="Training needs objects with redshifts in at least three folds of the sky.",
        )
    return DatasetIngredient(data, share, fit, stop, held, left_out)


def trainable(data: Dataset) -> tuple[BoolArray, dict[str, int]]:
    """Whether something can be learned from objects, shape (n,), and from how many not, by reason.

    Raises
    ------
    TableError
        Raised if from none.
    """
    if not labelled(data.rows.z, data.rows.kind).any():
        raise TableError(
            f"No object of {data.folder} has a redshift.", advice="Training needs redshifts (column z)."
        )
    found = np.concatenate([_faults(data, start) for start in range(0, len(data), PART)])
    good = found == GOOD
    if not good.any():
        raise TableError(
            f"No object of {data.folder} with a redshift has a usable stamp.",
            advice="Pixels are missing in the middle, or a band has one value everywhere: cut them again.",
        )
    counts = {reason: int((found == number).sum()) for number, reason in enumerate(REASONS)}
    return good, {reason: count for reason, count in counts.items() if count}


def _faults(data: Dataset, start: int) -> NDArray[np.int8]:
    rows = np.arange(start, min(start + PART, len(data)))
    kind = None if data.rows.kind is None else data.rows.kind[rows]
    return faults(data.pixels(rows), data.rows.z[rows], kind)


def labels_of(data: Dataset, rows: RowNumbers) -> Labels:
    """Redshifts and classes of rows; stars have redshift 0, known or not."""
    z, kind = data.rows.z[rows].astype(np.float64), data.rows.kind
    if kind is None:
        return z, np.full(len(rows), "")
    return np.where(is_star(kind[rows]), 0.0, z), kind[rows]
