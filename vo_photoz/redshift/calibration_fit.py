"""Find the warp that makes densities hold what they promise, and no more of it than helps.

What is made small is, summed over the objects, -ln p(z) plus the distance of the PIT from uniform. The
likelihood is that of the density with one object in a hundred anywhere, so that a wrong redshift of a
spectrum does not widen the densities of all the others; the distance is that of Cramer and von Mises. Priors
on all numbers (normal, about "no change") keep few objects from saying much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import kstest

from vo_photoz.flow import FloatArray, MixturePDF
from vo_photoz.redshift import mixture
from vo_photoz.redshift.warp import Warp, tempered

ANYWHERE = 0.01
"""Share of objects whose redshift may be anything."""
PIT_WEIGHT = 1.5
"""Of 12 n times the mean squared distance of the sorted PIT from uniform; that is 2 for perfect densities."""
LOOSE = {"scale": 0.5, "shift": 0.5, "temperature": 0.5, "floor": 1.0, "knot": 0.2}
"""Standard deviations of the priors on ln scale, shift, ln temperature, floor^2, and differences of knots."""
MOST_OBJECTS = 5000
OBJECTS_A_KNOT = 200
MOST_KNOTS = 8
PARTS = 5
WORTH = 4.0
"""What a more complicated warp must bring in the cross-validation, in units of ln likelihood."""


def fit_warp(pdf: MixturePDF, z: FloatArray, groups: NDArray[Any]) -> tuple[Warp, dict[str, Any]]:
    """The warp of densities (n, k) with known redshifts (n,), and scores before and after it.

    The scores after are those of the cross-validation: each object changed by a warp that was fitted to
    others.
    """
    few = np.unique(np.linspace(0, len(z) - 1, min(len(z), MOST_OBJECTS)).astype(np.intp))
    pdf, z, part = pdf.take(few), z[few], _parts(groups[few])
    best, best_pdf = 0, pdf
    best_loss, crps = _loss(pdf, z), mixture.crps(pdf, z)
    knots = _knots(pdf)
    for level in range(1, 2 + (len(knots) > 1)):
        changed = _cross_validated(pdf, z, part, level)
        worse = mixture.crps(changed, z) - crps
        loss = _loss(changed, z)
        if loss < best_loss - WORTH and worse.mean() <= worse.std() / np.sqrt(len(z)):
            best, best_pdf, best_loss = level, changed, loss
    return _fitted(pdf, z, best), {
        "n": len(z),
        "knots": (0, 1, len(knots))[best],
        "before": _scores(pdf, z),
        "after": _scores(best_pdf, z),
    }


def fit_temperature(probability: FloatArray, place: NDArray[np.intp]) -> float:
    """Temperature of the probabilities of classes (n, c) of objects of the classes ``place`` (n,)."""
    rows = np.arange(len(place))

    def loss(log_temperature: float) -> float:
        warm = tempered(np.maximum(probability, 1e-12), float(np.exp(log_temperature)))
        right = (1 - ANYWHERE) * warm[rows, place] + ANYWHERE / probability.shape[1]
        return float(-np.log(right).sum() + 0.5 * (log_temperature / LOOSE["temperature"]) ** 2)

    found = minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) - WORTH else 1.0


def _fitted(pdf: MixturePDF, z: FloatArray, level: int) -> Warp:
    """The warp at level 0 (none), 1 (the same at all redshifts) or 2 (by redshift)."""
    if level == 0:
        return Warp()
    middle = float(np.median(pdf.sigma))
    same = _minimised(pdf, z, (0.0,), np.zeros(4), middle)
    if level == 1:
        return _warp(same, (0.0,), middle)
    knots = _knots(pdf)
    start = np.concatenate([same[:2], np.full(len(knots), same[2]), np.full(len(knots), same[3])])
    return _warp(_minimised(pdf, z, knots, start, middle), knots, middle)


def _minimised(
    pdf: MixturePDF, z: FloatArray, knots: Sequence[float], start: FloatArray, middle: float
) -> FloatArray:
    def aim(numbers: FloatArray) -> float:
        return (_loss(_warp(numbers, knots, middle)(pdf), z) + _prior(numbers)) / len(z)

    m = len(knots)
    bounds = [(0.0, 25.0), (-1.5, 1.5), *[(-2.0, 2.0)] * m, *[(-3.0, 3.0)] * m]
    found = minimize(aim, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
    return np.asarray(found.x, dtype=np.float64)


def _warp(numbers: FloatArray, knots: Sequence[float], middle: float) -> Warp:
    """The numbers of a fit: floor^2 in units of the median width, ln temperature, ln scales, shifts."""
    scale, shift = np.split(numbers[2:], 2)
    return Warp(
        tuple(knots),
        tuple(float(one) for one in np.exp(scale)),
        tuple(float(one) for one in shift),
        middle * float(np.sqrt(max(numbers[0], 0.0))),
        float(np.exp(numbers[1])),
    )


def _prior(numbers: FloatArray) -> float:
    """Minus the logarithm of the prior."""
    total = (numbers[0] / LOOSE["floor"]) ** 2 + (numbers[1] / LOOSE["temperature"]) ** 2
    for name, values in zip(("scale", "shift"), np.split(numbers[2:], 2), strict=True):
        total += (values.mean() / LOOSE[name]) ** 2 + (((values - values.mean()) / LOOSE["knot"]) ** 2).sum()
    return 0.5 * float(total)


def _loss(pdf: MixturePDF, z: FloatArray) -> float:
    """-ln likelihood and distance of the PIT from uniform, summed over the objects."""
    span = max(float(z.max() - z.min()), 0.1)
    likely = -np.log((1 - ANYWHERE) * mixture.pdf(pdf, z) + ANYWHERE / span).sum()
    chance = np.sort(mixture.cdf(pdf, z))
    even = (np.arange(len(z)) + 0.5) / len(z)
    return float(likely + PIT_WEIGHT * 12 * ((chance - even) ** 2).sum())


def _knots(pdf: MixturePDF) -> tuple[float, ...]:
    """Redshifts of the knots: where there are equally many objects around each."""
    m = int(np.clip(len(pdf) // OBJECTS_A_KNOT, 1, MOST_KNOTS))
    found = np.unique(np.quantile(mixture.mean(pdf), (np.arange(m) + 0.5) / m).round(3))
    return tuple(float(z) for z in found)


def _cross_validated(pdf: MixturePDF, z: FloatArray, part: NDArray[np.intp], level: int) -> MixturePDF:
    """Every density changed by a warp that was fitted to the other parts."""
    out = [np.empty(np.shape(pdf.weight)) for _ in range(3)]
    for one in range(PARTS):
        here, others = np.flatnonzero(part == one), np.flatnonzero(part != one)
        changed = _fitted(pdf.take(others), z[others], level)(pdf.take(here))
        for column, values in zip(out, (changed.weight, changed.mean, changed.sigma), strict=True):
            column[here] = values
    return MixturePDF(*out)


def _parts(groups: NDArray[Any]) -> NDArray[np.intp]:
    """A part 0..4 for every object; those of one group share it."""
    _, number = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(1).permutation(int(number.max()) + 1)
    return np.asarray(order[number] % PARTS, dtype=np.intp)


def _scores(pdf: MixturePDF, z: FloatArray) -> dict[str, float]:
    chance = mixture.pit(pdf, z)
    return {
        "crps": round(float(mixture.crps(pdf, z).mean()), 5),
        "pit_ks": round(float(kstest(chance, "uniform").statistic), 4),
        "coverage_68": round(float(np.mean((chance >= 0.16) & (chance <= 0.84))), 4),
    }
