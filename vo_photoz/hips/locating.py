"""Kernels that find which tile pixels make the pixels of TAN images; imports numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vo_photoz.sky.pixels import bilinear, interleave, kernel, place_of


@kernel
def locate(
    centre: Any,
    east: Any,
    north: Any,
    step: float,
    shape: Any,
    order: int,
    shift: int,
    slot: Any,
    offset: Any,
    weight: Any,
    tiles: Any,
) -> bool:
    """Fill a plan; False when an image touches more tiles than there is room for."""
    columns, height, first_row, rows = shape[0], shape[1], shape[2], shape[3]
    curve, last = np.empty(18, np.float64), np.empty(2, np.int64)
    half_x, half_y = 0.5 * (columns - 1) * step, 0.5 * (height - 1) * step
    for n in range(len(centre)):
        axes = centre[n], east[n], north[n]
        last[0] = -1
        face = _fit(axes, half_x, half_y, 1 << (order + shift), curve)
        for row in range(rows):
            eta = (first_row + row) * step - half_y
            line = slice(row * columns, (row + 1) * columns)
            parts = slot[n, line], offset[n, line], weight[n, line]
            if not _locate_row(
                axes,
                face,
                curve,
                eta,
                half_x,
                step,
                order,
                shift,
                last,
                tiles[n],
                parts[0],
                parts[1],
                parts[2],
            ):
                return False
    return True


@kernel
def _locate_row(
    axes: Any,
    flat_face: int,
    curve: Any,
    eta: float,
    half_x: float,
    step: float,
    order: int,
    shift: int,
    last: Any,
    tiles: Any,
    slot: Any,
    offset: Any,
    weight: Any,
) -> bool:
    """Fill the plan of one row of an image."""
    width, mask, nside = 1 << shift, (1 << shift) - 1, 1 << (order + shift)
    smooth = slot.shape[1] == 4
    centre = 0.5 if smooth else 0.0
    a, b, c = _row_of(curve, 0, eta)
    d, e, f = _row_of(curve, 9, eta)
    face, tile_x, tile_y, tile_face, here = flat_face, -1, -1, -1, -1
    for p in range(len(slot)):
        xi = half_x - p * step  # east is left
        if flat_face >= 0:
            x, y = a + xi * (b + xi * c), d + xi * (e + xi * f)
        else:
            face, x, y = _exact(axes, xi, eta, nside)
        x0, y0 = min(math.floor(x - centre), nside - 1), min(math.floor(y - centre), nside - 1)
        if smooth and (x0 < 0 or y0 < 0 or (x0 & mask) == mask or (y0 & mask) == mask):
            if not _across_tiles(face, x, y, order, shift, last, tiles, slot[p], offset[p], weight[p]):
                return False
            continue
        # Mostly all pixels needed lie in one tile, the one of the pixel before.
        if x0 >> shift != tile_x or y0 >> shift != tile_y or face != tile_face:
            tile_x, tile_y, tile_face = x0 >> shift, y0 >> shift, face
            here = _slot_of(face, x0, y0, order, shift, last, tiles)
            if here < 0:
                return False
        corner = (mask - (x0 & mask)) * width + (y0 & mask)
        if not smooth:
            slot[p, 0], offset[p, 0], weight[p, 0] = here, corner, 1.0
            continue
        wx, wy = x - 0.5 - x0, y - 0.5 - y0
        slot[p, 0], slot[p, 1], slot[p, 2], slot[p, 3] = here, here, here, here
        offset[p, 0], offset[p, 1] = corner, corner - width  # a step in x is a row of the tile
        offset[p, 2], offset[p, 3] = corner + 1, corner + 1 - width
        weight[p, 0], weight[p, 1] = (1.0 - wx) * (1.0 - wy), wx * (1.0 - wy)
        weight[p, 2], weight[p, 3] = (1.0 - wx) * wy, wx * wy
    return True


@kernel
def _across_tiles(
    face: int,
    x: float,
    y: float,
    order: int,
    shift: int,
    last: Any,
    tiles: Any,
    slot: Any,
    offset: Any,
    weight: Any,
) -> bool:
    """Fill the plan of a bilinear pixel whose four neighbours may lie in several tiles or faces."""
    nside, mask = 1 << (order + shift), (1 << shift) - 1
    faces, px, py = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    weights = np.empty(4, np.float64)
    bilinear(face, x, y, nside, faces, px, py, weights)
    for c in range(4):
        weight[c], slot[c], offset[c] = weights[c], -1, 0
        if weights[c] > 0.0:
            slot[c] = _slot_of(faces[c], px[c], py[c], order, shift, last, tiles)
            offset[c] = (mask - (px[c] & mask)) * (mask + 1) + (py[c] & mask)
            if slot[c] < 0:
                return False
    return True


@kernel
def _exact(axes: Any, xi: float, eta: float, nside: int) -> Any:
    """Place of a point of the tangent plane (xi to the east, eta to the north, radians)."""
    centre, east, north = axes
    return place_of(
        centre[0] + xi * east[0] + eta * north[0],
        centre[1] + xi * east[1] + eta * north[1],
        centre[2] + xi * east[2] + eta * north[2],
        nside,
    )


@kernel
def _fit(axes: Any, half_x: float, half_y: float, nside: int, curve: Any) -> Any:
    """Biquadratic map from the tangent plane of a small image to its face; the face, or -1 without one.

    Nine exact places make the map. Four others, where its error is near its largest, must agree to
    a millionth of a pixel; otherwise (large images, near poles and edges of faces) all pixels are projected.
    """
    if half_x <= 0.0 or half_y <= 0.0:
        return -1
    places = np.empty((2, 3, 3), np.float64)
    face = _exact(axes, 0.0, 0.0, nside)[0]
    for j in range(3):
        for i in range(3):
            there, places[0, j, i], places[1, j, i] = _exact(axes, (i - 1) * half_x, (j - 1) * half_y, nside)
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
            there, x, y = _exact(axes, xi, eta, nside)
            error = max(abs(x - _on(curve, 0, xi, eta)), abs(y - _on(curve, 9, xi, eta)))
            if there != face or error > 1e-6:
                return -1
    return face


@kernel
def _row_of(curve: Any, k: int, eta: float) -> tuple[float, float, float]:
    """Quadratic along a row of a biquadratic map, whose coefficients start at place k."""
    return (
        curve[k] + eta * (curve[k + 3] + eta * curve[k + 6]),
        curve[k + 1] + eta * (curve[k + 4] + eta * curve[k + 7]),
        curve[k + 2] + eta * (curve[k + 5] + eta * curve[k + 8]),
    )


@kernel
def _on(curve: Any, k: int, xi: float, eta: float) -> float:
    """Value of a biquadratic map."""
    a, b, c = _row_of(curve, k, eta)
    value: float = a + xi * (b + xi * c)
    return value


@kernel
def _slot_of(face: int, px: int, py: int, order: int, shift: int, last: Any, known: Any) -> int:
    """Slot of the tile of a pixel among those that the image touches; -1 when there is no room."""
    # Neighbouring pixels mostly share a tile: its number is worked out only when it changes.
    key = (((face << 30) | (px >> shift)) << 30) | (py >> shift)
    if key != last[0]:
        tile = (face << (2 * order)) + interleave(px >> shift, py >> shift)
        last[0], last[1] = key, -1
        for i in range(len(known)):
            if known[i] < 0:
                known[i] = tile
            if known[i] == tile:
                last[1] = i
                break
    found: int = last[1]
    return found
