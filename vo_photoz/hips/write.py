"""Write a FITS HiPS from images with simple TAN projection: tiles, lower orders, properties, coverage."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import SurveyError, UsageError
from vo_photoz.flow import Float32Array
from vo_photoz.hips.access.tiles import tile_path
from vo_photoz.hips.decode import as_image, decode_tile
from vo_photoz.hips.encode import encode_tile
from vo_photoz.hips.kernels.resampling import mark_empty, resample_onto_tile
from vo_photoz.hips.properties import describe, write_properties
from vo_photoz.sky.frames import tangent_frames
from vo_photoz.sky.pixels import cells_of

MOC_FILE = "Moc.fits"


@dataclass(frozen=True)
class TanImage:
    """An image in TAN projection, north up, east left.

    Parameters
    ----------
    pixels : float array, shape (h, w)
        Row 0 is the southern one; NaN where there is no value.
    ra, dec : float
        ICRS degrees of the middle of the image, ((w - 1) / 2, (h - 1) / 2) counted from 0.
    pixel_arcsec : float
        Side of a pixel.
    """

    pixels: NDArray[Any]
    ra: float
    dec: float
    pixel_arcsec: float


@dataclass(frozen=True)
class _Plan:
    """What all steps of the writing need to know."""

    root: Path
    band: str
    unit: str
    frame: str
    order: int
    width: int

    @property
    def shift(self) -> int:
        return self.width.bit_length() - 1


def write_hips(
    root: str | Path,
    images: Sequence[TanImage],
    *,
    band: str,
    pixel_order: int = 19,
    tile_width: int = 512,
    min_order: int | None = None,
    frame: str = "equatorial",
    overlap: Literal["first", "mean"] = "first",
    unit: str = "nanomaggy",
    title: str = "",
    date: str = "",
    overwrite: bool = False,
    properties: Mapping[str, str] | None = None,
) -> None:
    """Write the HiPS of one band: float32 FITS tiles, ``properties`` and ``Moc.fits``.

    The images are resampled bilinearly onto HEALPix pixels. A pixel keeps the value per *source* pixel, as in
    the HiPS of the data centres; it is NaN outside all images, and a tile without any value is not written.

    Parameters
    ----------
    root : path
        Folder to make; it appears only when it is complete.
    images : sequence of TanImage
        Images of one band, of one pixel size.
    band : str
        Name of the band.
    pixel_order : int
        HEALPix order of the pixels: 19 has 0.4026 arcsec. The tiles' order is less by log2(tile_width).
    tile_width : int
        Side of a tile, a power of two.
    min_order : int or None
        Also write the lower orders down to this one: means of the pixels that have a value.
    frame : str
        Frame of the tiles: equatorial, galactic or ecliptic.
    overlap : str
        Where images overlap: "first" takes the first that has a value, "mean" the mean.
    unit : str
        Unit of the pixel values, written as BUNIT.
    title, date : str
        For ``properties``; without a date (ISO 8601) the time of SOURCE_DATE_EPOCH, or now. The same
        images with the same date give the same bytes.
    overwrite : bool
        Replace a folder that exists.
    properties : mapping of str to str or None
        Further or other entries of ``properties``.

    Raises
    ------
    UsageError
        Raised if an argument cannot be meant.
    SurveyError
        Raised if the folder exists, or no image has a value.
    """
    shift = tile_width.bit_length() - 1
    order = pixel_order - shift
    lowest = order if min_order is None else min_order
    _check(images, tile_width, pixel_order, lowest, order)
    with _complete_folder(Path(root), overwrite) as folder:
        plan = _Plan(folder, band, unit, frame, order, tile_width)
        touched = _touched_tiles(images, frame, order, shift)
        written, limits = _write_deepest(plan, images, touched, overlap)
        if not written:
            raise SurveyError(f"No image of band {band} has a value: there is nothing to write.")
        for lower in range(order - 1, lowest - 1, -1):
            written_here = sorted({number >> 2 * (order - lower) for number in written})
            for number in written_here:
                _write_tile(plan, lower, number, _from_children(plan, lower, number))
        cells = written
        if frame != "equatorial":  # the coverage map is always ICRS
            cells = sorted(_touched_tiles(images, "equatorial", order, shift))
        fraction = _write_moc(folder / MOC_FILE, order, cells)
        about = describe(
            band=band,
            title=title,
            date=date,
            frame=frame,
            order=order,
            min_order=lowest,
            width=tile_width,
            overlap=overlap,
            source_pixel_arcsec=images[0].pixel_arcsec,
            centre=(images[0].ra, images[0].dec),
            limits=limits,
            sky_fraction=fraction,
        )
        write_properties(folder / "properties", {**about, **(properties or {})})


def _check(images: Sequence[TanImage], width: int, pixel_order: int, lowest: int, order: int) -> None:
    if not len(images):
        raise UsageError("A HiPS needs at least one image.")
    if width < 8 or width & (width - 1):
        raise UsageError(f"A tile cannot have {width} pixels a side.", advice="Give a power of two from 8.")
    if not 0 <= order <= pixel_order <= 29:
        raise UsageError(f"Pixels of order {pixel_order} cannot be grouped into tiles of {width}.")
    if not 0 <= lowest <= order:
        raise UsageError(f"The lowest order {lowest} is not between 0 and {order}.")


@contextmanager
def _complete_folder(root: Path, overwrite: bool) -> Iterator[Path]:
    """A folder that takes its name only when all is written."""
    if root.exists() and not overwrite:
        raise SurveyError(f"{root} exists.", advice="Choose another folder or allow to overwrite.")
    root.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    try:
        yield part
        part.chmod(0o755)
        if root.exists():
            shutil.rmtree(root)
        os.replace(part, root)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _touched_tiles(images: Sequence[TanImage], frame: str, order: int, shift: int) -> dict[int, list[int]]:
    """Tiles that may hold a pixel of an image: tile number -> images.

    A tile that has pixels inside an image either crosses the image's border (walked in small parts of a
    pixel) or lies within it (met by a coarse grid).
    """
    tile_arcsec = 3600 * np.degrees(np.sqrt(4 * np.pi / 12)) / 2**order
    touched: dict[int, list[int]] = {}
    for index, image in enumerate(images):
        height, width = image.pixels.shape
        fine = min(image.pixel_arcsec, tile_arcsec / 2**shift) / 8
        xi, eta = _border_and_grid(
            width * image.pixel_arcsec, height * image.pixel_arcsec, fine, tile_arcsec / 6
        )
        centre, east, north = (
            axis[0] for axis in tangent_frames(np.array([image.ra]), np.array([image.dec]), frame)
        )
        vectors = centre + np.radians(xi / 3600)[:, None] * east + np.radians(eta / 3600)[:, None] * north
        for number in np.unique(cells_of(vectors, order)):
            touched.setdefault(int(number), []).append(index)
    return touched


def _border_and_grid(width: float, height: float, fine: float, coarse: float) -> tuple[Any, Any]:
    """Points on the border of a rectangle and inside it, arcsec from its middle."""
    x = np.linspace(-width / 2, width / 2, int(width / fine) + 2)
    y = np.linspace(-height / 2, height / 2, int(height / fine) + 2)
    inner = np.meshgrid(
        np.linspace(-width / 2, width / 2, int(width / coarse) + 2),
        np.linspace(-height / 2, height / 2, int(height / coarse) + 2),
    )
    side, top = np.full_like(y, width / 2), np.full_like(x, height / 2)
    xi = np.concatenate([x, x, side, -side, inner[0].ravel()])
    eta = np.concatenate([top, -top, y, y, inner[1].ravel()])
    return xi, eta


def _write_deepest(
    plan: _Plan, images: Sequence[TanImage], touched: Mapping[int, list[int]], overlap: str
) -> tuple[list[int], tuple[float, float]]:
    """Write the tiles of the deepest order; which were written, and the range of the values."""
    written: list[int] = []
    low, high = np.inf, -np.inf
    for number in sorted(touched):
        total = np.zeros((plan.width, plan.width))
        count = np.zeros((plan.width, plan.width), np.int32)
        for index in touched[number]:
            image = images[index]
            axes = tangent_frames(np.array([image.ra]), np.array([image.dec]), plan.frame)
            pixels = np.ascontiguousarray(image.pixels, dtype=np.float32)
            step = float(np.radians(image.pixel_arcsec / 3600))
            resample_onto_tile(
                number,
                plan.order,
                plan.shift,
                pixels,
                *(axis[0] for axis in axes),
                step,
                overlap == "first",
                total,
                count,
            )
        if count.any():
            mark_empty(total, count)
            _write_tile(plan, plan.order, number, total.astype(np.float32))
            written.append(number)
            low, high = min(low, float(np.nanmin(total))), max(high, float(np.nanmax(total)))
    return written, (low, high)


def _from_children(plan: _Plan, order: int, number: int) -> Float32Array:
    """Tile of a lower order: each pixel is the mean of those of its four children that have a value."""
    half = plan.width // 2
    tile = np.full((plan.width, plan.width), np.nan, np.float32)
    for child in range(4):
        path = plan.root / tile_path(order + 1, 4 * number + child)
        if not path.exists():
            continue
        pixels = as_image(decode_tile(path.read_bytes(), plan.width, str(path)), plan.width)
        fours = pixels.reshape(half, 2, half, 2).transpose(0, 2, 1, 3).reshape(half, half, 4)
        there = np.isfinite(fours)
        sums = np.where(there, fours, 0).sum(axis=2, dtype=np.float64)
        row = 0 if child & 1 else half  # x grows downwards through the rows: tile[width - 1 - x, y]
        column = half if child & 2 else 0
        with np.errstate(invalid="ignore"):
            tile[row : row + half, column : column + half] = sums / there.sum(axis=2)
    return tile


def _write_tile(plan: _Plan, order: int, number: int, pixels: Float32Array) -> None:
    path = plan.root / tile_path(order, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    cards: dict[str, int | str] = {"BUNIT": plan.unit, "FILTER": plan.band, "ORDER": order, "NPIX": number}
    path.write_bytes(encode_tile(pixels, cards))


def _write_moc(path: Path, order: int, cells: Sequence[int]) -> float:
    """Write the coverage in the form that every reader takes; its fraction of the sky."""
    from mocpy import MOC  # noqa: PLC0415 - slow to import

    moc = MOC.from_healpix_cells(
        np.array(cells, np.uint64), np.full(len(cells), order, np.uint8), max_depth=order
    )
    # Some readers of MOC 1 take a file with ranges (the default of MOC 2) for an empty one.
    moc.save(str(path), format="fits", overwrite=True, v1_compatible=True)
    return float(moc.sky_fraction)
