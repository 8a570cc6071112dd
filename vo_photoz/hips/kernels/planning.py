"""Which tile pixels make the pixels of TAN images: found once for all bands of one grid; imports numba."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import Float32Array, FloatArray
from vo_photoz.hips.kernels.locating import locate
from vo_photoz.hips.kernels.slots import DONE, MORE_TILES
from vo_photoz.sky.frames import tangent_frames


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


@dataclass(frozen=True)
class UsedTiles:
    """The tiles of a plan, each with the images that touch it.

    Parameters
    ----------
    numbers : list of int
        Nested numbers, ascending.
    end : int64 array, shape (len(numbers) + 1,)
        The images of tile k are those from end[k] to end[k + 1].
    image, slot : int64 array, shape (m,)
        An image, and the slot that the tile has in it.
    """

    numbers: list[int]
    end: NDArray[np.int64]
    image: NDArray[np.int64]
    slot: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    def images(self, index: int) -> NDArray[np.int64]:
        """The images that touch a tile."""
        return self.image[self.end[index] : self.end[index + 1]]

    def slots(self, index: int) -> NDArray[np.int64]:
        """The slot of a tile in each of its images."""
        return self.slot[self.end[index] : self.end[index + 1]]


def used_tiles(plan: Plan) -> UsedTiles:
    """All tiles of a plan."""
    image, slot = np.nonzero(plan.tiles >= 0)
    number = plan.tiles[image, slot]
    order = np.argsort(number, kind="stable")
    number = number[order]
    first = np.flatnonzero(np.diff(number, prepend=-1))
    end = np.append(first, len(number)).astype(np.int64)
    return UsedTiles(number[first].tolist(), end, image[order], slot[order])
