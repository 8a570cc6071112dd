"""Losses of mixture density networks, in `keras.ops`: the closed-form CRPS, the likelihood, a blend.

A prediction is (n, 3, k): weights, means and standard deviations, as `network.MixtureHead` gives them.
"""

from __future__ import annotations

import math
from typing import Any

from vo_photoz.redshift.backend import keras, ops

TINY_WEIGHT = 1e-12


def mixture_crps(z: Any, mixture: Any) -> Any:
    """CRPS of Gaussian mixtures (Grimit et al. 2006, QJRMS 132, 2925), shape (n,).

    Parameters
    ----------
    z : tensor, shape (n,) or (n, 1)
        True redshifts.
    mixture : tensor, shape (n, 3, k)
        Weights, means, standard deviations.
    """
    weight, mean, sigma = mixture[:, 0], mixture[:, 1], mixture[:, 2]
    truth = ops.reshape(ops.cast(z, mixture.dtype), (-1, 1))
    to_truth = ops.sum(weight * _expected_distance(truth - mean, sigma), axis=-1)
    apart = mean[:, :, None] - mean[:, None, :]
    width = ops.sqrt(ops.square(sigma[:, :, None]) + ops.square(sigma[:, None, :]))
    pairs = weight[:, :, None] * weight[:, None, :] * _expected_distance(apart, width)
    return to_truth - 0.5 * ops.sum(pairs, axis=(-2, -1))


def mixture_nll(z: Any, mixture: Any) -> Any:
    """Negative log likelihood of Gaussian mixtures, shape (n,); arguments as in `mixture_crps`."""
    weight, mean, sigma = mixture[:, 0], mixture[:, 1], mixture[:, 2]
    truth = ops.reshape(ops.cast(z, mixture.dtype), (-1, 1))
    t = (truth - mean) / sigma
    exponent = ops.log(weight + TINY_WEIGHT) - ops.log(sigma) - 0.5 * ops.square(t)
    return 0.5 * math.log(2 * math.pi) - ops.logsumexp(exponent, axis=-1)


def _expected_distance(difference: Any, width: Any) -> Any:
    """E|X| for X normal with this mean and standard deviation."""
    t = difference / width
    normal = ops.exp(-0.5 * ops.square(t)) / math.sqrt(2 * math.pi)
    return 2 * width * normal + difference * ops.erf(t / math.sqrt(2))


@keras.saving.register_keras_serializable(package="vo_photoz")
class MixtureLoss(keras.losses.Loss):
    """A blend of both scores: ``crps + nll_share * nll``.

    Parameters
    ----------
    nll_share : float
        0 is the CRPS alone.
    crps_share : float
        0 is the likelihood alone.
    name : str
        Name in the log.
    """

    def __init__(self, nll_share: float = 0.0, crps_share: float = 1.0, name: str = "mixture_loss") -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.nll_share = nll_share
        self.crps_share = crps_share

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of every row, shape (n,)."""
        loss = 0.0
        if self.crps_share:
            loss = loss + self.crps_share * mixture_crps(y_true, y_pred)
        if self.nll_share:
            loss = loss + self.nll_share * mixture_nll(y_true, y_pred)
        return loss

    def get_config(self) -> dict[str, Any]:
        """What is needed to make the loss again."""
        return {"nll_share": self.nll_share, "crps_share": self.crps_share, "name": self.name}


LOSSES = {
    "crps": {"nll_share": 0.0, "crps_share": 1.0},
    "nll": {"nll_share": 1.0, "crps_share": 0.0},
    "blend": {"nll_share": 0.05, "crps_share": 1.0},
}


def loss_named(name: str) -> MixtureLoss:
    """The loss ``crps``, ``nll`` or ``blend`` (CRPS and a twentieth of the likelihood)."""
    return MixtureLoss(**LOSSES[name], name=name)
