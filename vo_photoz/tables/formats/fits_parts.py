"""A long FITS table as small FITS files of some rows each, so that no more of it is in memory."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import TableError

_CARD = 2880
# Bytes of an element; 0 for bits.
_SIZES = {"L": 1, "X": 0, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}


def parts(stream: BinaryIO, hdu: Any, rows: int) -> Iterator[BinaryIO]:
    """FITS files of at most ``rows`` rows of a table; at least one.

    Parameters
    ----------
    stream : binary file
        The whole file.
    hdu : astropy.io.fits.BinTableHDU or TableHDU
        The table in it.
    rows : int
        Rows of a part.

    Raises
    ------
    TableError
        Raised if the file ends too early.
    """
    header = hdu.header
    start = hdu.fileinfo()["datLoc"]
    width, total = header["NAXIS1"], header["NAXIS2"]
    heap = start + header.get("THEAP", width * total)
    variable = list(_descriptors(header)) if header.get("PCOUNT") else []
    for first in range(0, max(total, 1), rows):
        count = min(rows, total - first)
        block = bytearray(_bytes(stream, start + first * width, count * width))
        behind = b""
        if variable:
            low, high = _moved(np.frombuffer(block, dtype=np.uint8).reshape(count, width), variable)
            behind = _bytes(stream, heap + low, high - low)
        yield _file(header, count, bytes(block), behind)


def _bytes(stream: BinaryIO, at: int, size: int) -> bytes:
    stream.seek(at)
    found = stream.read(size)
    if len(found) != size:
        raise TableError(
            "The FITS file is cut off: it ends inside its table.", advice="Fetch or save it again."
        )
    return found


def _file(header: Any, rows: int, block: bytes, heap: bytes) -> BinaryIO:
    own = header.copy()
    own["NAXIS2"], own["PCOUNT"] = rows, len(heap)
    for key in ("THEAP", "CHECKSUM", "DATASUM"):
        own.remove(key, ignore_missing=True)
    primary = "SIMPLE  =                    T".ljust(80) + "BITPIX  =                    8".ljust(80)
    primary += "NAXIS   =                    0".ljust(80) + "END".ljust(80)
    data = block + heap
    return io.BytesIO(
        primary.ljust(_CARD).encode("ascii")
        + own.tostring().encode("ascii")
        + data.ljust(-(-len(data) // _CARD) * _CARD, b"\0")
    )


def _descriptors(header: Any) -> Iterator[tuple[int, int, int]]:
    """Columns of variable length: place in the row, bytes of a number there, bytes of an element."""
    at = 0
    for place in range(1, header["TFIELDS"] + 1):
        found = re.match(r"\s*(\d*)([A-Z])([A-Z]?)", str(header[f"TFORM{place}"]))
        if found is None:
            continue
        repeat, letter, element = int(found[1] or 1), found[2], found[3]
        if letter in "PQ":
            size = 4 if letter == "P" else 8
            if repeat:
                yield at, size, _SIZES.get(element, 16)
            at += 2 * size * repeat
        else:
            at += (repeat + 7) // 8 if letter == "X" else repeat * _SIZES.get(letter, 0)


def _moved(block: NDArray[np.uint8], variable: list[tuple[int, int, int]]) -> tuple[int, int]:
    """First and last byte of the heap that the rows need; the rows then count from the first."""
    found = []
    for at, size, element in variable:
        pairs = np.ascontiguousarray(block[:, at : at + 2 * size]).view(f">i{size}").astype(np.int64)
        found.append((pairs, pairs[:, 0] * element if element else (pairs[:, 0] + 7) // 8))
    starts = [pairs[length > 0, 1] for pairs, length in found]
    ends = [(pairs[:, 1] + length)[length > 0] for pairs, length in found]
    low = min((int(one.min()) for one in starts if len(one)), default=0)
    high = max((int(one.max()) for one in ends if len(one)), default=0)
    for (at, size, _), (pairs, length) in zip(variable, found, strict=True):
        pairs[:, 1] = np.where(length > 0, pairs[:, 1] - low, 0)
        block[:, at : at + 2 * size] = pairs.astype(f">i{size}").view(np.uint8)
    return low, high
