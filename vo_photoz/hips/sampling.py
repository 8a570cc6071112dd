"""Kernels that find and gather the tile pixels of TAN images; imports numba, so import it only where needed."""

from __future__ import annotations

import math
import threading
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
        if _locate(centre, east, north, step, shape, order, shift, slot, offset, weight, tiles):
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
def _exact(axes: Any, xi: float, eta: float, nside: int) -> tuple[int, float, float]:
    """Place of a point of the tangent plane (xi to the east, eta to the north, radians)."""
    centre, east, north = axes
    return place_of(
        centre[0] + xi * east[0] + eta * north[0],
        centre[1] + xi * east[1] + eta * north[1],
        centre[2] + xi * east[2] + eta * north[2],
        nside,
    )


@kernel
def _fit(axes: Any, half_x: float, half_y: float, nside: int, curve: Any) -> int:
    """Biquadratic map from the tangent plane of a small image to its face; the face, or -1 where there is none.

    Nine exact places make the map. Four others, where its error is near its largest, must agree with it to a
    millionth of a pixel; otherwise (large images, next to poles and edges of faces) every pixel is projected.
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
    for j in (-0.6, 0.6):
        for i in (-0.6, 0.6):
            xi, eta = i * half_x, j * half_y
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
    """Slot of the tile of a pixel among those that the image touches; -1 when there is no room for one more."""
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
