"""Stamps at rest: an .npz file, a .zarr folder or a folder of FITS files; complete or not there at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_photoz.errors import UsageError
from vo_photoz.flow import Flag, FlagArray, Positions, Stamps
from vo_photoz.hips.cutouts import tan_wcs


def write_stamps(
    path: Path, positions: Positions, batches: Iterable[tuple[NDArray[np.intp], Stamps]]
) -> FlagArray:
    """Write the stamps of all positions, in the order of the positions.

    The batches are collected in a file beside the result, so that memory holds one of them at a time.

    Parameters
    ----------
    path : path
        NAME.npz: arrays `stamps` (n, band, y, x), `flags`, `bands`, `ra`, `dec`, `pixel_arcsec`, `unit`.
        NAME.zarr: the same, bands, pixel_arcsec and unit as attributes. Else a folder: a FITS file a row, an
        image a band.
    positions : Positions
        Rows without a valid position get NaN and the flag NO_POSITION.
    batches : iterable of (rows, Stamps)
        As `cut_stamps` gives them.

    Returns
    -------
    int16 array, shape (n,)
        Flags of all rows.

    Raises
    ------
    UsageError
        Raised if the folder to be written exists, or no position is valid.
    """
    if path.suffix != ".npz" and path.exists():
        raise UsageError(f"{path} exists.", advice="Remove it or choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        flags, pixels, last = _collect(work, positions, batches)
        about = {
            "flags": flags,
            "bands": np.array(last.bands),
            "ra": positions.ra,
            "dec": positions.dec,
            "pixel_arcsec": np.float64(last.pixel_arcsec),
            "unit": np.array(last.unit),
        }
        write = {".npz": _write_npz, ".zarr": _write_zarr}.get(path.suffix, _write_fits)
        part = work / f"part{path.suffix}"
        write(part, pixels, about)
        os.replace(part, path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return flags


def _collect(
    work: Path, positions: Positions, batches: Iterable[tuple[NDArray[np.intp], Stamps]]
) -> tuple[FlagArray, NDArray[np.float32], Stamps]:
    flags = np.where(positions.valid, 0, Flag.NO_POSITION).astype(np.int16)
    pixels: Any = None
    last: Stamps | None = None
    for rows, last in batches:
        if pixels is None:
            shape = (len(positions), *last.pixels.shape[1:])
            pixels = np.lib.format.open_memmap(work / "all.npy", mode="w+", dtype=np.float32, shape=shape)
            pixels[~positions.valid] = np.nan
        pixels[rows], flags[rows] = last.pixels, last.flags
    if last is None:
        raise UsageError("No row has a valid position: there is nothing to cut.")
    return flags, pixels, last


def _write_npz(part: Path, pixels: NDArray[np.float32], about: dict[str, Any]) -> None:
    np.savez(part, stamps=pixels, **about)


def _write_zarr(part: Path, pixels: NDArray[np.float32], about: dict[str, Any]) -> None:
    import zarr  # noqa: PLC0415 - only this format needs it

    group = zarr.open_group(part, mode="w")
    rows = max(1, min(len(pixels), (1 << 22) // pixels[0].nbytes))
    stamps = group.create_array(
        "stamps", shape=pixels.shape, chunks=(rows, *pixels.shape[1:]), dtype="float32", fill_value=np.nan
    )
    for start in range(0, len(pixels), rows):
        stamps[start : start + rows] = pixels[start : start + rows]
    for name in ("flags", "ra", "dec"):
        group.create_array(name, data=np.ascontiguousarray(about[name]))
    group.attrs.update(
        bands=about["bands"].tolist(), pixel_arcsec=float(about["pixel_arcsec"]), unit=str(about["unit"])
    )


def _write_fits(part: Path, pixels: NDArray[np.float32], about: dict[str, Any]) -> None:
    from astropy.io import fits  # noqa: PLC0415 - only this format needs it

    part.mkdir()
    size, digits = pixels.shape[3], max(4, len(str(len(pixels) - 1)))
    for row, images in enumerate(pixels):
        if about["flags"][row] & Flag.NO_POSITION:
            continue
        wcs = tan_wcs(about["ra"][row], about["dec"][row], (size, size), float(about["pixel_arcsec"]))
        primary = fits.PrimaryHDU()
        primary.header["ROW"] = row, "row of the table, from 0"
        primary.header["FLAGS"] = int(about["flags"][row]), "bits of photoz_flag"
        parts = [primary]
        for band, image in zip(about["bands"], images, strict=True):
            header = wcs.to_header()
            header["FILTER"], header["BUNIT"] = str(band), str(about["unit"])
            parts.append(fits.ImageHDU(np.asarray(image), header, name=str(band)))
        fits.HDUList(parts).writeto(part / f"row_{row:0{digits}d}.fits")
