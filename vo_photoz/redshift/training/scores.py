"""How good a network is on the stamps that it is stopped by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vo_photoz.flow import MixturePDF
from vo_photoz.redshift import mixture
from vo_photoz.redshift.backend import keras
from vo_photoz.redshift.networks import NetworkShape
from vo_photoz.redshift.training.mixing import Mixture
from vo_photoz.redshift.training.sources import Shown

PREDICT_BATCH = 512
TINY = 1e-7


@dataclass(frozen=True)
class StopScore:
    """Means over the early stopping stamps; those of several sources in the shares of the training.

    Parameters
    ----------
    crps : float
        Of the redshifts.
    cross_entropy : float or None
        Of the classes; None without classes.
    by_source : dict
        CRPS of each source.
    """

    crps: float
    cross_entropy: float | None
    by_source: dict[str, float]

    def total(self, class_share: float) -> float:
        """What is to be small."""
        return self.crps + class_share * (self.cross_entropy or 0.0)


def stop_score(network: keras.Model, shown: Mixture, shape: NetworkShape, batch: int) -> StopScore:
    """Score a network on the early stopping stamps of all sources that have some."""
    found = [_of_source(network, source.stopping(), shape, batch) for source in shown.sources]
    share = np.array(shown.shares, dtype=np.float64) * [n > 0 for n, _, _ in found]
    if not share.any():
        return StopScore(float("nan"), None, {})
    share /= share.sum()
    crps, entropy = (float(share @ [one[k] for one in found]) for k in (1, 2))
    by_source = {source.name: one[1] for source, one in zip(shown.sources, found, strict=True) if one[0]}
    return StopScore(crps, entropy if shape.classes else None, by_source)


def _of_source(
    network: keras.Model, parts: Iterable[Shown], shape: NetworkShape, batch: int
) -> tuple[int, float, float]:
    """Number of stamps, mean CRPS, mean cross-entropy where the class is known."""
    n, crps, known, entropy = 0, 0.0, 0, 0.0
    for part in parts:
        raw = np.asarray(network.predict(part.pixels, batch_size=batch, verbose=0))
        crps += float(mixture.crps(MixturePDF(raw[:, 0], raw[:, 1], raw[:, 2]), part.labels[:, 0]).sum())
        n += len(part)
        right = _right_class(raw[:, 0], part.labels[:, 1], shape)
        known += len(right)
        entropy -= float(np.log(np.maximum(right, TINY)).sum())
    return n, crps / max(n, 1), entropy / max(known, 1)


def _right_class(weight: np.ndarray, truth: np.ndarray, shape: NetworkShape) -> np.ndarray:
    """Probability of the true class of objects whose class is known."""
    owner = np.array([shape.classes.index(one) for one in shape.component_classes])
    rows = np.flatnonzero(truth >= 0) if len(owner) else np.empty(0, int)
    right: np.ndarray = (
        np.where(owner == truth[rows, None], weight[rows], 0).sum(1) if len(rows) else rows * 0.0
    )
    return right
