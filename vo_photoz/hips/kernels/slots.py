"""Kernels that note which tile a pixel lies in, by its slot in the table of an image; imports numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from vo_photoz.sky.pixels import bilinear, interleave, kernel

DONE, MORE_TILES, MORE_ODD = 0, 1, 2
"""What a kernel tells: all is noted, or which of the arrays of the plan is too small."""


@kernel
def across_tiles(
    face: int, x: float, y: float, grid: Any, memory: Any, tiles: Any, place: int, odd: Any
) -> int:
    """Note a bilinear pixel whose four neighbours may lie in several tiles or faces."""
    order, shift = grid
    _, places, slots, offsets, shares = odd
    k, mask = memory[3], (1 << shift) - 1
    if k >= len(places):
        return MORE_ODD
    faces, px, py = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    weights = np.empty(4, np.float64)
    bilinear(face, x, y, 1 << (order + shift), faces, px, py, weights)
    places[k] = place
    for i in range(4):
        shares[k, i], slots[k, i], offsets[k, i] = weights[i], -1, 0
        if weights[i] > 0.0:
            slots[k, i] = slot_of(faces[i], px[i], py[i], grid, memory, tiles)
            offsets[k, i] = ((mask - (px[i] & mask)) << shift) + (py[i] & mask)
            if slots[k, i] < 0:
                return MORE_TILES
    memory[3] = k + 1
    return DONE


@kernel
def slot_of(face: int, px: int, py: int, grid: Any, memory: Any, known: Any) -> int:
    """Slot of the tile of a pixel in the table of those that the image touches; -1 when it is too full.

    The memory holds the key and slot of the tile asked for last, how many tiles the image touches (-1: too
    many) and how many odd pixels there are.
    """
    order, shift = grid
    # Neighbouring pixels mostly share a tile: its number is worked out only when it changes.
    key = (((face << 30) | (px >> shift)) << 30) | (py >> shift)
    if key != memory[0]:
        tile = (face << (2 * order)) + interleave(px >> shift, py >> shift)
        memory[0] = key
        last = len(known) - 1  # the length is a power of two
        at = (tile ^ (tile >> 7)) & last
        while known[at] >= 0 and known[at] != tile:
            at = (at + 1) & last
        if known[at] < 0:
            if 2 * (memory[2] + 1) > len(known):
                memory[2] = -1
                return -1
            known[at] = tile
            memory[2] += 1
        memory[1] = at
    found: int = memory[1]
    return found
