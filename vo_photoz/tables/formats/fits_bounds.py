"""Whether a FITS table can be what its header says: its columns, its width, its rows and its heap."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from vo_photoz.errors import TableError
from vo_photoz.tables.bounds import MOST_COLUMNS

_BYTES = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
_BLOCK = 4 << 20


def check_header(stream: BinaryIO, source: str) -> None:
    """Look for too many columns before astropy makes an object of each; the stream is then at its beginning.

    Raises
    ------
    TableError
        Raised if a header near the beginning declares more columns than any table has.
    """
    head = stream.read(1 << 16)
    stream.seek(0)
    for found in re.finditer(rb"TFIELDS =\s*(\d+)", head):
        if int(found[1]) > MOST_COLUMNS:
            raise TableError(
                f"{source} cannot be read as FITS: it declares {int(found[1])} columns; FITS allows 999."
            )


def check_table(stream: BinaryIO, hdu: Any, source: str) -> None:
    """Compare a table with its file, before memory is taken for what the header declares.

    Parameters
    ----------
    stream : binary file
        The whole file.
    hdu : astropy.io.fits.BinTableHDU or TableHDU
        The table in it; its data are not read yet.
    source : str
        Name of the file, for errors.

    Raises
    ------
    TableError
        Raised if the columns do not fill the rows, the file ends before the last row, or an array of variable
        length lies outside the heap.
    """
    header = hdu.header
    width, rows, extra = header["NAXIS1"], header["NAXIS2"], header.get("PCOUNT", 0)
    formats = [str(header.get(f"TFORM{place}", "")) for place in range(1, header["TFIELDS"] + 1)]
    if header["XTENSION"].strip() == "BINTABLE":
        sizes = [_size(text) for text in formats]
        if None not in sizes and sum(size or 0 for size in sizes) != width:
            filled = sum(size or 0 for size in sizes)
            raise _wrong(source, f"its columns take {filled} of the {width} bytes of a row")
    before, start = stream.tell(), hdu.fileinfo()["datLoc"]
    there = stream.seek(0, io.SEEK_END) - start
    if rows < 0 or extra < 0 or width * rows + extra > there:
        raise TableError(
            f"{source} is cut off: its table has {rows} rows of {width} bytes and a heap of {extra}, "
            f"but the file ends after {there}.",
            advice="Fetch or save it again.",
        )
    places = list(_descriptors(formats))
    if extra and places:
        end = width * rows + extra - header.get("THEAP", width * rows)
        _check_heap(stream, start, width, rows, end, places, source)
    stream.seek(before)


def _wrong(source: str, what: str) -> TableError:
    return TableError(f"{source} cannot be read as FITS: {what}.", advice="Save it again.")


def _parsed(text: str) -> tuple[int, str, str] | None:
    found = re.match(r"\s*(\d*)([A-Z])([A-Z]?)", text)
    return None if found is None else (int(found[1]) if found[1] else 1, found[2], found[3])


def _size(text: str) -> int | None:
    """Bytes of a column in a row; None where the format is not known, which astropy tells."""
    found = _parsed(text)
    if found is None or (found[1] not in _BYTES and found[1] != "X"):
        return None
    return (found[0] + 7) // 8 if found[1] == "X" else found[0] * _BYTES[found[1]]


def _descriptors(formats: list[str]) -> Iterator[tuple[int, int, float]]:
    """Columns of variable length: place in the row, bytes of a number there, bytes of an element."""
    at = 0
    for text in formats:
        found, size = _parsed(text), _size(text)
        if found is not None and size and found[1] in "PQ":
            yield at, 4 if found[1] == "P" else 8, _BYTES.get(found[2], 0.125)
        at += size or 0


def _check_heap(
    stream: BinaryIO,
    start: int,
    width: int,
    rows: int,
    end: int,
    places: list[tuple[int, int, float]],
    source: str,
) -> None:
    """All arrays of variable length lie in the heap, which has ``end`` bytes."""
    step = max(_BLOCK // max(width, 1), 1)
    for first in range(0, rows, step):
        count = min(step, rows - first)
        stream.seek(start + first * width)
        block = np.frombuffer(stream.read(count * width), dtype=np.uint8).reshape(count, width)
        for at, size, element in places:
            pairs = np.ascontiguousarray(block[:, at : at + 2 * size]).view(f">i{size}").astype(np.float64)
            lengths, offsets = pairs[:, 0], pairs[:, 1]
            last = offsets + np.ceil(lengths * element)
            bad = (lengths < 0) | ((lengths > 0) & ((offsets < 0) | (last > end)))
            if bad.any():
                row = first + int(np.argmax(bad)) + 1
                raise _wrong(source, f"an array of row {row} lies outside its heap of {end} bytes")
