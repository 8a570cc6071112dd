"""Numba kernels that integrate quasar spectra over bands, node by node of the grid of rest wavelengths.

All constants come in as arguments: what numba keeps on disk is not renewed when another file changes.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from vo_photoz.flow import Float32Array, FloatArray

kernel: Any = numba.njit(nogil=True, cache=True, error_model="numpy")


@kernel
def integrate(
    quasars: FloatArray,
    hosts: FloatArray,
    z: FloatArray,
    numbers: FloatArray,
    strength: FloatArray,
    forest: FloatArray,
    system_z: FloatArray,
    system_depth: FloatArray,
    troughs: FloatArray,
    constants: FloatArray,
    trough_lines: FloatArray,
    weights: FloatArray,
    log_rest: FloatArray,
    emitted: FloatArray,
    dust: FloatArray,
    galaxy: FloatArray,
    series: Float32Array,
    mean: Float32Array,
) -> None:
    """Fill ``quasars`` and ``hosts``, both (n, band), one quasar after the other.

    ``numbers`` has the columns slope, slope_uv, slope_red, ebv, host; ``troughs`` depth, slow, fast (over the
    speed of light), low; ``constants`` is that of `fluxes`.
    """
    low, step = constants[0], constants[1]
    passed, blocked = np.empty(weights.shape[0]), np.empty(weights.shape[0] + 1)
    for n in range(len(z)):
        shift = np.log(1 + z[n])
        # Node k of the rest frame falls between the observed nodes k - first and k - first + 1.
        place = (log_rest[0] + shift - low) / step
        first = int(np.ceil(-place))
        part = place + first
        _block(blocked, system_z[n], system_depth[n], constants, part)
        _trough(passed, troughs[n], trough_lines, log_rest, first, step)
        _one(
            quasars[n], hosts[n], z[n], numbers[n], strength[n], forest[n], first, part, shift, constants,
            weights, log_rest, emitted, dust, galaxy, series, mean, passed, blocked,
        )  # fmt: skip


@kernel
def _block(
    blocked: FloatArray, system_z: FloatArray, system_depth: FloatArray, constants: FloatArray, part: float
) -> None:
    """Sum over the thick systems redward of each node of depth / (wavelength of the limit)^3."""
    low, step, limit = constants[0], constants[1], constants[2]
    blocked[:] = 0
    for s in range(len(system_z)):
        if system_depth[s] > 0:
            edge = limit * (1 + system_z[s])
            last = min(int(np.ceil((np.log(edge) - low) / step - part)), len(blocked) - 1)
            if last > 0:
                blocked[last - 1] += system_depth[s] / edge**3
    for j in range(len(blocked) - 2, -1, -1):
        blocked[j] += blocked[j + 1]


@kernel
def _trough(
    passed: FloatArray, trough: FloatArray, lines: FloatArray, log_rest: FloatArray, first: int, step: float
) -> None:
    """What broad absorption lines let through at each node."""
    passed[:] = 1
    if trough[0] <= 0:
        return
    for line in range(lines.shape[0]):
        depth = trough[0] * lines[line, 1]
        if lines[line, 2] > 0:
            depth *= trough[3]
        start, end = np.log(lines[line, 0] * (1 - trough[2])), np.log(lines[line, 0] * (1 - trough[1]))
        begin = int(np.ceil((start - log_rest[0]) / step)) - first
        stop = int(np.ceil((end - log_rest[0]) / step)) - first
        for j in range(max(begin, 0), min(stop, len(passed))):
            passed[j] *= 1 - depth


@kernel
def _one(
    quasar: FloatArray,
    stars: FloatArray,
    z: float,
    numbers: FloatArray,
    strength: FloatArray,
    forest: FloatArray,
    first: int,
    part: float,
    shift: float,
    constants: FloatArray,
    weights: FloatArray,
    log_rest: FloatArray,
    emitted: FloatArray,
    dust: FloatArray,
    galaxy: FloatArray,
    series: Float32Array,
    mean: Float32Array,
    passed: FloatArray,
    blocked: FloatArray,
) -> None:
    """Integrate one quasar and its host over all bands."""
    pivot, uv, red, host_pivot = constants[3], constants[4], constants[5], constants[6]
    slope, slope_uv, slope_red, ebv, share = numbers
    level = share * np.exp(-(2 + slope) * red - (2 + slope_red) * (host_pivot - red))
    row = int(z / constants[9])
    ahead = z / constants[9] - row
    for j in range(weights.shape[0] - 1):
        k = j + first
        x = log_rest[k] - pivot
        exponent = -(2 + slope) * min(max(x, uv), red) - ebv * dust[k]
        if x < uv:
            exponent -= (2 + slope_uv) * (x - uv)
        elif x > red:
            exponent -= (2 + slope_red) * (x - red)
        absorbed = 0.0
        if k < series.shape[1]:
            node = (log_rest[k] + shift - constants[7]) / constants[8]
            node = min(max(node, 0.0), len(forest) - 1.000001)
            at = int(node)
            factor = forest[at] + (forest[at + 1] - forest[at]) * (node - at)
            absorbed = factor * (series[row, k] + ahead * (series[row + 1, k] - series[row, k]))
            absorbed += mean[row, k] + ahead * (mean[row + 1, k] - mean[row, k])
            if blocked[j] > 0:
                absorbed += blocked[j] * np.exp(3 * (log_rest[k] + shift))
        total = 1.0
        for group in range(len(strength)):
            total += strength[group] * emitted[k, group]
        flux = total * np.exp(exponent - absorbed) * passed[j]
        around = level * galaxy[k] * np.exp(-absorbed) if level > 0 else 0.0
        for band in range(weights.shape[1]):
            weight = weights[j, band] + part * (weights[j + 1, band] - weights[j, band])
            quasar[band] += weight * flux
            stars[band] += weight * around
