"""Find and gather the tile pixels of TAN images; imports numba, so import it only where needed."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import BoolArray, Float32Array, FloatArray
from vo_photoz.hips.locating import DONE, MORE_TILES, locate
from vo_photoz.sky.frames import tangent_frames
from vo_photoz.sky.pixels import kernel


@dataclass(frozen=True)
class Odd:
    """Bilinear pixels whose four neighbours do not all lie in one tile; p counts the pixels of an image.

    Parameters
    ----------
    end : int64 array, shape (n + 1,)
        The odd pixels of image k are those from end[k] to end[k + 1].
    place : int32 array, shape (m,)
        Pixel of the image.
    slot, offset : int32 array, shape (m, 4)
        Which tile of the image a neighbour comes from (-1: none), and its place in the tile as stored.
    weight : float32 array, shape (m, 4)
        Weights, summing to 1 over the four.
    """

    end: NDArray[np.int64]
    place: NDArray[np.int32]
    slot: NDArray[np.int32]
    offset: NDArray[np.int32]
    weight: Float32Array


@dataclass(frozen=True)
class Plan:
    """Which tile pixels make which output pixels: the same for all bands with one grid.

    Parameters
    ----------
    tiles : int64 array, shape (n, most)
        Nested numbers of the tiles that each image touches; -1 where a slot is free.
    slot : int32 array, shape (n, p)
        Which of these a pixel comes from; -1 for the odd pixels.
    corner : int32 array, shape (n, p)
        Place of the pixel (its first neighbour) in the tile as stored, row by row.
    part_x, part_y : float32 array, shape (n, p)
        Distance from the first neighbour, in pixels; empty where the nearest pixel is taken.
    odd : Odd
        Pixels on the seams of tiles.
    width : int
        Side of a tile, pixels.
    """

    tiles: NDArray[np.int64]
    slot: NDArray[np.int32]
    corner: NDArray[np.int32]
    part_x: Float32Array
    part_y: Float32Array
    odd: Odd
    width: int


@dataclass(frozen=True)
class Frame:
    """Geometry of the images that a plan is made for.

    Parameters
    ----------
    columns, rows : int
        Size of the whole image, pixels.
    pixel_arcsec : float
        Side of a pixel in the middle of the image.
    first_row, some_rows : int
        The rows that are wanted; some_rows 0 takes all.
    """

    columns: int
    rows: int
    pixel_arcsec: float
    first_row: int = 0
    some_rows: int = 0


def plan_images(
    ra: FloatArray,
    dec: FloatArray,
    image: Frame,
    *,
    frame: str,
    order: int,
    width: int,
    smooth: bool,
) -> Plan:
    """Find the tile pixels of TAN images, north up, east left, centred on the positions.

    Parameters
    ----------
    ra, dec : float array, shape (n,)
        Centres, ICRS degrees.
    image : Frame
        Size and scale of the images.
    frame : str
        Frame of the tiles.
    order, width : int
        Order of the tiles and their side in pixels.
    smooth : bool
        Bilinear interpolation; otherwise the nearest pixel.

    Notes
    -----
    The arrays of the plan are used again by the next plan that the same thread makes.
    """
    axes = tangent_frames(ra, dec, frame)
    rows = image.some_rows or image.rows
    arrays = _scratch(len(ra), rows * image.columns, smooth)
    shape = image.columns, image.rows, image.first_row, rows
    step, grid = math.radians(image.pixel_arcsec / 3600), (order, width.bit_length() - 1)
    most, room = 16, 1024
    while True:
        tiles = np.full((len(ra), most), -1, dtype=np.int64)
        odd = _odd_scratch(len(ra), room)
        told = locate(*axes, step, shape, grid, smooth, (tiles, *arrays), odd)
        if told == DONE:
            slot, corner, part_x, part_y = arrays
            return Plan(tiles, slot, corner, part_x, part_y, Odd(*odd), width)
        most, room = (most * 4, room) if told == MORE_TILES else (most, room * 4)


_own = threading.local()


def _scratch(n: int, p: int, smooth: bool) -> tuple[Any, ...]:
    """Arrays of a plan, from memory that this thread keeps: fresh pages would cost more than filling them."""
    if getattr(_own, "size", -1) < n * p:
        _own.size = n * p
        _own.arrays = [np.empty(n * p, kind) for kind in (np.int32, np.int32, np.float32, np.float32)]
    parts = (p, p, p if smooth else 0, p if smooth else 0)
    return tuple(array[: n * part].reshape(n, part) for array, part in zip(_own.arrays, parts, strict=True))


def _odd_scratch(n: int, room: int) -> tuple[Any, ...]:
    """Arrays for odd pixels, likewise."""
    if getattr(_own, "room", 0) < room:
        _own.room = room
        kinds = ((1, np.int32), (4, np.int32), (4, np.int32), (4, np.float32))
        _own.odd = [np.empty((room, k) if k > 1 else room, kind) for k, kind in kinds]
    return (np.empty(n + 1, np.int64), *_own.odd)


@kernel
def _value_of(tile: Any, place: Any) -> Any:
    """Value of a stored pixel: four bytes, most significant first."""
    v = tile[place]
    v = ((v & np.uint32(0x00FF00FF)) << np.uint32(8)) | ((v >> np.uint32(8)) & np.uint32(0x00FF00FF))
    v = (v << np.uint32(16)) | (v >> np.uint32(16))
    return np.uint32(v).view(np.float32)


def gather(tile: Any, images: Any, slots: Any, plan: Plan, out: Any) -> None:
    """Add the part of one tile to the images that touch it.

    Parameters
    ----------
    tile : uint32 array, shape (width * width,)
        Big-endian float32 values as in a file; only the bytes of pixels that are needed are turned.
    images, slots : int array, shape (m,)
        The images, and the slot that the tile has in each.
    plan : Plan
        The plan.
    out : float32 array, shape (n, p)
        Images so far; zero where nothing was gathered yet.
    """
    odd = plan.odd
    _gather(tile, plan.width, images, slots, plan.slot, plan.corner, plan.part_x, plan.part_y, out)
    if odd.end[-1]:
        _gather_odd(tile, images, slots, odd.end, odd.place, odd.slot, odd.offset, odd.weight, out)


@kernel
def _gather(
    tile: Any,
    width: int,
    images: Any,
    slots: Any,
    slot: Any,
    corner: Any,
    part_x: Any,
    part_y: Any,
    out: Any,
) -> None:
    """Pixels that come from this tile alone."""
    one, row = np.uint64(1), np.uint64(width)
    smooth = part_x.shape[1] > 0
    for m in range(len(images)):
        n, wanted = images[m], slots[m]
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
def _gather_odd(
    tile: Any, images: Any, slots: Any, end: Any, place: Any, slot: Any, offset: Any, weight: Any, out: Any
) -> None:
    """Share of this tile in the pixels on seams."""
    for m in range(len(images)):
        n, wanted = images[m], slots[m]
        for k in range(end[n], end[n + 1]):
            for c in range(4):
                if slot[k, c] == wanted:
                    out[n, place[k]] += weight[k, c] * _value_of(tile, np.uint64(offset[k, c]))


def blank(images: Any, slots: Any, plan: Plan, out: Any) -> None:
    """NaN for all output pixels that need a tile which is not there."""
    _blank(images, slots, plan.slot, plan.odd.end, plan.odd.place, plan.odd.slot, out)


@kernel
def _blank(images: Any, slots: Any, slot: Any, end: Any, place: Any, odd_slot: Any, out: Any) -> None:
    for m in range(len(images)):
        n, wanted = images[m], slots[m]
        for p in range(out.shape[1]):
            if slot[n, p] == wanted:
                out[n, p] = np.nan
        for k in range(end[n], end[n + 1]):
            for c in range(4):
                if odd_slot[k, c] == wanted:
                    out[n, place[k]] = np.nan


UsedTile = tuple[int, NDArray[np.int64], NDArray[np.int64]]
"""A tile, the images that touch it, and its slot in each."""


def used_tiles(plan: Plan) -> list[UsedTile]:
    """Every tile of a plan with the images that touch it and the slot it has in each."""
    image, slot = np.nonzero(plan.tiles >= 0)
    numbers = plan.tiles[image, slot]
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    groups = np.split(order, starts[1:])
    return [(int(numbers[group[0]]), image[group], slot[group]) for group in groups if len(group)]


def central_part(size: int) -> slice:
    """The middle quarter of a side (at least two pixels), where the source is."""
    half = max(1, size // 8)
    return slice(max(0, size // 2 - half), size // 2 + half)


@kernel
def count_missing(pixels: Any, missing: Any) -> None:
    """Number of pixels (n, band, p) that are not finite, written into (n, band)."""
    for n in range(pixels.shape[0]):
        for band in range(pixels.shape[1]):
            total = 0
            for p in range(pixels.shape[2]):
                total += pixels[n, band, p] - pixels[n, band, p] != 0.0
            missing[n, band] = total


def has_values(pixels: Float32Array) -> BoolArray:
    """Whether every band has a finite pixel in the middle of the stamp, shape (n,)."""
    rows, columns = central_part(pixels.shape[2]), central_part(pixels.shape[3])
    seen = np.isfinite(pixels[:, :, rows, columns]).any(axis=(2, 3))
    return np.asarray(np.all(seen, axis=1), dtype=bool)
