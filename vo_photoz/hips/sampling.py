"""Find and gather the tile pixels of TAN images; imports numba, so import it only where needed."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import BoolArray, Float32Array, FloatArray
from vo_photoz.hips.locating import locate
from vo_photoz.sky.frames import tangent_frames
from vo_photoz.sky.pixels import kernel


@dataclass(frozen=True)
class Plan:
    """Which tile pixels make which output pixels: the same for all bands with one grid.

    Parameters
    ----------
    tiles : int64 array, shape (n, most)
        Nested numbers of the tiles that each image touches; -1 fills the rest.
    slot : int16 array, shape (n, p, k)
        Which of these tiles a pixel comes from; k is 1 (nearest) or 4 (bilinear). -1: no pixel.
    offset : int32 array, shape (n, p, k)
        Place in the tile as stored, row by row.
    weight : float32 array, shape (n, p, k)
        Weights, summing to 1 over k.
    """

    tiles: NDArray[np.int64]
    slot: NDArray[np.int16]
    offset: NDArray[np.int32]
    weight: Float32Array


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
    centre, east, north = tangent_frames(ra, dec, frame)
    rows = image.some_rows or image.rows
    n, p, k = len(ra), rows * image.columns, 4 if smooth else 1
    slot, offset, weight = _scratch((n, p, k))
    shape = np.array([image.columns, image.rows, image.first_row, rows], dtype=np.int64)
    step, shift, most = math.radians(image.pixel_arcsec / 3600), width.bit_length() - 1, 16
    while True:
        tiles = np.full((n, most), -1, dtype=np.int64)
        if locate(centre, east, north, step, shape, order, shift, slot, offset, weight, tiles):
            return Plan(tiles, slot, offset, weight)
        most *= 4


_own = threading.local()


def _scratch(shape: tuple[int, int, int]) -> tuple[NDArray[np.int16], NDArray[np.int32], Float32Array]:
    """Arrays of a plan, from memory that this thread keeps: fresh pages would cost more than filling them."""
    size = shape[0] * shape[1] * shape[2]
    if getattr(_own, "size", 0) < size:
        _own.size = size
        _own.arrays = np.empty(size, np.int16), np.empty(size, np.int32), np.empty(size, np.float32)
    slot, offset, weight = (array[:size].reshape(shape) for array in _own.arrays)
    return slot, offset, weight


@kernel
def _value_of(tile: Any, place: int) -> Any:
    """Value of a stored pixel: four bytes, most significant first."""
    v = tile[place]
    v = ((v & np.uint32(0x00FF00FF)) << np.uint32(8)) | ((v >> np.uint32(8)) & np.uint32(0x00FF00FF))
    v = (v << np.uint32(16)) | (v >> np.uint32(16))
    return np.uint32(v).view(np.float32)


@kernel
def gather(tile: Any, images: Any, slots: Any, slot: Any, offset: Any, weight: Any, out: Any) -> None:
    """Add the part of one tile to the images that touch it.

    Parameters
    ----------
    tile : uint32 array, shape (width * width,)
        Big-endian float32 values as in a file; only the bytes of pixels that are needed are turned.
    images, slots : int array, shape (m,)
        The images, and the slot that the tile has in each.
    slot, offset, weight : array, shape (n, p, k)
        The plan.
    out : float32 array, shape (n, p)
        Sums so far.
    """
    for m in range(len(images)):
        n, wanted = images[m], slots[m]
        for p in range(out.shape[1]):
            total, touched = 0.0, False
            for c in range(slot.shape[2]):
                if slot[n, p, c] == wanted:
                    total += weight[n, p, c] * _value_of(tile, offset[n, p, c])
                    touched = True
            if touched:
                out[n, p] += total


@kernel
def blank(images: Any, slots: Any, slot: Any, out: Any) -> None:
    """NaN for all output pixels that need a tile which is not there."""
    for m in range(len(images)):
        n, wanted = images[m], slots[m]
        for p in range(out.shape[1]):
            for c in range(slot.shape[2]):
                if slot[n, p, c] == wanted:
                    out[n, p] = np.nan


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


def has_values(pixels: Float32Array) -> BoolArray:
    """Whether every band has a finite pixel in the middle of the stamp, shape (n,)."""
    rows, columns = central_part(pixels.shape[2]), central_part(pixels.shape[3])
    seen = np.isfinite(pixels[:, :, rows, columns]).any(axis=(2, 3))
    return np.asarray(np.all(seen, axis=1), dtype=bool)
