"""FITS tiles: bytes in, big-endian float32 pixels out. Opens no file and no socket."""

from __future__ import annotations

import gzip
import io
import mmap
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import SurveyError

BLOCK, CARD = 2880, 80
GZIP = b"\x1f\x8b"
STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
NAN = np.full(1, np.nan, dtype=">f4").view(np.uint32)[0]
Tile = NDArray[np.uint32]
"""Pixels of a tile, shape (width * width,): bytes of big-endian float32, in the order of the FITS rows."""


def decode_tile(data: bytes, width: int, where: str = "tile") -> Tile:
    """Pixels of a FITS tile: plain, gzipped or RICE compressed, of any BITPIX, NaN where blank.

    The name of a tile says little: gzip and RICE both occur under ``.fits``, so the bytes decide. Files that
    lack the padding to 2880 bytes are accepted; files that lack pixels are not.

    Parameters
    ----------
    data : bytes
        The file.
    width : int
        Side of the tile, pixels.
    where : str
        Path or address, for the error.

    Raises
    ------
    SurveyError
        Raised if the bytes are not a complete FITS image of the right shape.
    """
    if data[:2] == GZIP:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(where, f"it does not unpack ({error})") from None
    if not data.startswith(b"SIMPLE"):
        raise _damaged(where, "it is not a FITS file")
    header, start = read_header(data, where)
    if header.get("NAXIS") == 2:
        raw = _plain_pixels(data, header, start, where)
    else:
        header, raw = _first_image(data, where)
    return as_stored(_untrimmed(_scaled(raw, header), header), width, where)


def read_header(data: bytes | memoryview, where: str = "tile") -> tuple[dict[str, Any], int]:
    """Cards of the primary header (numbers as numbers) and where its data start.

    Raises
    ------
    SurveyError
        Raised if the header has no end.
    """
    cards: dict[str, Any] = {}
    for start in range(0, len(data) - CARD + 1, CARD):
        card = bytes(data[start : start + CARD]).decode("latin-1")
        if card[:8] == "END     ":
            return cards, -(-(start + CARD) // BLOCK) * BLOCK
        if card[8:10] == "= ":
            cards[card[:8].rstrip()] = _value(card[10:])
    raise _damaged(where, "its header has no end")


def is_plain(header: dict[str, Any], width: int) -> bool:
    """Whether the pixels can be used where they lie: float32, of the right shape, unscaled."""
    return (
        header.get("BITPIX") == -32
        and (header.get("NAXIS"), header.get("NAXIS1"), header.get("NAXIS2")) == (2, width, width)
        and (header.get("BSCALE", 1.0), header.get("BZERO", 0.0)) == (1.0, 0.0)
    )


def as_stored(pixels: NDArray[Any], width: int, where: str = "tile") -> Tile:
    """Pixels of a tile as they are kept in memory.

    Raises
    ------
    SurveyError
        Raised if the shape is not that of a tile.
    """
    if pixels.shape != (width, width):
        size = " x ".join(map(str, pixels.shape))
        raise _damaged(where, f"it has {size} pixels, expected {width} x {width}")
    tile = np.ascontiguousarray(pixels, dtype=">f4").ravel().view(np.uint32)
    tile.setflags(write=False)
    return tile


def as_image(tile: Tile, width: int) -> NDArray[np.float32]:
    """Pixels of a tile as numbers, shape (width, width)."""
    return tile.view(">f4").reshape(width, width).astype(np.float32)


def _value(text: str) -> Any:
    word = text.strip()
    if word.startswith("'"):
        return word[1:].split("'")[0].rstrip()
    word = word.split("/")[0].strip()
    for kind in (int, float):
        try:
            return kind(word.replace("D", "E"))
        except ValueError:
            continue
    return {"T": True, "F": False}.get(word, word)


def _plain_pixels(data: bytes, header: dict[str, Any], start: int, where: str) -> NDArray[Any]:
    kind, shape = STORED.get(header.get("BITPIX", 0)), (header.get("NAXIS2"), header.get("NAXIS1"))
    if kind is None or not all(isinstance(side, int) and 0 < side <= 1 << 16 for side in shape):
        raise _damaged(where, "its header makes no image")
    rows, columns = int(shape[0] or 0), int(shape[1] or 0)
    count = rows * columns
    if len(data) < start + count * np.dtype(kind).itemsize:
        raise _damaged(where, "it is cut short")
    return np.frombuffer(data, dtype=kind, count=count, offset=start).reshape(rows, columns)


def _first_image(data: bytes, where: str) -> tuple[dict[str, Any], NDArray[Any]]:
    """First two-dimensional image of a file with extensions, such as a RICE compressed one."""
    from astropy.io import fits  # noqa: PLC0415 - few tiles need it
    from astropy.utils.exceptions import AstropyWarning  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(io.BytesIO(data), memmap=False, do_not_scale_image_data=True) as parts:
                for part in parts:
                    if (
                        part.header.get("NAXIS") == 2
                        and getattr(part, "is_image", True)
                        and part.data is not None
                    ):
                        return dict(part.header), np.asarray(part.data)
    except (OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError, MemoryError) as error:
        raise _damaged(where, f"it cannot be decoded ({type(error).__name__}: {error})") from None
    raise _damaged(where, "it holds no image")


def _scaled(raw: NDArray[Any], header: dict[str, Any]) -> NDArray[Any]:
    """Values of stored numbers. BLANK may be a float card, which some readers ignore: it is applied here."""
    scale, zero, empty = header.get("BSCALE", 1.0), header.get("BZERO", 0.0), header.get("BLANK")
    values = raw
    if raw.dtype.kind in "iu" or (scale, zero) != (1.0, 0.0):
        values = raw.astype(np.float64) * float(scale) + float(zero)
    if raw.dtype.kind in "iu" and isinstance(empty, int | float):
        values[raw == int(empty)] = np.nan
    return values


def _untrimmed(values: NDArray[Any], header: dict[str, Any]) -> NDArray[Any]:
    """Whole tile of a trimmed one (TRIMi, ONAXISi of the HiPS 2.0 draft)."""
    if "ONAXIS1" not in header or "ONAXIS2" not in header:
        return values
    full = np.full((int(header["ONAXIS2"]), int(header["ONAXIS1"])), np.nan)
    left, low = int(header.get("TRIM1", 0)), int(header.get("TRIM2", 0))
    part = full[low : low + values.shape[0], left : left + values.shape[1]]
    if part.shape == values.shape:
        part[:] = values
        return full
    return values


def _damaged(where: str, why: str) -> SurveyError:
    return SurveyError(
        f"The tile {where} is unusable: {why}.", advice="Fetch it again or use a mirror.", url=where
    )


@dataclass(frozen=True)
class Layout:
    """How the pixels of a plain tile lie in its file.

    Parameters
    ----------
    start : int
        Where they begin, bytes.
    item : int
        Bytes of a pixel.
    header : dict
        Cards of the header.
    """

    start: int
    item: int
    header: dict[str, Any]

    def fill(self, pixels: Tile, start: int, data: bytes) -> None:
        """Bring bytes of the file, from a place on, into a tile; halves of pixels are left out."""
        skipped = max(self.start - start, 0) if start < self.start else (self.start - start) % self.item
        first = (start + skipped - self.start) // self.item
        count = min((len(data) - skipped) // self.item, len(pixels) - first)
        if count > 0:
            raw = np.frombuffer(data, STORED[self.header["BITPIX"]], count=count, offset=skipped)
            values = np.ascontiguousarray(_scaled(raw, self.header), dtype=">f4")
            pixels[first : first + count] = values.view(np.uint32)

    def pixels_of(self, ranges: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        """Pixels that lie wholly in ranges of bytes, shape (m, 2)."""
        first = -(-(ranges[:, 0] - self.start) // self.item)
        stop = (ranges[:, 1] - self.start) // self.item
        found = np.stack([first.clip(0, most), stop.clip(0, most)], axis=1)
        return found[found[:, 1] > found[:, 0]]


def layout_of(head: bytes, width: int) -> Layout | None:
    """Layout of a tile from the beginning of its file; None when only the whole file can be decoded.

    Parameters
    ----------
    head : bytes
        First bytes of the file.
    width : int
        Side of the tile, pixels.
    """
    if not head.startswith(b"SIMPLE"):
        return None
    try:
        header, start = read_header(head)
    except SurveyError:
        return None  # the header goes on
    kind = STORED.get(header.get("BITPIX", 0))
    shape = header.get("NAXIS"), header.get("NAXIS1"), header.get("NAXIS2")
    if kind is None or shape != (2, width, width) or "ONAXIS1" in header:
        return None
    return Layout(start, np.dtype(kind).itemsize, header)


def empty_tile(width: int, pixels: NDArray[np.int64]) -> Tile:
    """A tile to be filled, which takes memory only where it has pixels: NaN there and some rows around.

    Parameters
    ----------
    width : int
        Side of the tile, pixels.
    pixels : int array, shape (m, 2)
        Ranges of the pixels that it will have, ascending.
    """
    tile: Tile = np.frombuffer(mmap.mmap(-1, 4 * width * width), dtype=np.uint32)
    if len(pixels):
        first, stop = max(int(pixels[0, 0]) - 2 * width, 0), int(pixels[-1, 1]) + 2 * width
        tile[first:stop] = NAN
    return tile
