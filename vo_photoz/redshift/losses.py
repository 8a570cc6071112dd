"""Losses of mixture density networks, in `keras.ops`: the closed-form CRPS, the likelihood, a blend, classes.

A prediction is (n, 3, k): weights, means and standard deviations, as `networks.head.MixtureHead` gives them.
The truth is (n, 2): redshift, and number of the class or -1 where it is unknown; redshifts alone, (n,) or
(n, 1), are taken too. All is computed in float32 whatever the precision of the network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vo_photoz.redshift.backend import keras, ops
from vo_photoz.redshift.networks.shape import NetworkShape

TINY_WEIGHT = 1e-30
"""Added to weights before a logarithm: a weight that underflows keeps a finite loss and finite gradients."""
CLASS_SHARE = 0.1
"""Share of the cross-entropy of the classes in a loss; chosen by hand, to be of the order of the CRPS."""


def mixture_crps(truth: Any, mixture: Any) -> Any:
    """CRPS of Gaussian mixtures (Grimit et al. 2006, QJRMS 132, 2925, equations 4 and 5), shape (n,).

    Parameters
    ----------
    truth : tensor, shape (n,), (n, 1) or (n, 2)
        True redshifts, and numbers of classes, which do not count here.
    mixture : tensor, shape (n, 3, k)
        Weights, means, standard deviations.
    """
    weight, mean, sigma = _columns(mixture)
    to_truth = ops.sum(weight * _expected_distance(_redshift(truth) - mean, sigma), axis=-1)
    # Every pair twice: picking out the half costs more than it saves, measured up to k = 30.
    apart = mean[:, :, None] - mean[:, None, :]
    width = ops.sqrt(ops.square(sigma[:, :, None]) + ops.square(sigma[:, None, :]))
    pairs = weight[:, :, None] * weight[:, None, :] * _expected_distance(apart, width)
    return to_truth - 0.5 * ops.sum(pairs, axis=(-2, -1))


def mixture_nll(truth: Any, mixture: Any) -> Any:
    """Negative log likelihood of Gaussian mixtures, shape (n,); arguments as in `mixture_crps`."""
    weight, mean, sigma = _columns(mixture)
    t = (_redshift(truth) - mean) / sigma
    exponent = ops.log(weight + TINY_WEIGHT) - ops.log(sigma) - 0.5 * ops.square(t)
    return 0.5 * math.log(2 * math.pi) - ops.logsumexp(exponent, axis=-1)


def class_cross_entropy(truth: Any, mixture: Any, owners: Sequence[int]) -> Any:
    """Minus the logarithm of the probability of the true class, shape (n,); zero where it is unknown.

    Parameters
    ----------
    truth : tensor, shape (n, 2)
        Redshifts and numbers of the classes, -1 where unknown.
    mixture : tensor, shape (n, 3, k)
        Weights, means, standard deviations.
    owners : sequence of int, length k
        Number of the class of every component.
    """
    weight, _, _ = _columns(mixture)
    index = ops.cast(truth, weight.dtype)[:, 1:2]
    mine = ops.cast(ops.equal(index, ops.convert_to_tensor(np.asarray(owners), weight.dtype)), weight.dtype)
    found = -ops.log(ops.sum(weight * mine, axis=-1) + TINY_WEIGHT)
    return ops.where(index[:, 0] >= 0, found, ops.zeros_like(found))


def _columns(mixture: Any) -> tuple[Any, Any, Any]:
    mixture = ops.cast(mixture, "float32")
    return mixture[:, 0], mixture[:, 1], mixture[:, 2]


def _redshift(truth: Any) -> Any:
    """True redshifts as a column (n, 1)."""
    truth = ops.cast(truth, "float32")
    return truth[:, None] if len(truth.shape) == 1 else truth[:, :1]


def _expected_distance(difference: Any, width: Any) -> Any:
    """E|X| for X normal with this mean and standard deviation."""
    t = difference / width
    normal = ops.exp(-0.5 * ops.square(t)) / math.sqrt(2 * math.pi)
    return 2 * width * normal + difference * ops.erf(t / math.sqrt(2))


@keras.saving.register_keras_serializable(package="vo_photoz")
class MixtureLoss(keras.losses.Loss):
    """A blend of scores: ``crps_share * crps + nll_share * nll + class_share * class cross-entropy``.

    Parameters
    ----------
    nll_share : float
        0 is the CRPS alone.
    crps_share : float
        0 is the likelihood alone.
    class_share : float
        Counts where the truth names a class.
    owners : sequence of int, length k
        Number of the class of every component; empty: no classes.
    name : str
        Name in the log.
    """

    def __init__(
        self,
        nll_share: float = 0.0,
        crps_share: float = 1.0,
        class_share: float = 0.0,
        owners: Sequence[int] = (),
        name: str = "mixture_loss",
    ) -> None:
        super().__init__(name=name, reduction="sum_over_batch_size", dtype="float32")
        self.nll_share, self.crps_share = nll_share, crps_share
        self.class_share, self.owners = class_share, list(owners)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of every row, shape (n,)."""
        loss = 0.0
        if self.crps_share:
            loss = loss + self.crps_share * mixture_crps(y_true, y_pred)
        if self.nll_share:
            loss = loss + self.nll_share * mixture_nll(y_true, y_pred)
        if self.class_share and self.owners and y_true.shape[-1] == 2 and len(y_true.shape) == 2:
            loss = loss + self.class_share * class_cross_entropy(y_true, y_pred, self.owners)
        return loss

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the loss again."""
        names = ("nll_share", "crps_share", "class_share", "owners", "name")
        return {name: getattr(self, name) for name in names}


LOSSES: dict[str, dict[str, float]] = {
    "crps": {"nll_share": 0.0, "crps_share": 1.0},
    "nll": {"nll_share": 1.0, "crps_share": 0.0},
    "blend": {"nll_share": 0.05, "crps_share": 1.0},
}


def loss_named(name: str, shape: NetworkShape | None = None, class_share: float = CLASS_SHARE) -> MixtureLoss:
    """The loss ``crps``, ``nll`` or ``blend`` (CRPS and a twentieth of the likelihood).

    Parameters
    ----------
    name : str
        Which.
    shape : NetworkShape, optional
        Of the network; where it has classes, their cross-entropy is added.
    class_share : float
        Its share.
    """
    if shape is None or not shape.classes:
        return MixtureLoss(LOSSES[name]["nll_share"], LOSSES[name]["crps_share"], name=name)
    owners = [shape.classes.index(one) for one in shape.component_classes]
    return MixtureLoss(LOSSES[name]["nll_share"], LOSSES[name]["crps_share"], class_share, owners, name)
