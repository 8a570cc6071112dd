"""Which priors the columns of a prediction are seen with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vo_photoz.errors import ModelError
from vo_photoz.flow import Float32Array, FloatArray, MixturePDF
from vo_photoz.redshift import mixture
from vo_photoz.redshift.card import Card
from vo_photoz.redshift.classes import class_probabilities
from vo_photoz.redshift.priors import SKY, TRAINING, Ratio, prior_named, ratio_of, reweighted, training_prior
from vo_photoz.tables.predictions import Classes


@dataclass(frozen=True)
class Priors:
    """The priors of a run.

    Parameters
    ----------
    of_columns, of_high : str
        The prior of all columns, and that of ``p_high_z``: "training", "sky" or a file.
    columns, high : Ratio or None
        What densities are multiplied with for them; None: nothing.
    component_classes : tuple of str
        Of the model.
    """

    of_columns: str
    of_high: str
    columns: Ratio | None
    high: Ratio | None
    component_classes: tuple[str, ...]

    @classmethod
    def of(cls, wanted: str | Path | None, card: Card) -> Priors:
        """Priors of a run.

        Parameters
        ----------
        wanted : {"training", "sky"}, path or None
            For all columns. None: the training's for all but ``p_high_z``, that of the sky for it, if the
            card tells the prior of the training.
        card : Card
            Of the model.

        Raises
        ------
        UsageError
            Raised if a file cannot be read, or has none of the classes of the model.
        ModelError
            Raised if another prior is wanted and the card does not tell that of the training.
        """
        columns = str(wanted or TRAINING)
        high = str(wanted or (SKY if _known(card) else TRAINING))
        ratio = {one: _ratio(one, card) for one in {columns, high}}
        return cls(columns, high, ratio[columns], ratio[high], tuple(card.component_classes))

    @property
    def band(self) -> str:
        """Band in which magnitudes are needed; empty if none are."""
        return next((one.band for one in (self.columns, self.high) if one is not None), "")

    def told(self) -> dict[str, str]:
        """For provenance."""
        return {"prior": self.of_columns, "prior_of_p_high_z": self.of_high}

    def posterior(self, pdf: MixturePDF, magnitude: Float32Array) -> MixturePDF:
        """Densities for the columns."""
        return self._seen(pdf, magnitude, self.columns)

    def p_high(self, pdf: MixturePDF, magnitude: Float32Array, z_min: float) -> FloatArray:
        """P(z > z_min and no star), shape (n,), from densities as the model gives them."""
        probability = mixture.prob_above(self._seen(pdf, magnitude, self.high), z_min)
        return np.asarray(probability, dtype=np.float64)

    def _seen(self, pdf: MixturePDF, magnitude: Float32Array, ratio: Ratio | None) -> MixturePDF:
        if ratio is None:
            return pdf
        return reweighted(pdf, ratio, component_classes=self.component_classes, magnitude=magnitude)


def probabilities(pdf: MixturePDF, card: Card) -> Classes | None:
    """Probabilities of the classes for the table; None for a model without."""
    if not card.classes:
        return None
    return Classes(card.classes, class_probabilities(pdf, card.component_classes, card.classes))


def _known(card: Card) -> bool:
    try:
        training_prior(card)
    except ModelError:
        return False
    return True


def _ratio(which: str, card: Card) -> Ratio | None:
    target = prior_named(which)
    return None if target is None else ratio_of(target, training_prior(card))
