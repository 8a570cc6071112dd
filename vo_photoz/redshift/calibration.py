"""Densities made to hold what they promise, by objects with known redshifts that no network was fitted to.

The probability integral transform (PIT) of calibrated densities is uniform. Where it is not, the densities
are warped (`warp.Warp`): a Gaussian mixture comes out again, with as many components. The densities
p(z | class) of each class are warped apart from those of the others; the probabilities of the classes change
only by a temperature of their own (Guo et al. 2017, ICML, arXiv 1706.04599). Stars stay at redshift 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_photoz.errors import ModelError, TableError
from vo_photoz.flow import FloatArray, MixturePDF
from vo_photoz.redshift.classes import STAR
from vo_photoz.redshift.warp import Warp, tempered

ANY = ""
"""The one class of a model that tells no classes."""

SMALLEST = 100
"""Fewer objects say too little: the KS distance of 100 perfect ones is 0.08 already."""


@dataclass(frozen=True)
class Calibration:
    """How the densities of a model are changed.

    Parameters
    ----------
    warps : dict
        One `Warp` a class; classes that are not in it stay as they are. A model without classes has "".
    class_temperature : float
        Above 1 the probabilities of the classes become more equal.
    told : dict
        On what it was fitted, and what it brings: for the card.
    """

    warps: Mapping[str, Warp] = field(default_factory=dict)
    class_temperature: float = 1.0
    told: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, pdf: MixturePDF, component_classes: Sequence[str] = ()) -> MixturePDF:
        """Calibrated densities, float32.

        Parameters
        ----------
        pdf : MixturePDF
            n densities of k components; rows of NaN stay NaN.
        component_classes : sequence of str, length k or 0
            The class of each component; empty for a model without classes.

        Raises
        ------
        ModelError
            Raised if there are more or fewer classes than components.
        """
        owner = _owners(pdf, component_classes)
        shares = _shares(pdf, owner)
        wanted = _tempered(shares, self.class_temperature)
        out = [np.array(column, dtype=np.float32) for column in (pdf.weight, pdf.mean, pdf.sigma)]
        for kind in shares:
            mine = np.flatnonzero(owner == kind)
            part = _of_class(pdf, mine, shares[kind])
            changed = self.warps[kind](part) if kind in self.warps else part
            out[0][:, mine] = changed.weight * wanted[kind][:, None]
            out[1][:, mine], out[2][:, mine] = changed.mean, changed.sigma
        return MixturePDF(*out)

    def to_card(self) -> dict[str, Any]:
        """What the card keeps."""
        warps = {kind: warp.as_dict() for kind, warp in self.warps.items()}
        return {"warps": warps, "class_temperature": round(self.class_temperature, 5), **self.told}


def from_card(kept: Mapping[str, Any] | None) -> Calibration | None:
    """The calibration of a card; None if it has none.

    Raises
    ------
    ModelError
        Raised if it cannot be read.
    """
    if not kept:
        return None
    try:
        warps = {str(kind): Warp.from_dict(told) for kind, told in dict(kept["warps"]).items()}
        temperature = float(kept.get("class_temperature", 1.0))
        if not 0 < temperature < np.inf:
            raise ValueError("the temperature of the classes must be positive")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"The calibration in the card of the model cannot be read: {error}.",
            advice="Get the model again.",
        ) from None
    told = {key: value for key, value in kept.items() if key not in ("warps", "class_temperature")}
    return Calibration(warps, temperature, told)


def fit_calibration(
    pdf: MixturePDF,
    z: ArrayLike,
    *,
    component_classes: Sequence[str] = (),
    kind: Sequence[str] | NDArray[Any] | None = None,
    groups: ArrayLike | None = None,
    told: Mapping[str, Any] | None = None,
) -> Calibration:
    """Learn how the densities of a model must be changed.

    Whether to change them at all, by the same everywhere or by redshift, is decided by cross-validation among
    these objects: what does not help them is not done.

    Parameters
    ----------
    pdf : MixturePDF
        Densities (n, k) of objects that the networks were not fitted to, as the networks give them.
    z : array, shape (n,)
        Their redshifts; rows without a redshift or a density do not count.
    component_classes : sequence of str, length k or 0
        The class of each component; empty for a model without classes.
    kind : str array, shape (n,), or None
        Classes of the objects, "" where unknown; needed where there are component classes.
    groups : int array, shape (n,), or None
        Objects of one group (a cell of the sky) stay together in the cross-validation; None: each is its own.
    told : dict or None
        Said in the card besides, as of which folds the objects are.

    Raises
    ------
    TableError
        Raised if fewer than 100 objects count, or the classes of the objects are missing.
    """
    from vo_photoz.redshift.calibration_fit import fit_temperature, fit_warp  # noqa: PLC0415 - scipy's fits

    truth = np.asarray(z, dtype=np.float64)
    good = np.isfinite(truth) & np.isfinite(pdf.weight).all(1)
    if good.sum() < SMALLEST:
        raise TableError(
            f"{good.sum()} objects are too few for a calibration.", advice=f"It needs at least {SMALLEST}."
        )
    if component_classes and kind is None:
        raise TableError("The calibration of a model with classes needs the classes of the objects.")
    owner = _owners(pdf, component_classes)
    kinds = np.full(len(truth), ANY) if not component_classes else np.asarray(kind, dtype=str)
    group = np.arange(len(truth)) if groups is None else np.asarray(groups)
    shares = _shares(pdf, owner)
    warps, scores = {}, {}
    for one in sorted(set(shares) - {STAR}):
        rows = np.flatnonzero(good & (kinds == one))
        if len(rows) >= SMALLEST:
            part = _of_class(pdf, np.flatnonzero(owner == one), shares[one]).take(rows)
            warps[one], scores[one] = fit_warp(part, truth[rows], group[rows])
    known = np.flatnonzero(good & np.isin(kinds, list(shares)))
    probability = np.stack([shares[one] for one in shares], axis=1)[known]
    place = np.array([list(shares).index(one) for one in kinds[known]], dtype=np.intp)
    temperature = fit_temperature(probability, place) if len(shares) > 1 and len(known) >= SMALLEST else 1.0
    return Calibration(warps, temperature, {**(told or {}), "rows": int(good.sum()), "scores": scores})


def _owners(pdf: MixturePDF, component_classes: Sequence[str]) -> NDArray[np.str_]:
    """The class of each component, "" where there are no classes."""
    k = np.shape(pdf.weight)[1]
    if component_classes and len(component_classes) != k:
        raise ModelError(
            f"Densities of {k} components came with classes for {len(component_classes)}.",
            advice="Get the model again: its card does not fit its networks.",
        )
    return np.array(list(component_classes) or [ANY] * k)


def _shares(pdf: MixturePDF, owner: NDArray[np.str_]) -> dict[str, FloatArray]:
    """Sum of the weights of each class, shape (n,) each."""
    weight = np.asarray(pdf.weight, dtype=np.float64)
    return {str(kind): weight[:, owner == kind].sum(1) for kind in np.unique(owner)}


def _tempered(shares: dict[str, FloatArray], temperature: float) -> dict[str, FloatArray]:
    if temperature == 1 or len(shares) == 1:
        return shares
    warm = tempered(np.stack(list(shares.values()), axis=1), temperature)
    return dict(zip(shares, warm.T, strict=True))


def _of_class(pdf: MixturePDF, mine: NDArray[np.intp], share: FloatArray) -> MixturePDF:
    """p(z | class): the components of one class with weights that sum to 1."""
    weight = np.asarray(pdf.weight, dtype=np.float64)[:, mine]
    even = 1 / len(mine)  # where the class is impossible
    inside = np.where(share[:, None] == 0, even, weight / np.where(share == 0, 1, share)[:, None])
    return MixturePDF(inside, pdf.mean[:, mine], pdf.sigma[:, mine])
