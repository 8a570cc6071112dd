"""Kernels for the way of a picture through a HiPS; imports numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from vo_photoz.sky.pixels import bilinear, deinterleave, direction_of, interleave, kernel, place_of


@kernel
def stamp_places(centre: Any, east: Any, north: Any, step: float, side: int, order: int) -> Any:
    """Numbers and weights of the four HEALPix pixels around each pixel of TAN stamps.

    Parameters
    ----------
    centre, east, north : float64 array, shape (n, 3)
        Tangent frames.
    step : float
        Side of a pixel of the stamp, radians.
    side : int
        Pixels of a stamp along a side.
    order : int
        HEALPix order.

    Returns
    -------
    number : int64 array, shape (n, side * side, 4)
        Nested numbers.
    weight : float64 array, same shape
    """
    nside = 1 << order
    number = np.zeros((len(centre), side * side, 4), np.int64)
    weight = np.empty((len(centre), side * side, 4))
    faces, columns, rows = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    for k in range(len(centre)):
        for p in range(side * side):
            xi, eta = (0.5 * (side - 1) - p % side) * step, (p // side - 0.5 * (side - 1)) * step
            vx = centre[k, 0] + xi * east[k, 0] + eta * north[k, 0]
            vy = centre[k, 1] + xi * east[k, 1] + eta * north[k, 1]
            vz = centre[k, 2] + xi * east[k, 2] + eta * north[k, 2]
            face, x, y = place_of(vx, vy, vz, nside)
            bilinear(face, x, y, nside, faces, columns, rows, weight[k, p])
            for c in range(4):
                if faces[c] >= 0:
                    number[k, p, c] = (faces[c] << (2 * order)) + interleave(columns[c], rows[c])
                else:  # a pixel that does not exist has no weight
                    number[k, p, c] = number[k, p, c - 1]
    return number, weight


@kernel
def healpix_places(numbers: Any, centre: Any, east: Any, north: Any, step: float, order: int) -> Any:
    """Offsets (x, y) in source pixels of HEALPix pixels from the middle of a TAN picture, shape (n, 2)."""
    nside, mask = 1 << order, (1 << (2 * order)) - 1
    offset = np.empty((len(numbers), 2))
    for k in range(len(numbers)):
        code = numbers[k] & mask
        ix, iy = deinterleave(code), deinterleave(code >> 1)
        vx, vy, vz = direction_of(numbers[k] >> (2 * order), ix + 0.5, iy + 0.5, nside)
        depth = (vx * centre[0] + vy * centre[1] + vz * centre[2]) * step
        offset[k, 0] = -(vx * east[0] + vy * east[1] + vz * east[2]) / depth
        offset[k, 1] = (vx * north[0] + vy * north[1] + vz * north[2]) / depth
    return offset


@kernel
def apply_path(
    pictures: Any, side: int, which: Any, end: Any, corner: Any, part: Any, inner: Any, weight: Any, out: Any
) -> None:
    """Stamps (m, band, q) of pictures (m, band, p) with rows of ``side``; see `resampling.StampPath`."""
    most = 0
    for k in range(len(end) - 1):
        most = max(most, end[k + 1] - end[k])
    tile = np.empty(most, np.float32)
    for m in range(pictures.shape[0]):
        k = which[m]
        first, count = end[k], end[k + 1] - end[k]
        for b in range(pictures.shape[1]):
            picture, stamp = pictures[m, b], out[m, b]
            for h in range(count):
                at, x, y = corner[first + h], part[first + h, 0], part[first + h, 1]
                low = picture[at] + (picture[at + 1] - picture[at]) * x
                high = picture[at + side] + (picture[at + side + 1] - picture[at + side]) * x
                tile[h] = low + (high - low) * y
            for q in range(len(stamp)):
                near, share = inner[k, q], weight[k, q]
                stamp[q] = (
                    tile[near[0]] * share[0] + tile[near[1]] * share[1]
                    + tile[near[2]] * share[2] + tile[near[3]] * share[3]
                )  # fmt: skip
