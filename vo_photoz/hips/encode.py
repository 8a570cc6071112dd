"""FITS tiles: float32 pixels in, the bytes of a plain FITS file out. Opens no file."""

from __future__ import annotations

from collections.abc import Mapping

from vo_photoz.flow import Float32Array
from vo_photoz.hips.decode import BLOCK, CARD


def encode_tile(pixels: Float32Array, cards: Mapping[str, int | str]) -> bytes:
    """Bytes of a FITS file with one float32 image; the same pixels and cards give the same bytes.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
        The image, row 0 first.
    cards : mapping of str to int or str
        What the header says besides the shape.
    """
    rows, columns = pixels.shape
    shape: dict[str, int | str] = {"BITPIX": -32, "NAXIS": 2, "NAXIS1": columns, "NAXIS2": rows}
    lines = [
        "SIMPLE  =                    T",
        *(_card(key, value) for key, value in {**shape, **cards}.items()),
    ]
    head = "".join(line.ljust(CARD) for line in [*lines, "END"]).encode("ascii")
    data = pixels.astype(">f4").tobytes()
    return head.ljust(-(-len(head) // BLOCK) * BLOCK) + data + bytes(-len(data) % BLOCK)


def _card(key: str, value: int | str) -> str:
    """A card of a FITS header; long texts are cut, other than ASCII becomes a question mark."""
    if not isinstance(value, str):
        return f"{key:<8}= {value:>20}"
    text = value.encode("ascii", "replace").decode("ascii").replace("'", "''")[:68]
    return f"{key:<8}= '{text:<8}'"
