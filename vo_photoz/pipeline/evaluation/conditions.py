"""By what the scores of an evaluation are binned, and how well classes are told apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from vo_photoz.analysis.bins import Quantity
from vo_photoz.analysis.class_scores import class_scores
from vo_photoz.analysis.metrics import Scores, scores_of
from vo_photoz.flow import FloatArray
from vo_photoz.pipeline.evaluation.result import MODEL, Evaluation

AB_ZERO = 31.4
"""AB magnitude of 1 nJy: 8.90 for 1 Jy (Oke & Gunn 1983, ApJ 266, 713) and 22.5 for the factor."""
EBV_COLUMNS = ("ebv", "e_bv", "E_BV", "EBV")
MOST_SIGNAL = 1e4


def quantities(found: Evaluation) -> list[Quantity]:
    """Predicted redshift, magnitude, signal to noise, and E(B-V) where the data set has it."""
    band = _reference_band(found)
    name = found.data.manifest.bands[band]
    signal = found.catalogue.signal_to_noise(found.rows, band)
    magnitude, origin = _magnitude(found, band)
    several = [
        Quantity("z_phot", "predicted redshift (median)", found.judged[MODEL].median),
        Quantity("magnitude", f"{name} magnitude [AB], {origin}", magnitude),
        Quantity("signal_to_noise", f"signal to noise in {name}", np.clip(signal, None, MOST_SIGNAL)),
    ]
    ebv = _column(found, EBV_COLUMNS)
    if ebv is not None and np.isfinite(ebv).any():
        several.append(Quantity("ebv", "E(B-V) [mag]", ebv))
    return several


def by_class(found: Evaluation) -> dict[str, dict[str, Scores]]:
    """Scores of the redshifts of each class, by class and estimator; empty without classes."""
    if found.kind is None:
        return {}
    result = {}
    for kind in found.classes:
        parts = {name: one.take(found.kind == kind) for name, one in found.judged.items()}
        result[kind] = {name: scores_of(one) for name, one in parts.items() if one.counted.any()}
    return {kind: scores for kind, scores in result.items() if scores}


def classification(found: Evaluation) -> dict[str, dict[str, Any]]:
    """How well each estimator that tells classes apart does so."""
    if found.kind is None:
        return {}
    scored = {
        name: class_scores(share, found.kind, found.classes)
        for name, share in found.class_shares.items()
        if share is not None
    }
    return {name: one.as_dict() for name, one in scored.items() if one is not None}


def _reference_band(found: Evaluation) -> int:
    """Place of the band i where there is one, else of the last but one, as for the neighbours."""
    bands = found.data.manifest.bands
    return bands.index("i") if "i" in bands else max(len(bands) - 2, 0)


def _magnitude(found: Evaluation, band: int) -> tuple[FloatArray, str]:
    """Magnitudes of the catalogue, or measured on the stamps where it has none."""
    mag = found.data.rows.mag[found.rows, band]
    if np.isfinite(mag).mean() > 0.5:
        return mag, "catalogue"
    flux = found.catalogue.of(found.rows).total[:, band]
    with np.errstate(divide="ignore", invalid="ignore"):
        measured: FloatArray = np.where(flux > 0, AB_ZERO - 2.5 * np.log10(flux), np.nan)
    return measured, "measured on the stamps"


def _column(found: Evaluation, names: tuple[str, ...]) -> FloatArray | None:
    """A further column of the data set as numbers."""
    more = found.data.rows.more
    known = [] if more is None else [name for name in names if name in more.column_names]
    if more is None or not known:
        return None
    values = np.asarray(more[known[0]].to_pylist(), dtype=np.float64)
    return np.asarray(values[found.rows])
