"""Kernels between the tangent plane of an image and a face of the HEALPix grid; imports numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from vo_photoz.sky.pixels import kernel, place_of


@kernel
def exact(axes: Any, xi: float, eta: float, nside: int) -> Any:
    """Place of a point of the tangent plane (xi to the east, eta to the north, radians)."""
    centre, east, north = axes
    return place_of(
        centre[0] + xi * east[0] + eta * north[0],
        centre[1] + xi * east[1] + eta * north[1],
        centre[2] + xi * east[2] + eta * north[2],
        nside,
    )


@kernel
def fit(axes: Any, half_x: float, half_y: float, nside: int, curve: Any) -> Any:
    """Biquadratic map from the tangent plane of a small image to its face; the face, or -1 without one.

    Nine exact places make the map. Four others, where its error is near its largest, must agree to
    a millionth of a pixel; otherwise (large images, near poles and edges of faces) all pixels are projected.
    """
    if half_x <= 0.0 or half_y <= 0.0:
        return -1
    places = np.empty((2, 3, 3), np.float64)
    face = exact(axes, 0.0, 0.0, nside)[0]
    for j in range(3):
        for i in range(3):
            there, places[0, j, i], places[1, j, i] = exact(axes, (i - 1) * half_x, (j - 1) * half_y, nside)
            if there != face:
                return -1
    for k in range(2):
        for j in range(3):
            low, middle, high = places[k, j, 0], places[k, j, 1], places[k, j, 2]
            places[k, j, 0] = middle
            places[k, j, 1] = (high - low) / (2 * half_x)
            places[k, j, 2] = (high + low - 2 * middle) / (2 * half_x * half_x)
        for i in range(3):
            low, middle, high = places[k, 0, i], places[k, 1, i], places[k, 2, i]
            curve[9 * k + i] = middle
            curve[9 * k + 3 + i] = (high - low) / (2 * half_y)
            curve[9 * k + 6 + i] = (high + low - 2 * middle) / (2 * half_y * half_y)
    for south in (-0.6, 0.6):
        for west in (-0.6, 0.6):
            xi, eta = west * half_x, south * half_y
            there, x, y = exact(axes, xi, eta, nside)
            error = max(abs(x - _on(curve, 0, xi, eta)), abs(y - _on(curve, 9, xi, eta)))
            if there != face or error > 1e-6:
                return -1
    return face


@kernel
def row_of(curve: Any, k: int, eta: float) -> tuple[float, float, float]:
    """Quadratic along a row of a biquadratic map, whose coefficients start at place k."""
    return (
        curve[k] + eta * (curve[k + 3] + eta * curve[k + 6]),
        curve[k + 1] + eta * (curve[k + 4] + eta * curve[k + 7]),
        curve[k + 2] + eta * (curve[k + 5] + eta * curve[k + 8]),
    )


@kernel
def _on(curve: Any, k: int, xi: float, eta: float) -> float:
    """Value of a biquadratic map."""
    a, b, c = row_of(curve, k, eta)
    value: float = a + xi * (b + xi * c)
    return value


@kernel
def moved(parabola: Any, xi: float) -> tuple[float, float, float]:
    """The same parabola, counted from another place."""
    a, b, c = parabola
    return a + xi * (b + xi * c), b + 2 * xi * c, c
