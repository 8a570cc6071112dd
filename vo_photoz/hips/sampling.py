"""Kernels that find and gather the tile pixels of TAN images; imports numba, so import it only where needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.flow import BoolArray, Float32Array, FloatArray
from vo_photoz.sky.frames import tangent_frames
from vo_photoz.sky.pixels import bilinear, interleave, kernel, place_of


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
    """
    centre, east, north = tangent_frames(ra, dec, frame)
    rows = image.some_rows or image.rows
    n, p, k = len(ra), rows * image.columns, 4 if smooth else 1
    slot, offset = np.empty((n, p, k), np.int16), np.empty((n, p, k), np.int32)
    weight = np.empty((n, p, k), np.float32)
    shape = np.array([image.columns, image.rows, image.first_row, rows], dtype=np.int64)
    step, shift, most = math.radians(image.pixel_arcsec / 3600), width.bit_length() - 1, 16
    while True:
        tiles = np.full((n, most), -1, dtype=np.int64)
        if _locate(centre, east, north, step, shape, order, shift, slot, offset, weight, tiles):
            return Plan(tiles, slot, offset, weight)
        most *= 4


@kernel
def _locate(
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
    nside, width, mask = 1 << (order + shift), 1 << shift, (1 << shift) - 1
    corners = slot.shape[2]
    faces, px, py = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    weights = np.ones(4, np.float64)
    for n in range(len(centre)):
        last_key, last_slot = -1, -1
        for row in range(rows):
            eta = (first_row + row - 0.5 * (height - 1)) * step
            for column in range(columns):
                xi = (0.5 * (columns - 1) - column) * step  # east is left
                vx = centre[n, 0] + xi * east[n, 0] + eta * north[n, 0]
                vy = centre[n, 1] + xi * east[n, 1] + eta * north[n, 1]
                vz = centre[n, 2] + xi * east[n, 2] + eta * north[n, 2]
                face, x, y = place_of(vx, vy, vz, nside)
                if corners == 4:
                    bilinear(face, x, y, nside, faces, px, py, weights)
                else:
                    faces[0], px[0], py[0] = face, min(int(x), nside - 1), min(int(y), nside - 1)
                p = row * columns + column
                for c in range(corners):
                    weight[n, p, c] = weights[c]
                    if weights[c] <= 0.0:
                        slot[n, p, c], offset[n, p, c] = -1, 0
                        continue
                    # Neighbouring pixels mostly share a tile: its number is worked out only when it changes.
                    key = (((faces[c] << 30) | (px[c] >> shift)) << 30) | (py[c] >> shift)
                    if key != last_key:
                        tile = (faces[c] << (2 * order)) + interleave(px[c] >> shift, py[c] >> shift)
                        last_key, last_slot = key, _slot_of(tile, tiles[n])
                        if last_slot < 0:
                            return False
                    slot[n, p, c] = last_slot
                    offset[n, p, c] = (width - 1 - (px[c] & mask)) * width + (py[c] & mask)
    return True


@kernel
def _slot_of(tile: int, known: Any) -> int:
    for i in range(len(known)):
        if known[i] < 0:
            known[i] = tile
        if known[i] == tile:
            return i
    return -1


@kernel
def _value_of(tile: Any, place: int) -> float:
    """Value of a stored pixel: four bytes, most significant first."""
    v = tile[place]
    v = ((v & np.uint32(0x00FF00FF)) << np.uint32(8)) | ((v >> np.uint32(8)) & np.uint32(0x00FF00FF))
    v = (v << np.uint32(16)) | (v >> np.uint32(16))
    value: float = np.uint32(v).view(np.float32)
    return value


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


def used_tiles(plan: Plan) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
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
    seen: BoolArray = np.isfinite(pixels[:, :, rows, columns]).any(axis=(2, 3)).all(axis=1)
    return seen
