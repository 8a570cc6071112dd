"""Kernels that find which tile pixels make the pixels of TAN images; imports numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vo_photoz.hips.kernels.projecting import exact, fit, moved, row_of
from vo_photoz.hips.kernels.slots import DONE, MORE_ODD, MORE_TILES, across_tiles, slot_of
from vo_photoz.sky.pixels import kernel

SHORT = 16
"""Pixels of a row that crosses tiles are tried together in parts of this length."""


@kernel
def locate(
    centre: Any, east: Any, north: Any, step: float, shape: Any, grid: Any, smooth: bool, plan: Any, odd: Any
) -> int:
    """Fill a plan, or tell which of its arrays is too small: DONE, MORE_TILES or MORE_ODD.

    Parameters
    ----------
    centre, east, north : float array, shape (n, 3)
        Tangent frames of the images in the frame of the tiles.
    step : float
        Side of an image pixel, radians.
    shape : (int, int, int, int)
        Columns and rows of the whole image; first row and number of rows that are wanted.
    grid : (int, int)
        Order of the tiles, and the logarithm (base 2) of their side.
    smooth : bool
        Bilinear; otherwise the nearest pixel.
    plan : tuple of arrays
        tiles (n, most) filled with -1; slot, corner (n, p), part_x and part_y (n, p), as in `Plan`.
    odd : tuple of arrays
        end (n + 1,), place (m,), slot, offset and weight (m, 4), as in `Odd`.
    """
    columns, height, first_row, rows = shape
    tiles, slot, corner, part_x, part_y = plan
    curve, memory = np.empty(18, np.float64), np.zeros(4, np.int64)
    half_x, half_y = 0.5 * (columns - 1) * step, 0.5 * (height - 1) * step
    odd[0][0] = 0
    for n in range(len(centre)):
        axes = centre[n], east[n], north[n]
        memory[0], memory[2] = -1, 0
        face = fit(axes, half_x, half_y, 1 << (grid[0] + grid[1]), curve)
        line = slot[n], corner[n], part_x[n], part_y[n]
        for row in range(rows):
            eta = (first_row + row) * step - half_y
            start, told = row * columns, MORE_ODD
            x_of, y_of = row_of(curve, 0, eta), row_of(curve, 9, eta)
            if face >= 0:
                told = _in_one_tile(
                    face, x_of, y_of, half_x, step, grid, smooth, memory, tiles[n], line, start, columns
                )
            if told == MORE_ODD:
                told = _in_parts(
                    axes,
                    face,
                    x_of,
                    y_of,
                    eta,
                    half_x,
                    step,
                    grid,
                    smooth,
                    memory,
                    tiles[n],
                    line,
                    start,
                    columns,
                    odd,
                )
            if told != DONE:
                return int(told)
        odd[0][n + 1] = memory[3]
    return DONE


@kernel
def _in_parts(
    axes: Any,
    face: int,
    x_of: Any,
    y_of: Any,
    eta: float,
    half_x: float,
    step: float,
    grid: Any,
    smooth: bool,
    memory: Any,
    tiles: Any,
    line: Any,
    start: int,
    columns: int,
    odd: Any,
) -> int:
    """Fill a row that crosses tiles: short parts that do not as before, the others pixel by pixel."""
    for first in range(0, columns, SHORT):
        some, west = min(SHORT, columns - first), half_x - first * step  # east is left
        told = MORE_ODD
        if face >= 0:
            told = _in_one_tile(
                face, x_of, y_of, west, step, grid, smooth, memory, tiles, line, start + first, some
            )
        if told == MORE_ODD:
            told = _one_by_one(
                axes,
                face,
                x_of,
                y_of,
                eta,
                west,
                step,
                grid,
                smooth,
                memory,
                tiles,
                line,
                start + first,
                some,
                odd,
            )
        if told != DONE:
            return int(told)
    return DONE


@kernel
def _in_one_tile(
    face: int,
    x_of: Any,
    y_of: Any,
    west: float,
    step: float,
    grid: Any,
    smooth: bool,
    memory: Any,
    tiles: Any,
    line: Any,
    start: int,
    some: int,
) -> int:
    """Fill a part of a row all of whose pixels come from one tile, as nearly all do; else not DONE."""
    order, shift = grid
    slot, corner, part_x, part_y = line
    width, nside = 1 << shift, 1 << (order + shift)
    half = 0.5 * (some - 1) * step
    a, b, c = moved(x_of, west - half)
    d, e, f = moved(y_of, west - half)
    centre, extra = (0.5, 1) if smooth else (0.0, 0)
    a, d = a - centre, d - centre
    # A parabola stays within its ends but for the height of its arc.
    reach_x, reach_y = abs(b) * half + abs(c) * half**2, abs(e) * half + abs(f) * half**2
    if a - reach_x < 0 or d - reach_y < 0 or a + reach_x >= nside - extra or d + reach_y >= nside - extra:
        return MORE_ODD
    tile_x, tile_y = int(a - reach_x) >> shift, int(d - reach_y) >> shift
    if (int(a + reach_x) + extra) >> shift != tile_x or (int(d + reach_y) + extra) >> shift != tile_y:
        return MORE_ODD
    here = slot_of(face, tile_x << shift, tile_y << shift, grid, memory, tiles)
    if here < 0:
        return MORE_TILES
    a, d = a - (tile_x << shift), d - (tile_y << shift)
    _fill(
        (a, b, c, d, e, f),
        half,
        step,
        here,
        width,
        slot[start : start + some],
        corner[start : start + some],
        part_x[start : start + some],
        part_y[start : start + some],
    )
    return DONE


@kernel
def _fill(
    curve: Any,
    half: float,
    step: float,
    here: int,
    width: int,
    slot: Any,
    corner: Any,
    part_x: Any,
    part_y: Any,
) -> None:
    """The loop that takes most of the time: plain, so that the compiler makes vector instructions of it."""
    a, b, c, d, e, f = curve
    last, side, slot_here = np.int32(width - 1), np.int32(width), np.int32(here)
    smooth = len(part_x) > 0
    for p in range(len(slot)):
        xi = half - np.int32(p) * step
        x, y = a + xi * (b + xi * c), d + xi * (e + xi * f)
        i, j = np.int32(x), np.int32(y)
        slot[p] = slot_here
        corner[p] = (last - i) * side + j
        if smooth:
            part_x[p], part_y[p] = x - i, y - j


@kernel
def _one_by_one(
    axes: Any,
    flat_face: int,
    x_of: Any,
    y_of: Any,
    eta: float,
    west: float,
    step: float,
    grid: Any,
    smooth: bool,
    memory: Any,
    tiles: Any,
    line: Any,
    start: int,
    some: int,
    odd: Any,
) -> int:
    """Fill a part of any row, pixel by pixel."""
    slot, corner, part_x, part_y = line
    order, shift = grid
    mask, nside = (1 << shift) - 1, 1 << (order + shift)
    centre = 0.5 if smooth else 0.0
    a, b, c = x_of
    d, e, f = y_of
    face = flat_face
    for k in range(some):
        p, xi = start + k, west - k * step
        if flat_face >= 0:
            x, y = a + xi * (b + xi * c), d + xi * (e + xi * f)
        else:
            face, x, y = exact(axes, xi, eta, nside)
        x0, y0 = min(math.floor(x - centre), nside - 1), min(math.floor(y - centre), nside - 1)
        if smooth and (x0 < 0 or y0 < 0 or (x0 & mask) == mask or (y0 & mask) == mask):
            slot[p], corner[p] = -1, 0
            told = across_tiles(face, x, y, grid, memory, tiles, p, odd)
            if told != DONE:
                return int(told)
            continue
        here = slot_of(face, x0, y0, grid, memory, tiles)
        if here < 0:
            return MORE_TILES
        slot[p], corner[p] = here, ((mask - (x0 & mask)) << shift) + (y0 & mask)
        if smooth:
            part_x[p], part_y[p] = x - 0.5 - x0, y - 0.5 - y0
    return DONE
