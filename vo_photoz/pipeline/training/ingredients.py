"""What a model is trained on: data sets and simulated skies, in shares, all of one form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vo_photoz.datasets.manifest import Dereddening
from vo_photoz.errors import UsageError
from vo_photoz.flow import Float32Array
from vo_photoz.redshift.card import Card
from vo_photoz.redshift.compatibility import check_extinction, check_fits
from vo_photoz.redshift.training.sources import StampSource

Labels = tuple[NDArray[np.float64], NDArray[np.str_]]


@dataclass(frozen=True)
class Form:
    """What stamps must have in common to be shown to the same network.

    Parameters
    ----------
    bands : tuple of str
        In any order.
    stamp_pixels : int
        Side.
    pixel_arcsec : float
        Side of a pixel.
    unit : str
        Of the pixel values.
    dereddened : bool
        Whether they are corrected for Galactic extinction.
    dereddening : Dereddening or None
        By what.
    """

    bands: tuple[str, ...]
    stamp_pixels: int
    pixel_arcsec: float
    unit: str
    dereddened: bool = False
    dereddening: Dereddening | None = None

    def told(self) -> dict[str, str]:
        """All of it in words that are the same where the form is."""
        held = {one.name.replace("_", " "): str(getattr(self, one.name)) for one in fields(self)}
        by = self.dereddening.per_ebv if self.dereddening else {}
        pixel = f"{self.pixel_arcsec:.3f}"
        return held | {"bands": " ".join(sorted(self.bands)), "dereddening": str(by), "pixel arcsec": pixel}


class Ingredient(Protocol):
    """A data set or a simulated sky in a training."""

    @property
    def name(self) -> str:
        """Name of the data set or of the sky."""

    @property
    def share(self) -> float:
        """Of the stamps that the networks are shown."""

    @property
    def form(self) -> Form:
        """Of its stamps."""

    @property
    def real(self) -> bool:
        """Whether they were taken by a telescope."""

    @property
    def sha256(self) -> str:
        """Hash of it."""

    @property
    def origin(self) -> dict[str, Any]:
        """Where images and labels come from."""

    @property
    def labels(self) -> Labels:
        """Redshifts and classes ("" where unknown) of the objects that shape the networks."""

    @property
    def left_out(self) -> dict[str, int]:
        """Number of objects that nothing can be learned from, by the reason."""

    def source(self, bands: Sequence[str], classes: tuple[str, ...], seed: int) -> StampSource:
        """Stream of its stamps."""

    def support(self, bands: Sequence[str], n: int) -> Float32Array:
        """Stamps from all over it, no more than n, as they are."""

    def told(self) -> dict[str, Any]:
        """What the card says of it."""


def check_alike(ingredients: Sequence[Ingredient]) -> None:
    """Check that all have the same bands, pixels, unit and dust.

    Raises
    ------
    UsageError
        Raised if not; says which differs.
    """
    first = ingredients[0]
    for one in ingredients[1:]:
        for what, value in first.form.told().items():
            other = one.form.told()[what]
            if value != other:
                raise UsageError(
                    f"{first.name} and {one.name} do not fit together: their {what} are {value} and {other}.",
                    advice="Import, build or simulate one of them again in the form of the other.",
                )


def check_model(card: Card, one: Ingredient) -> None:
    """Check that a model that is trained on eats such stamps.

    Raises
    ------
    ModelError
        Raised if not; says what to change.
    """
    form, where = one.form, f"training set {one.name}"
    check_fits(
        card,
        form.bands,
        pixel_arcsec=form.pixel_arcsec,
        stamp_pixels=form.stamp_pixels,
        unit=form.unit,
        dereddened=form.dereddened,
        where=where,
    )
    check_extinction(
        card,
        form.dereddening.per_ebv if form.dereddening else {},
        where=where,
        advice="Import the data set again with {value} for band {band} in --extinction.",
    )


def shares(of_others: Sequence[float]) -> list[float]:
    """Shares of all ingredients, from those of all but the first.

    Raises
    ------
    UsageError
        Raised if nothing is left for the first.
    """
    if any(not 0 < one < 1 for one in of_others) or sum(of_others) >= 1:
        raise UsageError(
            f"The shares {', '.join(f'{one:g}' for one in of_others)} leave nothing for the main source.",
            advice="Each share is above 0, and together they are below 1, as in --with simulated:0.3.",
        )
    return [1 - sum(of_others), *of_others]
