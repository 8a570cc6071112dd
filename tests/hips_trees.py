"""Small HiPS for tests, whose pixels are a known smooth function on the sphere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vo_photoz.hips.access.tiles import tile_path
from vo_photoz.hips.encode import encode_tile
from vo_photoz.hips.survey import BandPhotometry, HiPS, Survey


def smooth_function(vectors):
    """A function without symmetry; linear in the vector, so that bilinear interpolation nearly keeps it."""
    return 3.0 + vectors @ np.array([0.3, -0.5, 0.81])


def pixel_vectors(order: int, width: int, number: int):
    """Unit vectors of the pixel centres of a tile, as its FITS rows lie; by healpy, not by our kernels."""
    import healpy

    shift = width.bit_length() - 1
    row, column = np.mgrid[:width, :width]
    x, y = width - 1 - row, column
    code = np.zeros_like(x)
    for bit in range(shift):
        code |= ((x >> bit & 1) << 2 * bit) | ((y >> bit & 1) << 2 * bit + 1)
    pixel = (number << 2 * shift) + code
    return np.stack(healpy.pix2vec(1 << (order + shift), pixel, nest=True), axis=-1)


def write_properties(root: Path, **entries) -> None:
    root.mkdir(parents=True, exist_ok=True)
    known = {"hips_tile_format": "fits", "hips_frame": "equatorial", "s_pixel_scale": "1E-4", **entries}
    text = "".join(f"{key} = {value}\n" for key, value in known.items())
    (root / "properties").write_text(text, encoding="utf-8")


def write_tile(root: Path, order: int, number: int, data) -> Path:
    path = root / tile_path(order, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else encode_tile(np.asarray(data, np.float32), {}))
    return path


def whole_sky(root: Path, *, order: int = 1, width: int = 64, frame: str = "equatorial") -> Path:
    """A HiPS of the whole sky with the smooth function of directions in its own frame."""
    write_properties(root, hips_order=order, hips_order_min=order, hips_tile_width=width, hips_frame=frame)
    for number in range(12 * 4**order):
        write_tile(root, order, number, smooth_function(pixel_vectors(order, width, number)))
    return root


def survey_of(*roots: Path, **photometry) -> Survey:
    bands = tuple("ugriz"[: len(roots)])
    return Survey(
        name="test",
        title="test",
        bands=bands,
        pixel_unit="nanomaggy",
        hips={band: HiPS(root) for band, root in zip(bands, roots, strict=True)},
        photometry={band: BandPhotometry(**photometry) for band in bands},
    )
