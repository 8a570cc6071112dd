"""HEALPix kernels in numba: places in the twelve base cells, their neighbours, interpolation weights.

The geometry is that of Gorski et al. (2005, ApJ 622, 759). A place is (face, x, y): one of the twelve base
cells, x towards its north-east and y towards its north-west edge, both from 0 to nside. Pixel (ix, iy) of a
face has its centre at (ix + 0.5, iy + 0.5); the nested number interleaves the bits of ix (even) and iy (odd).

Importing this file imports numba: do it only where pixels are computed.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from vo_photoz.flow import FloatArray

_TWO_THIRDS = 2.0 / 3.0
_SQRT3 = math.sqrt(3.0)

kernel: Any = numba.njit(nogil=True, cache=True, error_model="numpy")
"""Decorator of all kernels: compiled once, kept on disk, without the interpreter's lock.

What is kept is renewed when the file of a kernel changes, but not when a kernel that it calls changes in
another file: whoever edits this file removes the ``__pycache__`` of `hips`.
"""


@kernel
def interleave(ix: int, iy: int) -> int:
    """Nested number inside a face from the column and row of a pixel (Morton code)."""
    code = 0
    for which in range(2):
        v = ix if which == 0 else iy
        v = (v | (v << 16)) & 0x0000FFFF0000FFFF
        v = (v | (v << 8)) & 0x00FF00FF00FF00FF
        v = (v | (v << 4)) & 0x0F0F0F0F0F0F0F0F
        v = (v | (v << 2)) & 0x3333333333333333
        v = (v | (v << 1)) & 0x5555555555555555
        code |= v << which
    return code


@kernel
def deinterleave(code: int) -> int:
    """Column of a pixel from its nested number inside a face; give ``code >> 1`` for the row."""
    v = code & 0x5555555555555555
    v = (v | (v >> 1)) & 0x3333333333333333
    v = (v | (v >> 2)) & 0x0F0F0F0F0F0F0F0F
    v = (v | (v >> 4)) & 0x00FF00FF00FF00FF
    v = (v | (v >> 8)) & 0x0000FFFF0000FFFF
    return (v | (v >> 16)) & 0x00000000FFFFFFFF


@kernel
def place_of(vx: float, vy: float, vz: float, nside: int) -> tuple[int, float, float]:
    """Place (face, x, y) of a direction; the vector need not have unit length."""
    across = vx * vx + vy * vy
    length = math.sqrt(across + vz * vz)
    z = vz / length
    quarter = math.atan2(vy, vx) * (2.0 / math.pi)  # longitude in quarters of a turn, 0 <= quarter < 4
    if quarter < 0.0:
        quarter += 4.0
    if quarter >= 4.0:
        quarter = 0.0
    if abs(z) <= _TWO_THIRDS:
        rising, falling = 0.5 + quarter - 0.75 * z, 0.5 + quarter + 0.75 * z
        i, j = int(rising), int(falling)
        x, y = falling - j, 1.0 - (rising - i)
        face = (i & 3) | 4 if i == j else (i if i < j else j + 8)
    else:
        k = min(int(quarter), 3)
        part = quarter - k
        # sqrt(3 (1 - |z|)), written with the sine so that nothing is lost next to the pole
        reach = _SQRT3 * math.sqrt(across) / (length * math.sqrt(1.0 + abs(z)))
        if z > 0:
            face, x, y = k, 1.0 - (1.0 - part) * reach, 1.0 - part * reach
        else:
            face, x, y = k + 8, part * reach, (1.0 - part) * reach
    return face, x * nside, y * nside


@kernel
def direction_of(face: int, x: float, y: float, nside: int) -> tuple[float, float, float]:
    """Unit vector of a place."""
    row, k = face // 4, face % 4
    ring = (row + 2) * nside - x - y
    if ring < nside:
        width, z = ring, 1.0 - ring * ring / (3.0 * nside * nside)
    elif ring > 3 * nside:
        width = 4 * nside - ring
        z = width * width / (3.0 * nside * nside) - 1.0
    else:
        width, z = float(nside), (2 * nside - ring) * 2.0 / (3.0 * nside)
    if width == nside:
        sine = math.sqrt((1.0 - z) * (1.0 + z))
    else:
        part = width / nside / _SQRT3
        sine = part * math.sqrt(2.0 - part * part)
    middle = 2 * k if row == 1 else 2 * k + 1
    turn = middle + ((x - y) / width if width > 0.0 else 0.0)
    longitude = turn * (math.pi / 4.0)
    return sine * math.cos(longitude), sine * math.sin(longitude), z


@kernel
def wrapped(face: int, ix: int, iy: int, nside: int) -> tuple[int, int, int]:  # noqa: PLR0912
    """Pixel next to a face, given by columns and rows of that face from -1 to nside; face -1 where none is.

    Across the edges between two polar faces the grid turns by a quarter. At eight points of the sphere only
    three faces meet: the pixel diagonally across such a corner does not exist.
    """
    if (ix < 0 or ix >= nside) and (iy < 0 or iy >= nside):
        same_side = (ix < 0) == (iy < 0)
        if same_side == (face // 4 == 1):
            return -1, 0, 0
    for _ in range(2):
        row, k = face // 4, face % 4
        if ix >= nside:
            if row == 0:
                face, ix, iy = (k + 1) % 4, iy, 2 * nside - 1 - ix
            else:
                face, ix = (k if row == 1 else 4 + (k + 1) % 4), ix - nside
        elif iy >= nside:
            if row == 0:
                face, ix, iy = (k + 3) % 4, 2 * nside - 1 - iy, ix
            else:
                face, iy = ((k + 3) % 4 if row == 1 else 4 + k), iy - nside
        elif ix < 0:
            if row == 2:
                face, ix, iy = 8 + (k + 3) % 4, iy, -1 - ix
            else:
                face, ix = (4 + k if row == 0 else 8 + (k + 3) % 4), ix + nside
        elif iy < 0:
            if row == 2:
                face, ix, iy = 8 + (k + 1) % 4, -1 - iy, ix
            else:
                face, iy = (4 + (k + 1) % 4 if row == 0 else 8 + k), iy + nside
    return face, ix, iy


@kernel
def _ring_pixel(north: bool, ring: int, k: int, nside: int) -> tuple[int, int, int]:
    """Pixel k (counted eastwards) of a ring of a polar cap; ring 1 is next to the pole."""
    k %= 4 * ring
    quadrant, part = k // ring, k % ring
    if north:
        return quadrant, nside - ring + part, nside - 1 - part
    return quadrant + 8, part, ring - 1 - part


@kernel
def _seam(
    face: int, x: float, y: float, nside: int, faces: Any, columns: Any, rows: Any, weights: Any
) -> None:
    """Four pixels and weights next to the edge of two polar faces: linear along the rings, then across them.

    The grid has a kink there, so a square of four pixels would not surround the place; the rings have none.
    """
    north = face < 4
    reach = 2 * nside - x - y if north else x + y
    turn = face % 4 + (0.5 + 0.5 * (x - y) / reach if reach > 0.0 else 0.5)
    inner = min(int(reach), nside - 1)
    across = reach - inner
    for i in range(2):
        ring = max(inner + i, 1)
        along = turn * ring - 0.5
        first = math.floor(along)
        for j in range(2):
            slot = 2 * i + j
            near = along - first if j else 1.0 - (along - first)
            faces[slot], columns[slot], rows[slot] = _ring_pixel(north, ring, int(first) + j, nside)
            weights[slot] = near * (across if i else 1.0 - across)
            if inner == 0:  # inside the first ring: the pole itself is the mean of its four pixels
                k = int(first) + 2 * i + j
                faces[slot], columns[slot], rows[slot] = _ring_pixel(north, 1, k, nside)
                weights[slot] = 0.25 * (1.0 - across) + (0.0 if i else near * across)


@kernel
def bilinear(
    face: int, x: float, y: float, nside: int, faces: Any, columns: Any, rows: Any, weights: Any
) -> None:
    """Four pixels around a place and their weights (sum 1), written into the arrays of length 4.

    A face of -1 marks a pixel that does not exist; its weight is zero.
    """
    x0, y0 = math.floor(x - 0.5), math.floor(y - 0.5)
    wx, wy = x - 0.5 - x0, y - 0.5 - y0
    inside = x0 >= 0 and y0 >= 0 and x0 < nside - 1 and y0 < nside - 1
    if not inside:
        north_seam = face < 4 and x0 >= 0 and y0 >= 0
        south_seam = face >= 8 and x0 < nside - 1 and y0 < nside - 1
        if north_seam or south_seam:
            _seam(face, x, y, nside, faces, columns, rows, weights)
            return
    total = 0.0
    for j in range(2):
        for i in range(2):
            slot = 2 * j + i
            faces[slot], columns[slot], rows[slot] = face, x0 + i, y0 + j
            if not inside:
                faces[slot], columns[slot], rows[slot] = wrapped(face, x0 + i, y0 + j, nside)
            weight = (wx if i else 1.0 - wx) * (wy if j else 1.0 - wy)
            weights[slot] = weight if faces[slot] >= 0 else 0.0
            total += weights[slot]
    if total != 1.0:
        for slot in range(4):
            weights[slot] /= total


@kernel
def _cells(vectors: FloatArray, order: int) -> Any:
    nside = 1 << order
    cells = np.empty(len(vectors), dtype=np.int64)
    for i in range(len(vectors)):
        face, x, y = place_of(vectors[i, 0], vectors[i, 1], vectors[i, 2], nside)
        ix, iy = min(int(x), nside - 1), min(int(y), nside - 1)
        cells[i] = (face << (2 * order)) + interleave(ix, iy)
    return cells


def cells_of(vectors: FloatArray, order: int) -> Any:
    """Nested cells that contain directions.

    Parameters
    ----------
    vectors : float array, shape (n, 3)
        Directions in the frame of the cells, of any length.
    order : int
        HEALPix order, 0 to 29.

    Returns
    -------
    int64 array, shape (n,)
    """
    return _cells(np.ascontiguousarray(vectors, dtype=np.float64), order)
