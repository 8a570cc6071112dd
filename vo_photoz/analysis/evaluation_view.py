"""What is drawn and told of an evaluation: arrays and scores, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vo_photoz.analysis.bins import Bin, Quantity
from vo_photoz.analysis.bootstrap import Comparison
from vo_photoz.analysis.high_z import NaturalSky
from vo_photoz.analysis.judged import Judged
from vo_photoz.analysis.metrics import Scores
from vo_photoz.analysis.plots import SourcePicture
from vo_photoz.flow import MixturePDF

FIRST = "model"
PRIOR = "prior"


@dataclass(frozen=True)
class SuspectView:
    """A suspected label as it is told.

    Parameters
    ----------
    id : str
        Name of the object.
    ra, dec : float
        ICRS degrees.
    kind : str
        Known class; empty without.
    z, z_phot, z_second : float
        Known redshift; medians of the model and of a second estimator.
    near : float
        Probability near the known redshift.
    of_class : float or None
        Probability of the known class.
    backed : bool
        Whether the second estimator agrees with the model.
    """

    id: str
    ra: float
    dec: float
    kind: str
    z: float
    z_phot: float
    z_second: float
    near: float
    of_class: float | None
    backed: bool


@dataclass(frozen=True)
class EvaluationView:
    """An evaluation.

    Parameters
    ----------
    title : str
        Model and data set.
    facts : list of (str, str)
        What it was made with, in words.
    warnings : list of str
        What the reader must know first.
    titles : mapping
        Words for every estimator; the model first.
    pdfs, judged, scores : mapping
        Densities, `Judged` and `Scores` of the same n objects by estimator.
    comparisons : mapping
        The model beside each rival.
    over_neighbours : mapping
        Every estimator beside the neighbours.
    folds : list of (int, mapping)
        `Scores` by estimator for every fold, if there are several.
    by_class : mapping
        `Scores` by class and estimator.
    classification : mapping
        Scores of the classes by estimator.
    costs : mapping
        What trainings cost, by estimator.
    binned : list of (Quantity, list of Bin)
        Scores in bins.
    natural : NaturalSky or None
        Reliability of P(z > z_min) at natural densities.
    suspects : list of SuspectView
        Suspected labels, the worst first.
    pictures : list of SourcePicture
        Of the first of them.
    """

    title: str
    facts: list[tuple[str, str]]
    warnings: list[str]
    titles: Mapping[str, str]
    pdfs: Mapping[str, MixturePDF]
    judged: Mapping[str, Judged]
    scores: Mapping[str, Scores]
    comparisons: Mapping[str, Comparison]
    over_neighbours: Mapping[str, Comparison] = field(default_factory=dict)
    folds: Sequence[tuple[int, Mapping[str, Scores]]] = ()
    by_class: Mapping[str, Mapping[str, Scores]] = field(default_factory=dict)
    classification: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    binned: Sequence[tuple[Quantity, Sequence[Bin]]] = ()
    natural: NaturalSky | None = None
    suspects: Sequence[SuspectView] = ()
    pictures: Sequence[SourcePicture] = ()

    @property
    def shown(self) -> list[str]:
        """Estimators that are drawn: all but the prior, which tells nothing of an object."""
        return [name for name in self.titles if name != PRIOR]
