"""Kernels that bring tile pixels into images, by a plan; imports numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vo_photoz.flow import Float32Array
from vo_photoz.hips.decode import Tile
from vo_photoz.hips.kernels.planning import Plan, UsedTiles
from vo_photoz.sky.pixels import kernel

TOGETHER = 4
"""Tiles that one call of the kernel takes: calls need the interpreter's lock, which the threads share."""


def gather(tiles: Sequence[Tile | None], first: int, used: UsedTiles, plan: Plan, out: Float32Array) -> None:
    """Add the parts of a few tiles to the images that touch them; NaN where a tile is missing.

    Parameters
    ----------
    tiles : sequence of at most `TOGETHER` uint32 arrays, shape (width * width,), or None
        Big-endian float32 values as in a file; only the bytes of pixels that are needed are turned.
    first : int
        Which of the used tiles comes first; the others follow it.
    used : UsedTiles
        The tiles of the plan.
    plan : Plan
        The plan.
    out : float32 array, shape (n, p)
        Images so far; zero where nothing was gathered yet.
    """
    for index, tile in enumerate(tiles, start=first):
        if tile is None:
            _blank(used.images(index), used.slots(index), plan.slot, *_places(plan), out)
    known = [(index, _sealed(tile)) for index, tile in enumerate(tiles, start=first) if tile is not None]
    if known:
        which = np.array([index for index, _ in known])
        same = tuple(tile for _, tile in known + known[-1:] * (TOGETHER - len(known)))
        where = plan.slot, plan.corner, plan.part_x, plan.part_y
        odd = (*_places(plan), plan.odd.offset, plan.odd.weight)
        _gather(same, plan.width, which, (used.end, used.image, used.slot), where, odd, out)


def _places(plan: Plan) -> tuple[Any, Any, Any]:
    return plan.odd.end, plan.odd.place, plan.odd.slot


def _sealed(tile: Tile) -> Tile:
    """A tile of the one type that the kernel is compiled for: aligned, not to be written."""
    sealed = np.require(tile, np.uint32, "A").view()
    sealed.flags.writeable = False
    return sealed


@kernel
def _gather(tiles: Any, width: int, which: Any, used: Any, where: Any, odd: Any, out: Any) -> None:
    """Bring the tiles numbered by ``which`` into their images; the rest of ``tiles`` fills up the tuple."""
    end, image, slot = used
    for c in range(len(which)):
        tile, k = tiles[c], which[c]
        for m in range(end[k], end[k + 1]):
            _gather_inner(tile, width, image[m], slot[m], where, out)
            _gather_odd(tile, image[m], slot[m], odd, out)


@kernel
def _value_of(tile: Any, place: Any) -> Any:
    """Value of a stored pixel: four bytes, most significant first."""
    v = tile[place]
    v = ((v & np.uint32(0x00FF00FF)) << np.uint32(8)) | ((v >> np.uint32(8)) & np.uint32(0x00FF00FF))
    v = (v << np.uint32(16)) | (v >> np.uint32(16))
    return np.uint32(v).view(np.float32)


@kernel
def _gather_inner(tile: Any, width: int, n: int, wanted: int, where: Any, out: Any) -> None:
    """Pixels of an image that come from this tile alone."""
    slot, corner, part_x, part_y = where
    one, row = np.uint64(1), np.uint64(width)
    smooth = part_x.shape[1] > 0
    for p in range(out.shape[1]):
        if slot[n, p] != wanted:
            continue
        at = np.uint64(corner[n, p])
        if not smooth:
            out[n, p] = _value_of(tile, at)
            continue
        x, y = part_x[n, p], part_y[n, p]
        low, high = _value_of(tile, at), _value_of(tile, at + one)
        low += (_value_of(tile, at - row) - low) * x  # a step in x is a row of the tile, backwards
        high += (_value_of(tile, at - row + one) - high) * x
        out[n, p] = low + (high - low) * y


@kernel
def _gather_odd(tile: Any, n: int, wanted: int, odd: Any, out: Any) -> None:
    """Share of this tile in the pixels of an image that lie on seams."""
    end, place, slot, offset, weight = odd
    for k in range(end[n], end[n + 1]):
        for c in range(4):
            if slot[k, c] == wanted:
                out[n, place[k]] += weight[k, c] * _value_of(tile, np.uint64(offset[k, c]))


@kernel
def _blank(images: Any, slots: Any, slot: Any, end: Any, place: Any, odd_slot: Any, out: Any) -> None:
    """NaN for all output pixels that need a tile which is not there."""
    for m in range(len(images)):
        n, wanted = images[m], slots[m]
        for p in range(out.shape[1]):
            if slot[n, p] == wanted:
                out[n, p] = np.nan
        for k in range(end[n], end[n + 1]):
            for c in range(4):
                if odd_slot[k, c] == wanted:
                    out[n, place[k]] = np.nan
