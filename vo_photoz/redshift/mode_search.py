"""The modes of many mixtures, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import FloatArray

OFFSETS = np.array([-3.0, -1.8, -1.2, -0.6, 0.0, 0.6, 1.2, 1.8, 3.0])
"""Where each component is looked at, in its standard deviations."""
CLIMBS = 50
HALVINGS = 30
SECTIONS = 12
Places = NDArray[np.int64]
_ROOT_TWO = math.sqrt(2.0)


@numba.njit(cache=True)
def density(z: float, weight: FloatArray, mean: FloatArray, sigma: FloatArray) -> float:
    """p(z) of one mixture, times the square root of 2 pi."""
    total = 0.0
    for k in range(len(weight)):
        t = (z - mean[k]) / sigma[k]
        if -8.0 < t < 8.0:
            total += weight[k] / sigma[k] * math.exp(-0.5 * t * t)
    return total


@numba.njit(cache=True)
def cumulative(z: float, weight: FloatArray, mean: FloatArray, sigma: FloatArray) -> float:
    """Probability of a redshift up to z."""
    total = 0.0
    for k in range(len(weight)):
        total += 0.5 * weight[k] * math.erfc((mean[k] - z) / sigma[k] / _ROOT_TWO)
    return total


@numba.njit(cache=True)
def summit(z: float, weight: FloatArray, mean: FloatArray, sigma: FloatArray) -> float:
    """Uphill from z: the fixed point of a zero slope."""
    for _ in range(CLIMBS):
        pull, moment = 0.0, 0.0
        for k in range(len(weight)):
            t = (z - mean[k]) / sigma[k]
            if -8.0 < t < 8.0:
                part = weight[k] / sigma[k] ** 3 * math.exp(-0.5 * t * t)
                pull += part
                moment += part * mean[k]
        if pull == 0.0:
            return z
        step = moment / pull - z
        z += step
        if abs(step) < 1e-7 * (1.0 + abs(z)):
            break
    return z


@numba.njit(cache=True)
def crossing(
    q: float, low: float, high: float, weight: FloatArray, mean: FloatArray, sigma: FloatArray
) -> float:
    """Where the cumulative probability is q, between low and high."""
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if cumulative(middle, weight, mean, sigma) < q:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@numba.njit(cache=True)
def bottom(low: float, high: float, weight: FloatArray, mean: FloatArray, sigma: FloatArray) -> float:
    """The lowest place between two, by golden sections."""
    golden = 0.6180339887498949
    a, b = high - golden * (high - low), low + golden * (high - low)
    at_a, at_b = density(a, weight, mean, sigma), density(b, weight, mean, sigma)
    for _ in range(SECTIONS):
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - golden * (high - low)
            at_a = density(a, weight, mean, sigma)
        else:
            low, a, at_a = a, b, at_b
            b = low + golden * (high - low)
            at_b = density(b, weight, mean, sigma)
    return 0.5 * (low + high)


@numba.njit(cache=True)
def hills(values: FloatArray, valley: float) -> tuple[Places, Places, int]:
    """Highest place and right end of each hill, and their number.

    Hills with no real valley between them are one. A valley is real where the density is below ``valley``
    times the lower of the two tops beside it.
    """
    tops, ends = np.empty(len(values), np.int64), np.empty(len(values), np.int64)
    found = 0
    top = deepest = 0
    rising = True
    for i in range(1, len(values)):
        if rising:
            if values[i] > values[top]:
                top = i
            elif values[i] < valley * values[top]:
                rising, deepest = False, i
        elif values[i] < values[deepest]:
            deepest = i
        elif values[deepest] < valley * values[i]:
            tops[found], ends[found] = top, deepest
            found += 1
            top, rising = i, True
    tops[found], ends[found] = top, len(values) - 1
    return tops, ends, found + 1


@numba.njit(cache=True, nogil=True)
def search(
    weight: FloatArray, mean: FloatArray, sigma: FloatArray, most: int, least: float, valley: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Positions, masses, low and high ends of the modes, shape (n, most) each; NaN where there are fewer."""
    n, components = weight.shape
    out = np.full((4, n, most), np.nan)
    for row in range(n):
        if not np.isfinite(weight[row].sum() + mean[row].sum() + sigma[row].sum()):
            continue
        w, m, s = weight[row], mean[row], sigma[row]
        points = np.empty(components * len(OFFSETS))
        for k in range(components):
            points[k * len(OFFSETS) : (k + 1) * len(OFFSETS)] = m[k] + s[k] * OFFSETS
        points.sort()
        values = np.empty(len(points))
        for i in range(len(points)):
            values[i] = density(points[i], w, m, s)
        tops, ends, found = hills(values, valley)
        sums = np.empty(found + 1)
        sums[0] = 0.0
        for i in range(found):
            if i == found - 1:
                sums[i + 1] = 1.0
            else:
                floor = bottom(points[ends[i] - 1], points[ends[i] + 1], w, m, s)
                sums[i + 1] = cumulative(floor, w, m, s)
        order = np.argsort(-(sums[1:] - sums[:-1]))
        low, high = (m - 10.0 * s).min(), (m + 10.0 * s).max()
        for place in range(min(most, found)):
            i = order[place]
            mass = sums[i + 1] - sums[i]
            if place and mass < least:
                break
            out[0, row, place] = summit(points[tops[i]], w, m, s)
            out[1, row, place] = mass
            out[2, row, place] = crossing(sums[i] + 0.16 * mass, low, high, w, m, s)
            out[3, row, place] = crossing(sums[i] + 0.84 * mass, low, high, w, m, s)
    return out[0], out[1], out[2], out[3]
