"""FITS tiles: float32 pixels in, the bytes of a plain FITS file out. Opens no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vo_photoz.flow import Float32Array
from vo_photoz.hips.decode import BLOCK, CARD

Cards = Mapping[str, float | str]


def encode_tile(pixels: Float32Array, cards: Cards) -> bytes:
    """Bytes of a FITS file with one float32 image; the same pixels and cards give the same bytes.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
        The image, row 0 first.
    cards : mapping of str to int, float or str
        What the header says besides the shape.
    """
    rows, columns = pixels.shape
    shape: Cards = {"BITPIX": -32, "NAXIS": 2, "NAXIS1": columns, "NAXIS2": rows}
    data = pixels.astype(">f4").tobytes()
    return _header("SIMPLE  =                    T", {**shape, **cards}) + _filled(data, b"\0")


def encode_images(cards: Cards, images: Sequence[tuple[str, Float32Array, Cards]]) -> bytes:
    """Bytes of a FITS file with one extension for each image.

    Parameters
    ----------
    cards : mapping of str to int, float or str
        Primary header.
    images : sequence of (name, pixels, cards)
        EXTNAME, pixels (rows, columns) and further cards.
    """
    parts = [_header("SIMPLE  =                    T", {"BITPIX": 8, "NAXIS": 0, "EXTEND": True, **cards})]
    for name, pixels, more in images:
        rows, columns = pixels.shape
        shape: Cards = {
            "BITPIX": -32,
            "NAXIS": 2,
            "NAXIS1": columns,
            "NAXIS2": rows,
            "PCOUNT": 0,
            "GCOUNT": 1,
        }
        parts.append(_header("XTENSION= 'IMAGE   '", {**shape, "EXTNAME": name, **more}))
        parts.append(_filled(pixels.astype(">f4").tobytes(), b"\0"))
    return b"".join(parts)


def _header(first: str, cards: Cards) -> bytes:
    lines = [first, *(_card(key, value) for key, value in cards.items()), "END"]
    return _filled("".join(line.ljust(CARD) for line in lines).encode("ascii"), b" ")


def _filled(data: bytes, with_what: bytes) -> bytes:
    """Bytes up to the next full block."""
    return data + with_what * (-len(data) % BLOCK)


def _card(key: str, value: float | str) -> str:
    """A card of a FITS header; long texts are cut, other than ASCII becomes a question mark."""
    if isinstance(value, bool):
        return f"{key:<8}= {'T' if value else 'F':>20}"
    if not isinstance(value, str):
        return f"{key:<8}= {value!r:>20}"
    text = value.encode("ascii", "replace").decode("ascii").replace("'", "''")[:68]
    return f"{key:<8}= '{text:<8}'"
